"""What is in the cache comes back as it was, and nothing in it is ever run."""

import pickle
from pathlib import Path

import pytest
from django.core.cache import cache
from django.core.cache.backends.redis import RedisSerializer

KEY = "test_caching"


@pytest.fixture(autouse=True)
def no_such_key():
    cache.delete(KEY)
    yield
    cache.delete(KEY)


@pytest.mark.parametrize("value", [7, -1, True, None, 1.5, "ü", [1.5, 2.5], {"a": ["b"]}])
def test_values_come_back(value) -> None:
    cache.set(KEY, value, timeout=60)
    found = cache.get(KEY, "missing")
    assert (type(found), found) == (type(value), value)


def test_numbers_can_be_counted() -> None:
    cache.set(KEY, 1, timeout=60)
    assert cache.incr(KEY) == 2
    assert not cache.add(KEY, 5)


class Planted:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return Path.touch, (self.trace,)


def test_a_pickle_is_never_loaded(tmp_path) -> None:
    trace = tmp_path / "loaded"
    payload = pickle.dumps(Planted(trace))
    cache._cache.get_client(write=True).set(cache.make_key(KEY), payload)
    with pytest.raises(ValueError, match="codec|Expecting"):
        cache.get(KEY)
    assert not trace.exists()
    # What the site would have run: Django's own serializer does.
    RedisSerializer().loads(payload)
    assert trace.exists(), "the pickle is harmless; it shows nothing"
