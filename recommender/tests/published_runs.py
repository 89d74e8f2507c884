"""Runs that are live without the whole of a training run before."""

from django.utils import timezone

from recommender import artifact_store
from recommender.dataset import load_dataset
from recommender.engine import LinearRanker, Part, PopularityRanker, write_artifact
from recommender.models import TrainingRun


def fitted_parts() -> dict[str, Part]:
    data = load_dataset()
    return {
        "items": data.catalog.to_part(),
        "linear": LinearRanker().fit(data.interactions, data.catalog).to_part(),
        "popularity": PopularityRanker().fit(data.interactions, data.catalog).to_part(),
    }


def put_live(parts: dict[str, Part]) -> TrainingRun:
    name = artifact_store.new_name(1)
    with artifact_store.draft(name) as folder:
        write_artifact(folder, parts, created_at=timezone.now())
        artifact_store.publish(folder, name)
    TrainingRun.objects.filter(status="active").update(status="retired")
    return TrainingRun.objects.create(trigger="test", status="active", artifact=name)
