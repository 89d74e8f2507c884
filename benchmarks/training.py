"""Time one quick and one full training run on goodbooks-10k: stages, seconds, peak memory, size.

    GOODBOOKS_DIR=… .venv/bin/python benchmarks/training.py

Runs in a database and an artifact folder of its own, on the server of DATABASE_URL; both are
removed afterwards. Each run is a process of its own, so that its peak memory is its own too.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not this folder, where http.py is
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookrec_site.settings.base")

from benchmarks.scratch import scratch_database  # noqa: E402


def time_runs(folder: Path) -> None:
    """Import the data set, then train in both ways and print what each took."""
    from django.conf import settings

    from catalog.goodbooks.progress import SilentProgress
    from catalog.goodbooks.source import open_dataset
    from catalog.models import Source
    from ratings.goodbooks.importing import import_dataset
    from recommender.models import TrainingRun

    with scratch_database(), tempfile.TemporaryDirectory() as scratch:
        with open_dataset(folder, SilentProgress()) as files:
            import_dataset(
                files, source=Source.GOODBOOKS, skipped_path=Path(scratch) / "skipped.csv"
            )
        for kind in (TrainingRun.Kind.QUICK, TrainingRun.Kind.FULL):
            subprocess.run(
                [sys.executable, __file__, "--train", kind],
                env=os.environ
                | {
                    "ARTIFACTS_DIR": str(Path(scratch) / "artifacts"),
                    "BENCHMARK_DATABASE": json.dumps(settings.DATABASES["default"]["NAME"]),
                },
                check=True,
            )
            report(TrainingRun.objects.latest(), Path(scratch) / "artifacts")


def train(kind: str) -> None:
    """Train in this process, in the benchmark's database."""
    import django

    django.setup()
    from django.db import connection

    connection.settings_dict["NAME"] = json.loads(os.environ["BENCHMARK_DATABASE"])
    from recommender.training import run_training

    run_training(trigger="benchmark", kind=kind)


def report(run: Any, artifacts: Path) -> None:
    """Print one run's figures."""
    total = sum(run.stage_seconds.values())
    print(
        f"\n{run.kind} run: {total:.1f} s, peak {run.peak_megabytes:,} MB, "
        f"artifact {run.artifact_bytes / 1e6:.1f} MB"
    )
    for stage, seconds in run.stage_seconds.items():
        print(f"  {seconds:8.1f} s  {stage}")
    sizes: dict[str, int] = {}
    for path in (artifacts / run.artifact).rglob("*"):
        if path.is_file():
            part = path.name.partition(".")[0]
            sizes[part] = sizes.get(part, 0) + path.stat().st_size
    for part, size in sorted(sizes.items(), key=lambda entry: -entry[1]):
        print(f"  {size / 1e6:8.1f} MB {part}")
    for name, metrics in run.metrics.items():
        if "ndcg_at_10" in metrics:
            print(f"  NDCG@10 of {name}: {metrics['ndcg_at_10']:.4f}")


def main() -> None:
    if sys.argv[1:2] == ["--train"]:
        train(sys.argv[2])
        return
    folder = os.environ.get("GOODBOOKS_DIR", "")
    if not folder:
        sys.exit("Set GOODBOOKS_DIR to the folder of the goodbooks-10k files.")
    import django

    from bookrec_site.embedded.commands import services

    with services():
        django.setup()
        time_runs(Path(folder))


if __name__ == "__main__":
    main()
