from __future__ import annotations

import subprocess
import sys


def test_measuring_on_files_loads_no_django() -> None:
    """In a fresh interpreter: this one has loaded Django for the other tests."""
    code = (
        "import sys, recommender.evaluation.ranking_report, recommender.evaluation.ratings_run, "
        "recommender.evaluation.options, recommender.evaluation.progress_bar; "
        "print([m for m in ('django', 'celery', 'redis', 'tensorflow') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
