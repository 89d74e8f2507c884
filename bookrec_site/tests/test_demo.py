"""`make demo` from the outside: what it says, what it restarts, and that it leaves nothing."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import psutil
import pytest
from django.conf import settings
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command

from accounts.models import User
from bookrec_site.demo.errors import DemoError
from bookrec_site.demo.logins import demo_logins
from bookrec_site.demo.options import DemoOptions
from bookrec_site.demo.supervision import programs
from bookrec_site.tests.waiting import (
    assert_all_end,
    kill_and_clear_away,
    processes_in,
    until,
    with_words,
)

READY = "Ctrl-C stops everything."


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class SmallDemo:
    """A running small demo, and what it has said so far."""

    def __init__(
        self,
        local_dir: Path,
        port: int,
        *preparation: str,
        postgres: bool = False,
        stdin: int = subprocess.DEVNULL,
    ) -> None:
        self.local_dir = local_dir
        self.url = f"http://127.0.0.1:{port}/"
        self.output = local_dir.with_name("output.txt")
        environment = os.environ | {"BOOKREC_LOCAL_DIR": str(local_dir), "PORT": str(port)}
        for name in ("DATABASE_URL", "REDIS_URL", "HOST", "DEMO_PASSWORD"):
            environment.pop(name, None)
        if not postgres:
            # A named server is not started; nothing here connects to it.
            environment["DATABASE_URL"] = "postgresql://nowhere.invalid/bookrec"
        with self.output.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bookrec_site.tests.small_demo", *preparation],
                env=environment,
                stdin=stdin,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def said(self, words: str) -> bool:
        assert self.process.poll() is None, self.output.read_text()
        return words in self.output.read_text()

    def until_it_says(self, words: str) -> None:
        until(lambda: self.said(words))

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def page(self) -> bytes | None:
        try:
            with urllib.request.urlopen(self.url, timeout=30) as answer:
                return answer.read()
        except OSError:
            return None

    def find(self, words: str) -> psutil.Process:
        """The oldest process with these words in its command line."""
        return with_words(words, processes_in(self.local_dir))[0]


@pytest.fixture
def start_demo(tmp_path: Path) -> Iterator[Callable[..., SmallDemo]]:
    """Starts small demos of one folder; whatever is left of them at the end is killed."""
    local_dir = tmp_path / "a 50% demo" / ".local"
    local_dir.mkdir(parents=True)
    port = free_port()

    def start(*preparation: str, **options: int) -> SmallDemo:
        return SmallDemo(local_dir, port, *preparation, **options)

    yield start
    kill_and_clear_away(local_dir)


def test_demo_says_where_it_is_restarts_what_dies_and_ends_with_ctrl_c(
    start_demo: Callable[..., SmallDemo],
) -> None:
    demo = start_demo(postgres=True)
    demo.until_it_says(READY)
    passwords = json.loads((demo.local_dir / "demo_passwords.json").read_text())
    for words in (demo.url, passwords["reader"], passwords["curator"], str(demo.local_dir / "log")):
        assert demo.said(words)
    assert demo.page() == b"small"

    second = subprocess.run(
        [sys.executable, "-m", "bookrec_site.tests.small_demo"],
        env=os.environ | {"BOOKREC_LOCAL_DIR": str(demo.local_dir)},
        capture_output=True,
        text=True,
    )
    assert second.returncode == 1
    assert f"A demo of this folder runs already: {demo.url}" in second.stderr

    for words in ("gunicorn", "keeper redis", "bookrec_site.embedded postgres"):
        victim = demo.find(words)
        victim.kill()
        until(lambda words=words, victim=victim: _successor(demo, words, victim))
    until(lambda: demo.page() == b"small")

    everything = processes_in(demo.local_dir)
    assert demo.end(signal.SIGINT) == 0
    assert_all_end(everything)
    assert processes_in(demo.local_dir) == []


def _successor(demo: SmallDemo, words: str, victim: psutil.Process) -> bool:
    found = with_words(words, processes_in(demo.local_dir))
    return any(process.create_time() > victim.create_time() for process in found)


@pytest.mark.parametrize("victim", ["small_demo", "supervisord"])
def test_nothing_outlives_a_killed_demo_or_process_manager(
    start_demo: Callable[..., SmallDemo], victim: str
) -> None:
    demo = start_demo()
    demo.until_it_says(READY)
    everything = processes_in(demo.local_dir)

    demo.find(victim).kill()

    assert demo.process.wait(timeout=60) != 0
    if sys.platform != "linux":
        return  # There the next start cleans up.
    assert_all_end(everything)


# A manage.py command that says a word and then waits for ever.
WAIT = ("shell", "-c", "print('at work', flush=True); import signal; signal.pause()")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_demo_ends_in_the_middle_of_a_preparation(
    start_demo: Callable[..., SmallDemo], number: signal.Signals
) -> None:
    demo = start_demo(*WAIT)
    demo.until_it_says("at work")

    assert demo.end(number) == 0
    assert processes_in(demo.local_dir) == []


def test_demo_ends_when_its_terminal_closes(start_demo: Callable[..., SmallDemo]) -> None:
    terminal, other_end = os.openpty()
    demo = start_demo(*WAIT, stdin=other_end)
    os.close(other_end)
    demo.until_it_says("at work")

    # Nobody sends a SIGHUP here: the demo is not of the terminal's session.
    os.close(terminal)

    assert demo.process.wait(timeout=60) == 0
    assert processes_in(demo.local_dir) == []


def test_demo_ends_when_a_preparation_fails(start_demo: Callable[..., SmallDemo]) -> None:
    demo = start_demo("no_such_command")

    assert demo.process.wait(timeout=60) == 1
    assert "`manage.py no_such_command` failed; see above." in demo.output.read_text()
    assert processes_in(demo.local_dir) == []


def test_taken_port_is_found_before_anything_is_started(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        demo = SmallDemo(tmp_path / ".local", other.getsockname()[1], postgres=True)

        assert demo.process.wait(timeout=60) == 1

    assert "is taken by another program" in demo.output.read_text()
    assert not (tmp_path / ".local" / "postgres").exists()


@pytest.mark.parametrize("port", ["0", "65536", "80a", "-1", "8000.0", "٨٠٠٠"])
def test_port_must_be_a_port(port: str) -> None:
    with pytest.raises(DemoError, match="must be a whole number from 1 to 65535"):
        DemoOptions.from_environment({"PORT": port})


def test_empty_demo_password_is_an_error() -> None:
    with pytest.raises(DemoError, match="DEMO_PASSWORD is empty"):
        DemoOptions.from_environment({"DEMO_PASSWORD": ""})


@pytest.mark.parametrize(
    ("host", "bind", "url", "local"),
    [
        ("127.0.0.1", "127.0.0.1:8000", "http://127.0.0.1:8000", True),
        ("0.0.0.0", "0.0.0.0:8000", "http://127.0.0.1:8000", False),
        ("::1", "[::1]:8000", "http://[::1]:8000", True),
        ("::", "[::]:8000", "http://[::1]:8000", False),
    ],
)
def test_addresses_of_a_host(host: str, bind: str, url: str, local: bool) -> None:
    options = DemoOptions.from_environment({"HOST": host})

    assert (options.bind, options.url, options.is_for_this_machine_only) == (bind, url, local)


def test_host_that_is_no_address_is_an_error() -> None:
    options = DemoOptions.from_environment({"HOST": "nowhere.invalid"})

    with pytest.raises(DemoError, match='HOST is "nowhere.invalid", and that is no address'):
        options.check_address()


def test_servers_of_the_environment_are_not_run_by_the_demo() -> None:
    options = DemoOptions.from_environment({})

    assert {p.name for p in programs(options, [])} == {"web", "worker", "training", "beat"}
    assert {p.name for p in programs(options, ["redis"])} == {
        "redis",
        "web",
        "worker",
        "training",
        "beat",
    }


def test_every_queue_has_one_worker() -> None:
    options = DemoOptions.from_environment({})
    queues = [
        program.arguments[program.arguments.index("--queues") + 1]
        for program in programs(options, [])
        if "--queues" in program.arguments
    ]
    routed = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}

    assert sorted(queues) == sorted({settings.CELERY_TASK_DEFAULT_QUEUE, *routed})


def test_random_passwords_are_kept_and_private(tmp_path: Path) -> None:
    first = demo_logins(tmp_path, None)

    assert demo_logins(tmp_path, None) == first
    assert len({login.password for login in first}) == 2
    mode = (tmp_path / "demo_passwords.json").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_cut_off_password_file_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "demo_passwords.json").write_text('{"reader": "abc')

    assert [login.username for login in demo_logins(tmp_path, None)] == ["reader", "curator"]


@pytest.fixture
def demo_password(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DEMO_PASSWORD", "tolstoy-1869")
    return "tolstoy-1869"


@pytest.mark.django_db
def test_demo_users_can_log_in_and_curator_may_edit_catalogue_and_training(
    demo_password: str,
) -> None:
    call_command("create_demo_users", stdout=StringIO())

    reader = authenticate(username="reader", password=demo_password)
    curator = authenticate(username="curator", password=demo_password)
    assert isinstance(reader, User)
    assert isinstance(curator, User)
    assert not reader.is_staff
    assert not reader.get_all_permissions()
    assert curator.is_staff
    assert not curator.is_superuser
    assert curator.has_perm("catalog.change_book")
    assert curator.has_perms(
        ["recommender.change_trainingrun", "django_celery_beat.change_periodictask"]
    )
    assert curator.has_perms(["ratings.add_bookmerge", "moderation.act_on_profile"])
    assert not curator.has_perm("accounts.change_user")
    assert not curator.has_perm("ratings.view_rating")
    apps = {permission.split(".")[0] for permission in curator.get_all_permissions()}
    assert apps == {
        "accounts",
        "catalog",
        "django_celery_beat",
        "moderation",
        "ratings",
        "recommender",
        "reports",
    }


@pytest.mark.django_db
def test_making_demo_users_again_ends_no_session(demo_password: str) -> None:
    call_command("create_demo_users", stdout=StringIO())
    before = User.objects.get(username="reader").get_session_auth_hash()

    call_command("create_demo_users", stdout=StringIO())

    assert User.objects.get(username="reader").get_session_auth_hash() == before


@pytest.mark.django_db
def test_new_demo_password_replaces_the_old_one(
    demo_password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_command("create_demo_users", stdout=StringIO())
    monkeypatch.setenv("DEMO_PASSWORD", "austen-1813")

    call_command("create_demo_users", stdout=StringIO())

    assert authenticate(username="curator", password=demo_password) is None
    assert authenticate(username="curator", password="austen-1813") is not None


def test_demo_users_are_refused_in_production(settings: object) -> None:
    settings.PRODUCTION = True

    with pytest.raises(CommandError, match="do not belong on a public site"):
        call_command("create_demo_users")


def test_database_that_does_not_answer_is_named(tmp_path: Path) -> None:
    environment = os.environ | {
        "BOOKREC_LOCAL_DIR": str(tmp_path / ".local"),
        "DATABASE_URL": f"postgresql://bookrec@127.0.0.1:{free_port()}/bookrec",
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "PORT": str(free_port()),
    }
    demo = subprocess.run(
        [sys.executable, "-m", "bookrec_site.demo"], env=environment, capture_output=True, text=True
    )

    assert demo.returncode == 1
    assert "The database of DATABASE_URL does not answer" in demo.stderr
    assert "Traceback" not in demo.stderr
