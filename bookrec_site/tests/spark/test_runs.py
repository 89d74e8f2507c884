"""`manage.py train --engine spark` on a real cluster: the run, its artifact, and what is served."""

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts.models import User
from accounts.tests.factories import UserFactory
from ratings.services import rate_book
from recommender import artifact_store
from recommender.active import holder
from recommender.engine.als import AlsRanker
from recommender.interaction_files import export
from recommender.models import TrainingRun
from recommender.serving import recommendations_for, similar_books

pytestmark = [pytest.mark.spark, pytest.mark.django_db(transaction=True)]

SMALL = ("--option", "n_factors=4", "--option", "n_iterations=6")


def test_a_run_by_spark_is_measured_published_and_served(
    measured_tastes,
    artifacts,
    spark_options,
    client,
    tmp_path,
) -> None:
    call_command("train", "--engine", "spark", "--master", spark_options.master, *SMALL)
    run = TrainingRun.objects.get(status="active")
    assert (run.kind, run.dataset["als_by"]) == ("quick", "spark")
    assert run.dataset["n_ratings"] == 160 * 9
    assert run.dataset["held_out"]["n_withheld"] == 40
    assert run.metrics["als"]["ndcg_at_10"] > run.metrics["popularity"]["ndcg_at_10"]
    assert run.hyperparameters["als"]["scaled_regularization"] is True
    assert run.verdict["passed"] is True

    bob = UserFactory()
    liked = measured_tastes["Dragon"][:3]
    for book in liked:
        rate_book(user=bob, book=book, stars=5)
    found = recommendations_for(bob, k=5)
    assert found.basis == "ratings"
    assert all(item.book.title.startswith("Dragon") for item in found.items)
    assert all(item.reasons for item in found.items)
    assert all(book.title.startswith("Dragon") for book in similar_books(liked[0], k=3))

    # What is served is the dense solution of the reader's normal equations.
    part = artifact_store.load(run.artifact).part("als")
    config = AlsRanker.from_part(part).config
    y = np.asarray(part.array("item_factors"), dtype=np.float64)
    items = holder.current().catalog.items
    own = items.indices([book.pk for book in liked])
    weight = config.alpha * config.star_weights[4]
    matrix = y.T @ y + weight * y[own].T @ y[own] + 3 * config.regularization * np.eye(4)
    factors = np.linalg.solve(matrix, (1 + weight) * y[own].sum(axis=0))
    shown = items.indices([item.book.pk for item in found.items])
    np.testing.assert_allclose(
        [item.score for item in found.items], (y @ factors)[shown], rtol=1e-5
    )

    client.force_login(bob)
    answer = client.get(reverse("recommendations"))
    assert answer.status_code == 200
    assert answer.content.count(b"Dragon") >= 5

    # From files too; and it is compared with the run before like any other.
    export(tmp_path / "files", n_partitions=2)
    files = ("--interactions", str(tmp_path / "files"))
    call_command("train", "--engine", "spark", "--master", spark_options.master, *files, *SMALL)
    second = TrainingRun.objects.get(status="active")
    assert second.metrics["active"]["run"] == run.pk
    assert second.metrics["als"]["ndcg_at_10"] == pytest.approx(
        run.metrics["als"]["ndcg_at_10"], abs=0.02
    )


def test_a_run_whose_cluster_fails_says_why_and_leaves_the_active_one(
    measured_tastes,
    artifacts,
    spark_options,
    settings,
    tmp_path,
) -> None:
    assert User.objects.exists()
    export(tmp_path / "files", n_partitions=1)
    settings.SPARK = settings.SPARK | {"executor_memory": "900g", "wait_seconds": 1}
    with pytest.raises(CommandError, match="no executor within 1 s"):
        call_command(
            *("train", "--engine", "spark", "--master", spark_options.master),
            *("--interactions", str(tmp_path / "files")),
        )
    run = TrainingRun.objects.get()
    assert run.status == "failed"
    assert "no executor within 1 s" in run.reason
    assert not run.artifact
