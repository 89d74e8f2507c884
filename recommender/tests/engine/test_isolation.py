from __future__ import annotations

import subprocess
import sys

import recommender.engine


def test_the_engine_loads_no_framework() -> None:
    """In a fresh interpreter: this one has loaded Django for the other tests."""
    forbidden = ("django", "celery", "redis", "tensorflow", "keras", "pandas", "lightgbm")
    code = f"import recommender.engine, sys; print([m for m in {forbidden} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_every_public_name_exists_and_is_listed_once() -> None:
    names = recommender.engine.__all__
    assert len(names) == len(set(names))
    assert all(hasattr(recommender.engine, name) for name in names)
