"""Runs whose lists are made by `als`: fitted here, published, served, and what they say of it."""

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts.tests.factories import UserFactory
from ratings.services import rate_book
from recommender import artifact_store, dataset
from recommender.active import holder
from recommender.dataset import load_dataset, load_sample
from recommender.engine import PopularityRanker, Profile
from recommender.engine.als import AlsConfig, AlsRanker
from recommender.engine.audience import Audience
from recommender.engine.exposure import information_of, self_information
from recommender.fitting import LocalAls
from recommender.held_out import split_off
from recommender.models import TrainingRun
from recommender.serving import recommendations_for, similar_books
from recommender.training import run_training

pytestmark = pytest.mark.django_db

CONFIG = AlsConfig(n_factors=4, regularization=1.0)


@pytest.fixture
def run(measured_tastes, artifacts) -> TrainingRun:
    return run_training(trigger="test", als=LocalAls(CONFIG))


def test_a_run_of_als_says_what_it_is(run) -> None:
    assert (run.status, run.kind) == ("active", "quick")
    assert run.dataset["als_by"] == "als"
    assert run.metrics["als"]["ndcg_at_10"] > run.metrics["popularity"]["ndcg_at_10"]
    assert run.own_metrics == run.metrics["als"]
    assert run.hyperparameters["als"]["n_factors"] == 4
    assert "similar books" in run.stage_seconds
    parts = artifact_store.load(run.artifact).parts
    assert {"als", "linear", "items", "popularity"} <= set(parts)
    assert "two_stage" not in parts


def test_its_lists_are_those_of_the_fold_in_with_reasons_and_similar_books(
    run, measured_tastes
) -> None:
    bob = UserFactory()
    for book in measured_tastes["Dragon"][:3]:
        rate_book(user=bob, book=book, stars=5)
    found = recommendations_for(bob, k=5)
    assert found.basis == "ratings"
    model = holder.current()
    items = model.catalog.items
    books = items.indices([book.pk for book in measured_tastes["Dragon"][:3]])
    profile = Profile(np.sort(books), np.full(3, 5))
    scores = AlsRanker.from_part(artifact_store.load(run.artifact).part("als")).scores(profile)
    shown = items.indices([item.book.pk for item in found.items])
    np.testing.assert_allclose([item.score for item in found.items], scores[shown])
    scores[books] = -np.inf
    assert sorted(shown.tolist()) == sorted(np.argsort(-scores)[:5].tolist())
    assert all(item.book.title.startswith("Dragon") for item in found.items)
    assert all(item.reasons for item in found.items)
    similar = similar_books(measured_tastes["Dragon"][0], k=3)
    assert similar
    assert all(book.title.startswith("Dragon") for book in similar)


def test_a_page_is_made_of_it_as_of_any_run(run, measured_tastes, client) -> None:
    alice = UserFactory()
    rate_book(user=alice, book=measured_tastes["Detective"][0], stars=5)
    client.force_login(alice)
    answer = client.get(reverse("recommendations"))
    assert answer.status_code == 200
    assert b"Detective" in answer.content


def test_the_gate_compares_it_with_the_run_before(measured_tastes, artifacts) -> None:
    first = run_training(trigger="test")
    # Whether it passes depends on which readers are withheld, and that on their ids.
    second = run_training(trigger="test", als=LocalAls(CONFIG), force=True)
    assert second.metrics["active"]["run"] == first.pk
    [rule] = [r for r in second.verdict["rules"] if r["name"] == "not_worse_than_active"]
    assert rule["passed"] is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--engine", "als", "--kind", "full"], "--kind quick"),
        (["--engine", "als", "--master", "local[2]"], "go with --engine spark"),
        (["--interactions", "somewhere"], "go with --engine spark"),
        (["--option", "n_factors=3"], "goes with --engine als"),
        (["--engine", "als", "--option", "factors=3"], "no option 'factors'"),
        (["--engine", "als", "--option", "n_factors=0"], "n_factors is 0"),
        (["--engine", "als", "--option", "scaled_regularization=yes"], "no scaled"),
        (["--engine", "implicit"], "invalid choice"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    measured_tastes, artifacts, arguments, message
) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("train", *arguments)
    assert not TrainingRun.objects.filter(status="active").exists()


def test_the_command_trains_als_here(measured_tastes, artifacts, capsys) -> None:
    call_command("train", "--engine", "als", "--option", "n_factors=3")
    run = TrainingRun.objects.get(status="active")
    assert run.hyperparameters["als"]["n_factors"] == 3
    assert "als: NDCG@10" in capsys.readouterr().out


def test_a_sample_has_the_measured_readers_and_the_figures_of_all(
    measured_tastes, monkeypatch
) -> None:
    whole = load_dataset()
    monkeypatch.setattr(dataset, "_SAMPLE", 10)
    sample = load_sample()
    assert sample.description == whole.description
    _train, wanted = split_off(whole.interactions)
    train, readers = split_off(sample.interactions)
    assert sample.n_withheld == 40
    assert train.n_users == 10
    assert [reader.user_id for reader in readers] == [reader.user_id for reader in wanted]
    for one, other in zip(readers, wanted, strict=True):
        np.testing.assert_array_equal(one.shown_ids, other.shown_ids)
        np.testing.assert_array_equal(one.target_ids, other.target_ids)
    row = int(whole.interactions.users.indices(train.user_ids[:1])[0])
    np.testing.assert_array_equal(train.profile(0).stars, whole.interactions.profile(row).stars)


def test_what_was_counted_elsewhere_ranks_as_what_is_in_memory(measured_tastes) -> None:
    data = load_dataset()
    audience = Audience.of(data.interactions)
    counted = PopularityRanker().fit_audience(audience, data.catalog)
    fitted = PopularityRanker().fit(data.interactions, data.catalog)
    nobody = Profile.from_ids(data.interactions.items, (), ())
    np.testing.assert_array_equal(counted.scores(nobody), fitted.scores(nobody))
    np.testing.assert_array_equal(information_of(audience), self_information(data.interactions))
