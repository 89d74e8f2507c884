"""What breaks, breaks for real: processes are killed, servers stopped, disks full, files spoilt.

One demo serves all of these tests. In each a reader asks for lists and rates from beginning to
end, and afterwards no rating is lost, no run is under way, there are the files of the runs and no
others, and a new run goes live.
"""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from bookrec_site.tests.failing_site import FailingSite
from bookrec_site.tests.waiting import PATIENCE, assert_all_end, each_alone, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="stops processes by way of /proc"),
]


BEAT = ("celery", "--app", "bookrec_site", "beat", "--loglevel", "INFO")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[FailingSite]:
    site = FailingSite(tmp_path_factory.mktemp("failures"))
    try:
        site.start()
        # A run to fall back to behind the active one.
        site.train()
        yield site
    finally:
        site.end()


def test_worker_killed_while_fitting(site: FailingSite) -> None:
    with site.watched():
        run, processes = site.frozen_run(lambda run: site.run(run)[1] == "lists")
        # A run that was quicker than the stop has gone live meanwhile.
        before = site.active()
        for process in processes:
            process.kill()
        # The scheduled reaper, in the other worker.
        assert site.until_over(run) == (
            "failed",
            "The process that worked at it died (lists).",
        )
        assert site.active() == before
        site.train()


def test_worker_killed_with_half_an_artifact_written(site: FailingSite) -> None:
    """The whole worker: the process manager starts it again."""
    with site.watched():
        run, _ = site.frozen_run(lambda run: site.drafts(f".run-{run:06d}-*.staging-*") != [])
        before = site.active()
        worker = site.program("--queues training")
        worker.kill()
        assert site.drafts() != []
        status, reason = site.until_over(run)
        assert status == "failed"
        assert "died (publishing)" in reason
        until(lambda: site.drafts() == [])
        assert site.active() == before
        site.until_restarted("--queues training", worker)
        site.train()


def test_worker_killed_between_publishing_and_going_live(site: FailingSite) -> None:
    """A lock on the active run's row, which gives way to no other: the pointer cannot move."""
    with site.watched():
        before = site.active()
        connection = site.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT FROM recommender_trainingrun WHERE id = %s FOR NO KEY UPDATE",
                    [before[0]],
                )
            run = site.request_run()
            until(lambda: _is_waited_for(site, connection), PATIENCE)
            name = site.run(run)[2]
            assert (site.artifacts / name / "meta.json").exists()
            for process in site.program("--queues training").children():
                process.kill()
        finally:
            connection.close()
        status, reason = site.until_over(run)
        assert (status, reason) == ("failed", "The process that worked at it died (publishing).")
        # The row is closed first, then the files go.
        until(lambda: not (site.artifacts / name).exists())
        assert site.active() == before
        site.train()


def _is_waited_for(site: FailingSite, connection: Any) -> bool:
    pid = connection.info.backend_pid
    return bool(site.rows("SELECT pid FROM pg_locks WHERE %s = ANY(pg_blocking_pids(pid))", pid))


def _n_waiting_for(site: FailingSite, table: str) -> int:
    """How many sessions wait for a lock while they work at a table."""
    [[n]] = site.rows(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s",
        f"%{table}%",
    )
    return n


def test_worker_told_to_end_finishes_its_run(site: FailingSite) -> None:
    """Warm shutdown: SIGTERM to the worker in the middle of a run."""
    with site.watched():
        run, processes = site.frozen_run(lambda run: site.run(run)[1] == "lists")
        worker = site.program("--queues training")
        worker.terminate()
        for process in processes:
            process.resume()
        assert site.until_over(run) == ("active", "")
        worker.wait(timeout=PATIENCE)
        site.until_restarted("--queues training", worker)
        site.train()


def test_redis_stopped_and_started_again(site: FailingSite) -> None:
    """A run that is requested meanwhile reaches no worker, and is sent again."""
    with site.watched() as watch:
        keeper = site.program("keeper redis")
        [redis] = keeper.children()
        # Else it would start the server again at once.
        keeper.suspend()
        try:
            redis.kill()
            assert_all_end([redis])
            run = site.request_run()
            stopped_at = time.monotonic()
            until(lambda: {"list", "rating"} <= set(watch.good_since(stopped_at)), PATIENCE)
            status, health = site.ready()
            assert (status, health["status"], health["checks"]["redis"]) == (
                200,
                "degraded",
                "down",
            )
            assert site.run(run)[0] == "queued"
        finally:
            keeper.resume()
        until(lambda: site.ready()[1]["status"] == "ready", PATIENCE)
        # Two minutes, which are not waited for here.
        site.rows(
            "UPDATE recommender_trainingrun SET requested_at = now() - interval '3 minutes'"
            " WHERE id = %s",
            run,
        )
        assert site.until_over(run) == ("active", "")
        site.train()


def test_postgresql_restarted_in_the_middle_of_a_run(site: FailingSite) -> None:
    """Requests may fail while it is away; no process has to be restarted afterwards."""
    words = ("gunicorn", "--queues default", "--queues training", "beat --loglevel")
    before = {word: site.program(word).pid for word in words}
    with site.watched(away=True) as watch:
        run, processes = site.frozen_run(lambda run: site.run(run)[1] == "lists")
        server = site.program(f"-D {site.local_dir / 'postgres'}")
        stopped_at = time.monotonic()
        server.send_signal(signal.SIGINT)
        server.wait(timeout=PATIENCE)
        for process in processes:
            process.resume()
        until(lambda: _answers(site), PATIENCE)
        back_at = time.monotonic()
        status, reason = site.until_over(run)
        assert (status, bool(reason)) in {("active", False), ("failed", True)}
        site.train()
        until(lambda: {"list", "rating"} <= set(watch.good_since(back_at)), PATIENCE)
    for answer in watch.failures:
        # Asked before the server was there again, and not answered before it went.
        assert answer.asked_at < back_at, answer
        assert answer.answered_at > stopped_at, answer
        assert answer.status in (500, 503), answer
    assert {word: site.program(word).pid for word in words} == before
    # Beat too goes on: the reaper comes again.
    log = site.local_dir / "log" / "beat.log"
    n = _n_sent(log, "tend training runs")
    until(lambda: _n_sent(log, "tend training runs") > n, PATIENCE)


def _answers(site: FailingSite) -> bool:
    return site.ready()[1]["status"] == "ready"


def test_disk_full_while_an_artifact_is_written(site: FailingSite) -> None:
    before = site.active()
    with site.watched():
        with site.full_disk(left=100_000):
            status, reason = site.until_over(site.request_run())
            assert status == "failed"
            assert "No space left on device" in reason or "File too large" in reason
            assert site.drafts() == []
            assert site.active() == before
        site.train()


def _truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _flipped(content: bytes) -> bytes:
    return content[:-3] + bytes([content[-3] ^ 1]) + content[-2:]


@pytest.mark.parametrize("damage", [_truncated, _flipped])
def test_damaged_artifact_while_web_processes_restart(
    site: FailingSite, damage: Callable[[bytes], bytes]
) -> None:
    before, _ = site.active()
    run = site.train()
    _until_every_worker_serves(site, run)
    file = max((site.artifacts / site.active()[1]).glob("*.npy"), key=lambda p: p.stat().st_size)
    content = file.read_bytes()
    try:
        with site.watched():
            file.write_bytes(damage(content))
            # Those that had loaded it go on; a restarted one falls back to what many read.
            until(lambda: site.ready()[1]["checks"]["model"] == "damaged", PATIENCE)
            assert site.list_of_run() == run
            _restart_web(site)
            status, health = site.ready()
            assert (status, health["status"]) == (200, "degraded")
            assert health["checks"]["model"] == "stale"
            assert site.list_of_run() is None

            done = site.manage("rollback_run", str(before))
            assert f"Run {before} is live again" in done.stdout, done.stderr
            until(lambda: _answers(site), PATIENCE)
            assert site.list_of_run() == before
    finally:
        file.write_bytes(content)


def _until_every_worker_serves(site: FailingSite, run: int) -> None:
    """Let one of gunicorn's workers answer at a time: each loads a run when it is first asked."""
    for _worker in each_alone(site.program("gunicorn").children()):
        until(lambda: site.list_of_run() == run, PATIENCE)


def _restart_web(site: FailingSite) -> None:
    """Replace gunicorn's workers one after the other, as on a change of the configuration."""
    master = site.program("gunicorn")
    old = master.children()
    master.send_signal(signal.SIGHUP)
    _, alive = psutil.wait_procs(old, timeout=PATIENCE)
    assert not alive


def test_two_beats_start_one_run(site: FailingSite, tmp_path: Path) -> None:
    name = "nightly training run"
    first, second = site.local_dir / "log" / "beat.log", tmp_path / "beat.log"
    already = _n_sent(first, name)
    with site.watched():
        site.schedule(name, every_seconds=2, kwargs='{"kind": "quick"}')
        beat = site.second(*BEAT, log=second)
        try:
            until(lambda: _n_sent(second, name) >= 2 and _n_sent(first, name) > already, PATIENCE)
        finally:
            # Not TERM: Celery's exit is an exception, which is lost where it meets a broad
            # `except`, and how a beat ends is not what is looked at.
            beat.kill()
            beat.wait(timeout=PATIENCE)
            site.schedule(name, every_seconds=2, enabled=False)
        [(run,)] = site.rows(
            "SELECT id FROM recommender_trainingrun WHERE trigger = 'schedule' ORDER BY id"
        )
        assert site.until_over(run) == ("active", "")


def _n_sent(log: Path, name: str) -> int:
    return log.read_text(errors="replace").count(f"Sending due task {name}")


def test_of_two_processes_that_request_a_run_one_gets_it(site: FailingSite) -> None:
    """Both have found that no run is under way when the first of them writes its row."""
    with site.watched():
        connection = site.connect()
        try:
            with connection.cursor() as cursor:
                # Rows may be read, none written.
                cursor.execute("LOCK TABLE recommender_trainingrun IN SHARE MODE")
                for clerk in (0, 1):
                    site.order("request", clerk)
                until(
                    lambda: _n_waiting_for(site, 'INSERT INTO "recommender_trainingrun"') == 2,
                    PATIENCE,
                )
        finally:
            connection.close()
        answers = [site.answer(clerk) for clerk in (0, 1)]
        [run] = [answer["run"] for answer in answers if "run" in answer]
        [refusal] = [answer["refused"] for answer in answers if "refused" in answer]
        assert "one at a time" in refusal
        assert site.until_over(run) == ("active", "")


def test_a_clock_that_jumps_neither_closes_a_living_run_nor_keeps_a_dead_one(
    site: FailingSite,
) -> None:
    """Two clocks can jump: that of the reaper's process, set wrong here by a day either way, and
    the database's, for which the heartbeat is moved in place of the clock."""
    day = 86_400
    with site.watched():
        run, processes = site.frozen_run(lambda run: site.run(run)[1] == "lists")
        for jump in ("0 seconds", "-1 day", "1 day"):
            _move_heartbeat(site, run, jump)
            for seconds in (day, -day):
                assert site.tell(f"reap {seconds}") == {"closed": []}
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, timeout=PATIENCE)
        # The session of the dead process ends, and with it its lock.
        _move_heartbeat(site, run, "1 day")
        until(lambda: site.tell(f"reap {-day}")["closed"] or run not in site.under_way(), PATIENCE)
        assert site.until_over(run)[0] == "failed"
        site.train()


def _move_heartbeat(site: FailingSite, run: int, by: str) -> None:
    site.rows(
        "UPDATE recommender_trainingrun SET heartbeat_at = now() + %s::interval WHERE id = %s",
        by,
        run,
    )
