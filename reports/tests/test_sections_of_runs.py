"""What the sections say of training runs and of their files."""

import dataclasses

import numpy as np
import pytest
from django.utils import timezone

from catalog.models import BookGenre, Genre
from recommender import artifact_store
from recommender.dataset import load_dataset
from recommender.engine import BookMap, Part, Vocabulary
from recommender.engine.book_map import BookMapConfig
from recommender.engine.embeddings.dot_product import DotProductConfig
from recommender.held_out import KEY, HeldOutReader, split_off
from recommender.models import TrainingRun
from recommender.tests.published_runs import fitted_parts, put_live
from reports.material import gather
from reports.sections.embeddings import embeddings_section
from reports.sections.stars import predictions_for, stars_section
from reports.sections.training import training_section
from reports.tests.material import books, material_of

pytestmark = pytest.mark.django_db


def titles(section) -> list[str]:
    return [figure.title for figure in section.figures]


def ended(**fields) -> TrainingRun:
    values = {"trigger": "test", "status": "retired", "finished_at": timezone.now(), **fields}
    return TrainingRun.objects.create(**values)


def test_curves_are_those_of_the_runs_and_name_the_kept_epoch() -> None:
    history = {
        "embeddings": {
            "training": [1.0, 0.8, 0.7],
            "validation": [0.9, 0.75, 0.85],
            "best_epoch": 2,
        },
        "second_stage": {"training": [[3.0, 2.5], [3.2, 2.7]]},
    }
    run = ended(history=history, stage_seconds={"lists": 3.0, "reading": 1.5}, artifact="x")
    material = dataclasses.replace(material_of([], [], books("A")), run=run)
    section = training_section(material)
    curves, network, stages = section.figures
    assert curves.sentence == (
        f"In run {run.pk} the training error went from 1.0000 to 0.7000 in 3 epochs; epoch 2 was "
        "kept, with 0.7500 in validation."
    )
    assert curves.table.rows[1] == (str(run.pk), "2 (kept)", "0.8000", "0.7500")
    assert "2 networks that order lists went from a mean loss of 3.100 to 2.600" in network.sentence
    assert len(network.table.rows) == 4
    assert "took 4.5 s; the longest stage was lists, 3.0 s" in stages.sentence
    assert section.missing == ["No run was measured: there were no held-out readers."]


def test_runs_are_compared_with_popularity_the_oldest_first() -> None:
    for value in (0.4, 0.3):
        ended(
            metrics={
                "two_stage": {
                    "ndcg_at_10": value,
                    "ndcg_at_10_interval": [value - 0.05, value + 0.05],
                    "n_users": 7,
                },
                "popularity": {"ndcg_at_10": 0.1},
            }
        )
    first, last = TrainingRun.objects.order_by("id")
    [figure] = training_section(material_of([], [], books("A"))).figures
    assert [row[0] for row in figure.table.rows] == [str(first.pk), str(last.pk)]
    assert figure.table.rows[1][3:] == ("0.3000", "0.2500 to 0.3500", "0.1000", "7")
    assert f"the best was run {first.pk} with 0.4000" in figure.sentence


class Always:
    """Predicts as many stars for every book, and keeps what it was shown."""

    def __init__(self, stars: float) -> None:
        self.stars = stars
        self.shown: list[list[int]] = []

    def predict_items(self, profile, items) -> np.ndarray:
        self.shown.append(profile.item_indices.tolist())
        return np.full(len(items), self.stars, dtype=np.float32)


def test_withheld_ratings_are_predicted_from_the_others_alone() -> None:
    items = Vocabulary.of([10, 20, 30])
    reader = HeldOutReader(
        1,
        np.array([10]),
        np.array([5.0], dtype=np.float32),
        np.array([], dtype=np.int64),
        np.array([20, 99, 30]),
        np.array([4.0, 1.0, 2.0], dtype=np.float32),
    )
    predictor = Always(3)
    made = predictions_for(predictor, items, [reader])
    assert predictor.shown == [[0]]
    # The book that the run does not know is left out.
    assert made.item_ids.tolist() == [20, 30]
    assert made.residuals.tolist() == [1.0, -1.0]


@pytest.fixture
def with_embeddings(measured_tastes, artifacts) -> TrainingRun:
    """A run whose books of one taste have one embedding and one place, with some noise."""
    genres = {t: Genre.objects.create(slug=t.lower(), name=t) for t in measured_tastes}
    for taste, shelf in measured_tastes.items():
        for book in shelf:
            BookGenre.objects.create(book=book, genre=genres[taste], share=1)
    parts = fitted_parts()
    items = load_dataset().catalog.items
    dragons = items.indices([book.pk for book in measured_tastes["Dragon"]])
    rng = np.random.default_rng(0)
    config = DotProductConfig()
    n = config.settings.n_factors
    vectors = rng.normal(0, 0.01, (len(items), n + 1)).astype(np.float32)
    vectors[:, 0] = -1
    vectors[dragons, 0] = 1
    vectors[:, n] = 1
    arrays = {
        "item_factors": vectors,
        "item_offsets": np.full(len(items), 3.5, dtype=np.float32),
        "mean_user": np.zeros(n + 1, dtype=np.float32),
        "penalties": np.ones(n + 1, dtype=np.float32),
    }
    places = rng.uniform(-0.1, 0.1, (len(items), 2)).astype(np.float32)
    places[:, 0] += np.where(np.isin(np.arange(len(items)), dragons), 0.8, -0.8)
    book_map = BookMap(places, places, np.ones(len(items), dtype=np.bool_), BookMapConfig())
    embeddings = Part("dot_product", arrays, dataclasses.asdict(config))
    run = put_live({**parts, "embeddings": embeddings, "map": book_map.to_part()})
    run.dataset = {"held_out": {"key": KEY.decode()}}
    run.kind = "quick"
    run.save()
    return run


def test_embeddings_are_shown_with_who_is_nearest(with_embeddings) -> None:
    section = embeddings_section(gather())
    assert section.missing == []
    components, pca, tsne, neighbours, agreement = section.figures
    # All that differs, but for the noise, is one direction.
    assert components.table.rows[0][1] == components.table.rows[0][2]
    assert float(components.table.rows[0][1].rstrip("%")) > 95
    assert "half of it needs 1" in components.sentence
    for figure in (pca, tsne):
        assert "24 of 24 books have a place; 100.0% of the books nearest" in figure.sentence
        # 11 of the 23 others.
        assert "47.8% would by chance" in figure.sentence
    for book, near, _read in neighbours.table.rows:
        taste = book.split()[0]
        assert near.count(taste) == 5, near
    assert agreement.sentence.endswith("100.0% have its genre.")
    assert agreement.table.rows[-1] == ("genre", "24", "100.0%", "47.83%")


def test_books_can_be_chosen(with_embeddings, measured_tastes) -> None:
    book = measured_tastes["Dragon"][3]
    figure = next(
        f
        for f in embeddings_section(gather([book.pk, 10**9])).figures
        if f.title.startswith("Near")
    )
    assert [row[0] for row in figure.table.rows] == [book.title]


def test_a_run_without_parts_says_which_and_why(measured_tastes, artifacts) -> None:
    run = put_live(fitted_parts())
    run.skipped_parts = {"stars": "7 ratings, fewer than 1000"}
    run.save()
    material = gather()
    assert stars_section(material).missing == [
        f"Run {run.pk} predicts no stars: 7 ratings, fewer than 1000."
    ]
    section = embeddings_section(material)
    assert f"Run {run.pk} has no embeddings: it is a full one." in section.missing
    assert titles(section) == ["Nearest neighbours of chosen books"]


def test_files_that_are_gone_are_named_and_the_rest_is_made(trained) -> None:
    run = TrainingRun.objects.get(status="active")
    artifact_store.delete(run.artifact)
    material = gather()
    for section in (stars_section(material), embeddings_section(material)):
        assert section.figures == []
        assert section.missing[0].startswith(f"The files of run {run.pk} cannot be read")
    assert "Where the time of the active run went" in titles(training_section(material))


def test_readers_whom_a_run_may_have_seen_are_not_measured_on(with_embeddings) -> None:
    expected = split_off(load_dataset().interactions)[1]
    assert [r.user_id for r in gather().readers] == [r.user_id for r in expected] != []
    with_embeddings.dataset = {"held_out": {"key": "another"}}
    with_embeddings.save()
    assert gather().readers == []
