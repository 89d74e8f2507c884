"""What a run recorded of itself, as curves."""

from django.utils.safestring import SafeString

from recommender.console.comparing import ranker_figures
from recommender.console.drawings import Curve, curves_chart
from recommender.models import TrainingRun


def loss_chart(run: TrainingRun) -> SafeString:
    """Draw the errors of the run's embeddings after each epoch; "" without any."""
    history = run.history.get("embeddings", {})
    curves = []
    for name in ("training", "validation"):
        errors = history.get(name, [])
        curves.append(Curve(f"{name} error", range(1, len(errors) + 1), errors))
    return curves_chart("Errors of the embeddings", curves, x_name="epoch")


def cold_start_curve(run: TrainingRun) -> Curve:
    """Return NDCG@10 by how many ratings of a reader are known."""
    points = ranker_figures(run).get("cold_start", [])
    return Curve(
        f"run {run.pk}",
        [point["n_ratings"] for point in points],
        [point["ndcg_at_10"] for point in points],
    )


def cold_start_chart(run: TrainingRun, active: TrainingRun | None) -> SafeString:
    """Draw the run's cold-start curve, and over it that of the active one."""
    curves = [cold_start_curve(run)]
    if active is not None and active.pk != run.pk:
        curves.append(cold_start_curve(active))
    return curves_chart("NDCG@10 of newcomers", curves, x_name="ratings known")
