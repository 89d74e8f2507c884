"""The embedded servers, with real processes: who starts them, who stops them, what survives."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dj_database_url
import psutil
import psycopg2
import pytest
import redis
from kombu import Connection

from bookrec_site.embedded import broker_url, database_url, redis_url
from bookrec_site.embedded.commands import missing_services, needs_services, services
from bookrec_site.embedded.errors import EmbeddedServiceError
from bookrec_site.embedded.folders import private_folder
from bookrec_site.embedded.places import Places
from bookrec_site.embedded.usage import Usage
from bookrec_site.tests.waiting import (
    PATIENCE,
    assert_all_end,
    kill_and_clear_away,
    processes_in,
    until,
)

# Too long for a Unix socket, and full of what URLs and configuration files give a meaning to.
DEEP = Path("spaces, 100% \"quoted\" 'ünïcode' #;&?", "d" * 60, "e" * 60, ".local")


@pytest.fixture
def local_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for servers of this test; nothing may run for it at the end."""
    with empty_place(tmp_path / ".local", monkeypatch) as directory:
        yield directory


@pytest.fixture
def deep_local_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The same, too deep for a socket, so that it gets folders in /tmp."""
    with empty_place(tmp_path / DEEP, monkeypatch) as directory:
        yield directory


@contextmanager
def empty_place(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("BOOKREC_LOCAL_DIR", str(directory))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    yield directory
    assert kill_and_clear_away(directory) == []


def hold(name: str) -> subprocess.Popen[bytes]:
    """Another process that uses the server until it is told to stop."""
    return subprocess.Popen([sys.executable, "-m", "bookrec_site.embedded", name])


def redis_process(local_dir: Path) -> psutil.Process:
    with redis.from_url(redis_url(local_dir)) as client:
        return psutil.Process(client.info("server")["process_id"])


def keeper_process(name: str, local_dir: Path) -> psutil.Process:
    return psutil.Process(int(Places.of(name, local_dir).keeper_lock.read_text()))


def query(local_dir: Path, statement: str) -> list[tuple]:
    with closing(psycopg2.connect(database_url(local_dir))) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize("directory", [Path("/srv/bookrec/.local"), "/srv" / DEEP])
def test_addresses_are_known_without_touching_anything(directory: Path) -> None:
    postgres, redis_server = Places.of("postgres", directory), Places.of("redis", directory)

    assert dj_database_url.parse(database_url(directory))["HOST"] == str(postgres.runtime_dir)
    options = redis.ConnectionPool.from_url(redis_url(directory, 3)).connection_kwargs
    assert (options["path"], options["db"]) == (str(redis_server.socket), 3)
    assert max(len(os.fsencode(places.socket)) for places in (postgres, redis_server)) <= 103
    assert not directory.exists()


def test_broker_url_leaves_other_addresses_as_they_are() -> None:
    url = "rediss://user:secret@redis.example:6380/2"
    assert broker_url(url) == url


def test_first_user_starts_and_last_user_stops(local_dir: Path) -> None:
    with Usage("redis", local_dir):
        server = redis_process(local_dir)
        with Usage("redis", local_dir):
            assert redis_process(local_dir) == server
        assert redis_process(local_dir) == server

    assert processes_in(local_dir) == []
    assert not Places.of("redis", local_dir).runtime_dir.exists()


def test_users_that_come_and_go_at_once_all_find_a_server(local_dir: Path) -> None:
    visit = """
import sys
from pathlib import Path
import redis
from bookrec_site.embedded import redis_url
from bookrec_site.embedded.usage import Usage
directory = Path(sys.argv[1])
for _ in range(5):
    with Usage("redis", directory), redis.from_url(redis_url(directory)) as client:
        client.ping()
"""
    command = [sys.executable, "-c", visit, str(local_dir)]
    visitors = [subprocess.Popen(command) for _ in range(4)]

    assert [visitor.wait(timeout=PATIENCE) for visitor in visitors] == [0, 0, 0, 0]
    assert processes_in(local_dir) == []


def test_server_stops_when_its_only_user_is_killed(local_dir: Path) -> None:
    user = hold("redis")
    # Only what holds the gate knows when the other one has started it.
    until(lambda: Places.of("redis", local_dir).socket.exists())
    with Usage("redis", local_dir):
        ours = [redis_process(local_dir), keeper_process("redis", local_dir)]
    assert ours[0].is_running()

    user.kill()
    user.wait()

    assert_all_end(ours)


def test_user_that_is_told_to_end_waits_until_the_server_is_gone(local_dir: Path) -> None:
    user = hold("redis")
    until(lambda: Places.of("redis", local_dir).socket.exists())
    with Usage("redis", local_dir):
        server = redis_process(local_dir)
    assert server.is_running()

    user.send_signal(signal.SIGTERM)

    assert user.wait(timeout=PATIENCE) == 0
    assert not server.is_running()


def test_keeper_starts_a_killed_server_again(local_dir: Path) -> None:
    def running() -> psutil.Process | None:
        try:
            return redis_process(local_dir)
        except redis.ConnectionError:
            return None

    with Usage("redis", local_dir):
        killed = redis_process(local_dir)
        killed.kill()
        killed.wait(timeout=PATIENCE)

        assert until(running) != killed


def test_server_ends_with_a_killed_keeper_and_its_user_ends_too(local_dir: Path) -> None:
    user = hold("redis")
    until(lambda: Places.of("redis", local_dir).socket.exists())
    with Usage("redis", local_dir):
        server = redis_process(local_dir)
        keeper_process("redis", local_dir).kill()

        # The process manager starts such a user again, and that one starts the server again.
        assert user.wait(timeout=PATIENCE) == 1
        with Usage("redis", local_dir):
            assert redis_process(local_dir) != server
            assert server not in processes_in(local_dir)


def test_postgres_keeps_its_data_through_a_crash_in_a_deep_folder(deep_local_dir: Path) -> None:
    data = Places.of("postgres", deep_local_dir).data_dir
    # What an initdb that was killed half-way leaves.
    unfinished = data.with_name("postgres.unfinished")
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")

    with Usage("postgres", deep_local_dir):
        query(deep_local_dir, "CREATE TABLE kept (number int)")
        query(deep_local_dir, "INSERT INTO kept VALUES (42)")
        everything = processes_in(deep_local_dir)
        for process in everything:
            process.kill()
        assert_all_end(everything)
        # The pid file now names a process that lives, and that is no PostgreSQL.
        lines = (data / "postmaster.pid").read_text().splitlines()
        (data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

        with Usage("postgres", deep_local_dir):
            assert query(deep_local_dir, "SELECT number FROM kept") == [(42,)]
            assert query(
                deep_local_dir,
                "SELECT current_setting('listen_addresses'), current_setting('fsync'), rolsuper,"
                " rolcreatedb FROM pg_roles WHERE rolname = current_user",
            ) == [("", "on", False, True)]


def test_redis_serves_celery_in_a_deep_folder(deep_local_dir: Path) -> None:
    with Usage("redis", deep_local_dir):
        with Connection(broker_url(redis_url(deep_local_dir, 5))) as connection:
            connection.SimpleQueue("errands").put({"errand": 1})
        with redis.from_url(redis_url(deep_local_dir, 5)) as client:
            assert client.llen("errands") == 1
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_data_of_another_postgres_version_is_left_alone(local_dir: Path) -> None:
    data = local_dir / "postgres"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("17\n")

    with pytest.raises(EmbeddedServiceError, match="made by PostgreSQL 17, and this is 18"):
        Usage("postgres", local_dir).__enter__()

    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


def test_link_to_another_folder_is_no_private_folder(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (tmp_path / "ours").symlink_to(theirs)

    with pytest.raises(EmbeddedServiceError, match="is not a folder of the user"):
        private_folder(tmp_path / "ours")


def test_private_folder_is_closed_again_when_it_was_opened(tmp_path: Path) -> None:
    folder = private_folder(tmp_path / "run" / "redis")
    folder.chmod(0o755)

    assert stat.S_IMODE(private_folder(folder).stat().st_mode) == 0o700


def test_server_that_cannot_start_says_why(local_dir: Path) -> None:
    (local_dir / "redis" / "dump.rdb").mkdir(parents=True)

    with pytest.raises(EmbeddedServiceError, match="(?s)redis did not start: .*Unexpected EOF"):
        Usage("redis", local_dir).__enter__()


@pytest.mark.parametrize(
    "arguments",
    [[], ["--version"], ["help"], ["check", "--deploy"], ["collectstatic"], ["migrate", "--help"]],
)
def test_commands_that_read_files_only_start_nothing(arguments: list[str]) -> None:
    assert not needs_services(["manage.py", *arguments])


@pytest.mark.parametrize("arguments", [["migrate"], ["runserver"], ["some_new_command", "-v", "2"]])
def test_other_commands_find_the_servers_running(arguments: list[str]) -> None:
    assert needs_services(["manage.py", *arguments])


def test_only_the_server_that_is_not_named_is_started(
    local_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nowhere/bookrec")

    assert missing_services() == ["redis"]
    with services(local_dir):
        assert redis_process(local_dir).is_running()
    assert not (local_dir / "postgres").exists()
