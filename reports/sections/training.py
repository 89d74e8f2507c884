"""How runs were fitted and measured: curves, figures over time, where the time goes."""

from typing import Any, Final

import numpy as np
from matplotlib.ticker import MaxNLocator

from recommender.models import TrainingRun
from reports.contents import Figure, Section, Table, counted
from reports.material import Material
from reports.plots import COLOURS, drawing, lying_bars

_CURVES: Final = 4
_RUNS: Final = 20


def training_section(material: Material) -> Section:
    """Show the errors of each epoch, the figures of the last runs, and the active run's stages."""
    section = Section("training", "Training")
    ended = list(TrainingRun.objects.exclude(finished_at=None).order_by("-id")[:_RUNS])[::-1]
    if not ended:
        section.missing.append("No training run has ended yet.")
        return section
    fitted = [run for run in ended if run.history.get("embeddings", {}).get("training")]
    if fitted:
        section.figures.append(_curves(fitted[-_CURVES:]))
    else:
        section.missing.append("No run has fitted embeddings: only full runs do.")
    networks = [run for run in ended if run.history.get("second_stage", {}).get("training")]
    if networks:
        section.figures.append(_network(networks[-1]))
    else:
        section.missing.append("No run has recorded how its second stage was fitted.")
    measured = [run for run in ended if _ndcg(run)]
    if measured:
        section.figures.append(_quality(measured))
    else:
        section.missing.append("No run was measured: there were no held-out readers.")
    timed = material.run if material.run and material.run.stage_seconds else None
    if timed is not None:
        section.figures.append(_stages(timed))
    return section


def _curves(runs: list[TrainingRun]) -> Figure:
    rows: list[tuple[str, str, str, str]] = []
    with drawing("curves") as plot:
        for colour, run in zip(COLOURS, runs, strict=False):
            history = run.history["embeddings"]
            training, validation = history["training"], history.get("validation", [])
            epochs = range(1, len(training) + 1)
            plot.axes.plot(
                epochs,
                training,
                color=colour,
                linestyle="--",
                marker=".",
                label=f"run {run.pk}, training",
            )
            plot.axes.plot(
                range(1, len(validation) + 1),
                validation,
                color=colour,
                marker="o",
                markersize=4,
                label=f"run {run.pk}, validation",
            )
            rows += [
                (
                    str(run.pk),
                    f"{epoch}{' (kept)' if epoch == history.get('best_epoch') else ''}",
                    f"{training[epoch - 1]:.4f}",
                    f"{validation[epoch - 1]:.4f}" if epoch <= len(validation) else "-",
                )
                for epoch in epochs
            ]
        plot.axes.set_xlabel("epoch")
        plot.axes.set_ylabel("mean squared error, stars²")
        plot.axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        plot.axes.legend(fontsize=8)
    last = runs[-1].history["embeddings"]
    training, validation = last["training"], last.get("validation", [])
    best = int(last.get("best_epoch", len(training)))
    kept = (
        f"; epoch {best} was kept, with {validation[best - 1]:.4f} in validation"
        if validation
        else ""
    )
    return Figure(
        "Errors of the embeddings by epoch",
        f"In run {runs[-1].pk} the training error went from {training[0]:.4f} to "
        f"{training[-1]:.4f} in {counted(len(training), 'epoch')}{kept}.",
        plot.svg,
        "Lines of the training and the validation error after each epoch, for the last runs "
        "that fitted embeddings.",
        Table(("run", "epoch", "training", "validation"), rows),
    )


def _network(run: TrainingRun) -> Figure:
    members: list[list[float]] = run.history["second_stage"]["training"]
    with drawing("network") as plot:
        for number, losses in enumerate(members, start=1):
            plot.axes.plot(
                range(1, len(losses) + 1),
                losses,
                marker=".",
                color=COLOURS[(number - 1) % len(COLOURS)],
                label=f"network {number}",
            )
        plot.axes.set_xlabel("epoch")
        plot.axes.set_ylabel("loss of a list")
        plot.axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        plot.axes.legend(fontsize=8)
    first = float(np.mean([losses[0] for losses in members]))
    last = float(np.mean([losses[-1] for losses in members]))
    return Figure(
        "Loss of the second stage by epoch",
        f"In run {run.pk} {counted(len(members), 'network')} that order lists went from a mean "
        f"loss of {first:.3f} to {last:.3f} in {counted(max(map(len, members)), 'epoch')}.",
        plot.svg,
        "A line for each network of the second stage: its loss after each epoch.",
        Table(
            ("network", "epoch", "loss"),
            [
                (str(n), str(epoch), f"{loss:.4f}")
                for n, losses in enumerate(members, start=1)
                for epoch, loss in enumerate(losses, start=1)
            ],
        ),
    )


def _ndcg(run: TrainingRun) -> dict[str, Any]:
    measured: dict[str, Any] = run.own_metrics
    return measured


def _quality(runs: list[TrainingRun]) -> Figure:
    places = range(len(runs))
    values = [_ndcg(run)["ndcg_at_10"] for run in runs]
    around = [
        _ndcg(run).get("ndcg_at_10_interval", (value, value))
        for run, value in zip(runs, values, strict=True)
    ]
    popular = [run.metrics.get("popularity", {}).get("ndcg_at_10", np.nan) for run in runs]
    errors = [
        [v - low for v, (low, _) in zip(values, around, strict=True)],
        [high - v for v, (_, high) in zip(values, around, strict=True)],
    ]
    with drawing("quality") as plot:
        plot.axes.errorbar(
            places,
            values,
            yerr=np.maximum(errors, 0),
            color=COLOURS[0],
            marker="o",
            capsize=4,
            linestyle="none",
            label="the run, 95 % interval",
        )
        plot.axes.plot(
            places, popular, color=COLOURS[1], marker="s", linestyle="none", label="popularity"
        )
        plot.axes.set_xticks(list(places), [f"{run.pk}\n{run.status}" for run in runs], fontsize=8)
        plot.axes.set_ylabel("NDCG@10")
        plot.axes.set_ylim(bottom=0)
        plot.axes.legend()
    best = int(np.argmax(values))
    low, high = around[-1]
    return Figure(
        "Lists of held-out readers, run by run",
        f"The last of {counted(len(runs), 'measured run')}, run {runs[-1].pk} ({runs[-1].status}), "
        f"reached an NDCG@10 of {values[-1]:.4f} ({low:.4f} to {high:.4f}) beside popularity's "
        f"{popular[-1]:.4f}; the best was run {runs[best].pk} with {values[best]:.4f}.",
        plot.svg,
        "A point with its interval for each run: NDCG@10 on the held-out readers; beside it that "
        "of popularity.",
        Table(
            ("run", "kind", "status", "NDCG@10", "95 % interval", "popularity", "readers"),
            [
                (
                    str(run.pk),
                    run.kind,
                    run.status,
                    f"{value:.4f}",
                    f"{low:.4f} to {high:.4f}",
                    f"{pop:.4f}",
                    str(_ndcg(run)["n_users"]),
                )
                for run, value, (low, high), pop in zip(runs, values, around, popular, strict=True)
            ],
        ),
    )


def _stages(run: TrainingRun) -> Figure:
    taken = sorted(run.stage_seconds.items(), key=lambda item: -float(item[1]))
    names, seconds = [name for name, _ in taken], [float(s) for _, s in taken]
    with drawing("stages", height=0.3 * len(names) + 1.2) as plot:
        lying_bars(plot.axes, names, seconds, label="seconds", texts=[f"{s:.1f}" for s in seconds])
    memory = f" with at most {run.peak_megabytes:,} MB of memory" if run.peak_megabytes else ""
    return Figure(
        "Where the time of the active run went",
        f"Run {run.pk} took {sum(seconds):.1f} s{memory}; the longest stage was "
        f"{names[0]}, {seconds[0]:.1f} s.",
        plot.svg,
        "A lying bar for each stage of the active run: how many seconds it took.",
        Table(("stage", "seconds"), [(n, f"{s:.2f}") for n, s in zip(names, seconds, strict=True)]),
    )
