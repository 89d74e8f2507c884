"""The active run's predicted stars for programs that have nothing but the exported folder."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import UserFactory
from catalog.models import Book
from catalog.tests.factories import BookFactory
from ratings.book_merges import merge_books
from ratings.services import rate_book, shelve_book
from recommender import artifact_store
from recommender.dataset import load_dataset
from recommender.engine.stars import StarsConfig, StarsPredictor
from recommender.models import TrainingRun
from recommender.serving import predicted_stars
from recommender.tests.published_runs import fitted_parts, put_live

pytestmark = pytest.mark.django_db

# In a process and a folder of its own, with TensorFlow alone.
PROGRAM = """
import json, os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf
serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
_, inputs = serve.structured_input_signature
answer = serve(**{
    name: tf.constant(given, inputs[name].dtype) for name, given in json.load(sys.stdin).items()
})
kept = tf.data.TFRecordDataset(sys.argv[1] + "/assets.extra/tf_serving_warmup_requests")
json.dump({
    "inputs": {name: [spec.dtype.name, spec.shape.as_list()] for name, spec in inputs.items()},
    "outputs": {name: [t.dtype.name, t.shape.as_list()]
                for name, t in serve.structured_outputs.items()},
    "stars": answer["stars"].numpy().tolist(),
    "basis": [[text.decode() for text in row] for row in answer["basis"].numpy().tolist()],
    "warm_up": [len(record.numpy()) for record in kept],
    "modules": sorted({"django", "recommender"} & set(sys.modules)),
}, sys.stdout)
"""


@pytest.fixture
def predicting(two_tastes, artifacts) -> TrainingRun:
    """A live run that predicts stars."""
    data = load_dataset()
    config = StarsConfig(embeddings=False, n_rounds=20, ratings_per_round=50)
    stars = StarsPredictor(config).fit(data.interactions, data.catalog)
    return put_live(fitted_parts() | {"stars": stars.to_part()})


def ask(folder: Path, inputs: dict[str, list[list[float]]], cwd: Path) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)],
        cwd=cwd,
        input=json.dumps(inputs),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def filled(rows: list[list[float]]) -> list[list[float]]:
    width = max(map(len, rows))
    return [[*row, *[0] * (width - len(row))] for row in rows]


def test_a_program_with_nothing_but_the_folder_gets_the_sites_own_stars(
    predicting, two_tastes, tmp_path, capsys
):
    dragons, detectives = two_tastes["Dragon"], two_tastes["Detective"]
    alice, bob, charlie = UserFactory.create_batch(3)
    for place, book in enumerate([*dragons[:9], *detectives[:6]]):
        rate_book(user=alice, book=book, stars=5 if place < 9 else 1 + place % 3)
    rate_book(user=bob, book=dragons[0], stars=2)
    shelve_book(user=bob, book=detectives[3])
    newer = BookFactory(average_rating="2.50")
    unrated = BookFactory(average_rating=None)
    # New since the fit as well, and has what was said of a book that was there.
    took_in = BookFactory(average_rating=None)
    merge_books(merged=dragons[8].pk, survivor=took_in.pk, by=bob)
    call_command("export_savedmodel", tmp_path / "predicted_stars")
    folder = tmp_path / "predicted_stars" / str(predicting.pk)
    assert f"{folder}: the predicted stars of run {predicting.pk}" in capsys.readouterr().out
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]

    books = [*dragons[:8], *dragons[9:], *detectives, newer]
    readers = [alice, bob, charlie]
    asked = {
        "books": [[*(book.pk for book in books), unrated.pk]] * 3,
        # Those of Bob's twice, the earlier stars are not his any more.
        "rated_books": filled([rated(alice)[0], [dragons[0].pk, *rated(bob)[0]], []]),
        "rated_stars": filled([rated(alice)[1], [5, *rated(bob)[1]], []]),
        "shelved_books": filled([[], [detectives[3].pk], []]),
    }
    assert took_in.pk in asked["rated_books"][0]
    answer = ask(folder, asked, tmp_path)
    n_books = [None, None]
    assert answer["inputs"] == {
        "books": ["int64", n_books],
        "rated_books": ["int64", n_books],
        "rated_stars": ["float32", n_books],
        "shelved_books": ["int64", n_books],
    }
    assert answer["outputs"] == {"stars": ["float32", n_books], "basis": ["string", n_books]}
    assert answer["modules"] == []
    assert len(answer["warm_up"]) == 1
    for reader, stars, basis in zip(readers, answer["stars"], answer["basis"], strict=True):
        own = predicted_stars(reader, books)
        wanted = [own[book.pk].stars for book in books]
        np.testing.assert_allclose(stars[:-1], wanted, rtol=0, atol=1e-5)
        assert basis[:-1] == ["reader" if own[book.pk].is_personal else "mean" for book in books]
        assert basis[-1] == "unknown"
        assert unrated.pk not in predicted_stars(reader, [unrated])
        for (value, kind), rounded in zip(
            zip(stars[:-1], basis[:-1], strict=True), through_the_api(reader, books), strict=True
        ):
            assert rounded == [pytest.approx(value, abs=0.00501), kind]
    assert np.ptp(answer["stars"][0]) > 0.5
    assert answer["basis"][2][0] == "mean"


def rated(reader: User) -> tuple[list[int], list[int]]:
    pairs = list(reader.ratings.order_by("pk").values_list("book_id", "stars"))
    return [book for book, _ in pairs], [stars for _, stars in pairs]


def through_the_api(reader: User, books: list[Book]) -> list[list[object]]:
    client = APIClient()
    client.force_authenticate(reader)
    ids = ",".join(str(book.pk) for book in books)
    results = client.get(reverse("api_predictions"), {"book": ids}).json()["results"]
    return [[row["predicted_stars"]["stars"], row["predicted_stars"]["basis"]] for row in results]


def test_an_export_is_never_changed_and_an_earlier_run_can_be_chosen(predicting, tmp_path):
    later, root = put_live(fitted_parts()), tmp_path / "models"
    with pytest.raises(CommandError, match=f"Run {later.pk} predicts no stars"):
        call_command("export_savedmodel", root)
    assert not root.exists()
    call_command("export_savedmodel", root, run=predicting.pk)
    written = root / str(predicting.pk) / "saved_model.pb"
    before = written.stat().st_mtime_ns
    with pytest.raises(CommandError, match="exists; an export is never changed"):
        call_command("export_savedmodel", root, run=predicting.pk)
    assert written.stat().st_mtime_ns == before


def test_what_does_not_predict_as_the_run_does_is_not_exported(predicting, tmp_path, monkeypatch):
    own = StarsPredictor.predict_items
    monkeypatch.setattr(
        StarsPredictor, "predict_items", lambda *given: np.clip(own(*given) + 0.01, 1, 5)
    )
    root = tmp_path / "models"
    with pytest.raises(CommandError, match="nothing was exported"):
        call_command("export_savedmodel", root)
    assert list(root.iterdir()) == []


def test_a_full_disk_is_noticed_before_anything_is_written(predicting, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10_000_000))
    root = tmp_path / "models"
    with pytest.raises(CommandError, match=r"has 10 MB left; the export needs 17 MB\."):
        call_command("export_savedmodel", root)
    assert list(root.iterdir()) == []


def test_a_disk_that_refuses_leaves_nothing(predicting, tmp_path, monkeypatch):
    def refuse(*given, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("recommender.saved_models.warm_up_record", refuse)
    root = tmp_path / "models"
    with pytest.raises(CommandError, match="cannot be written: .* No space left on device"):
        call_command("export_savedmodel", root)
    assert list(root.iterdir()) == []


def test_every_reason_not_to_export_is_said(predicting, tmp_path, monkeypatch):
    def refused(folder: Path, run: int | None = None) -> str:
        with pytest.raises(CommandError) as caught:
            call_command("export_savedmodel", folder, run=run)
        return str(caught.value)

    root = tmp_path / "models"
    a_file = tmp_path / "file"
    a_file.touch()
    assert refused(a_file) == f"{a_file} is no folder."
    assert "cannot be written" in refused(a_file / "models")
    assert refused(root, 999_999) == "There is no run 999999."
    rejected = TrainingRun.objects.create(
        trigger="test", status="rejected", finished_at=timezone.now()
    )
    assert f"Run {rejected.pk} is rejected" in refused(root, rejected.pk)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "tensorflow", None)
        assert "requirements.txt" in refused(root)
    artifact_store.delete(predicting.artifact)
    assert f"The artifact of run {predicting.pk} cannot be read" in refused(root)
    TrainingRun.objects.update(status="retired")
    assert refused(root) == "No run is active; train one with manage.py train."
    assert not root.exists()
