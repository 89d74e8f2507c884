"""Tests of Spark are skipped where it cannot run, but not by `make cluster-test`."""

from collections.abc import Iterator

import pytest

from bookrec_site.tests.spark import standalone


@pytest.fixture
def nothing_there(monkeypatch, settings, tmp_path) -> Iterator[str]:
    """Why there can be no cluster: the jar is away, if nothing else is."""
    monkeypatch.delenv("CLUSTER_TEST", raising=False)
    settings.SPARK = settings.SPARK | {"jdbc_jar": tmp_path / "away.jar"}
    standalone.missing.cache_clear()
    why = standalone.missing()
    assert why is not None
    yield why
    standalone.missing.cache_clear()


def test_without_spark_its_tests_are_skipped(nothing_there) -> None:
    with pytest.raises(pytest.skip.Exception) as skipped:
        standalone.require_spark()
    assert skipped.value.msg == nothing_there


def test_who_asked_for_its_tests_is_told_what_is_missing(nothing_there, monkeypatch) -> None:
    monkeypatch.setenv("CLUSTER_TEST", "1")
    with pytest.raises(pytest.fail.Exception) as failed:
        standalone.require_spark()
    assert failed.value.msg == nothing_there
