"""Predicted against true stars, of readers whom no run has seen."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.engine import Catalog, EngineError, Vocabulary
from recommender.engine.stars import StarsPredictor
from recommender.held_out import HeldOutReader
from reports.contents import Figure, Section, Table, counted, number
from reports.material import Material
from reports.plots import COLOURS, INK, drawing

_GROUPS: Final = 10
_STARS: Final = np.arange(1, 6)


@dataclass(frozen=True, eq=False)
class Predictions:
    """One entry for each withheld rating; all arrays of shape (n,)."""

    item_ids: NDArray[np.int64]
    true: NDArray[np.float64]
    predicted: NDArray[np.float64]
    n_readers: int

    @property
    def residuals(self) -> NDArray[np.float64]:
        """True minus predicted stars."""
        return self.true - self.predicted


def stars_section(material: Material) -> Section:
    """Show predicted against true stars, and the residuals by star and by popularity."""
    section = Section("stars", "Predicted stars")
    if material.artifact is None or material.run is None:
        section.missing.append(material.without)
        return section
    if "stars" not in material.artifact.parts:
        why = material.run.skipped_parts.get("stars", f"it is a {material.run.kind} one")
        section.missing.append(f"Run {material.run.pk} predicts no stars: {why}.")
        return section
    if not material.readers:
        section.missing.append("There is no held-out reader with enough ratings to predict from.")
        return section
    try:
        predictor = StarsPredictor.from_part(material.artifact.part("stars"))
        items = Catalog.from_part(material.artifact.part("items"), with_links=False).items
    except EngineError as error:
        section.missing.append(f"The files of run {material.run.pk} cannot be read: {error}")
        return section
    made = predictions_for(predictor, items, material.readers)
    if not len(made.true):
        section.missing.append(f"Run {material.run.pk} knows none of the books to be predicted.")
        return section
    section.figures = [
        _spread(made, material.run.pk),
        _residuals_by_star(made),
        _by_popularity(made, material),
    ]
    return section


def predictions_for(
    predictor: StarsPredictor, items: Vocabulary, readers: list[HeldOutReader]
) -> Predictions:
    """Predict the withheld ratings of each reader from the others; unknown books are left out."""
    ids, true, predicted = [], [], []
    for reader in readers:
        indices = items.indices(reader.target_ids)
        known = indices >= 0
        ids.append(reader.target_ids[known])
        true.append(reader.target_stars[known])
        predicted.append(predictor.predict_items(reader.profile(items), indices[known]))
    return Predictions(
        np.concatenate(ids).astype(np.int64),
        np.concatenate(true).astype(np.float64),
        np.concatenate(predicted).astype(np.float64),
        len(readers),
    )


def _spread(made: Predictions, run_id: int) -> Figure:
    """Draw, for each true star, where the predictions lie: quantiles of them."""
    groups = [made.predicted[made.true == star] for star in _STARS]
    given = [(star, group) for star, group in zip(_STARS, groups, strict=True) if len(group)]
    with drawing("predicted", columns=2, width=8.6) as plot:
        left, right = plot.all_axes
        for star, group in given:
            low, first, middle, third, high = np.quantile(group, (0.05, 0.25, 0.5, 0.75, 0.95))
            left.plot((star, star), (low, high), color=COLOURS[0], linewidth=1.5)
            left.plot(
                (star, star), (first, third), color=COLOURS[0], linewidth=11, solid_capstyle="butt"
            )
            left.plot(star, middle, color=INK, marker="_", markersize=14)
        left.plot((1, 5), (1, 5), color=COLOURS[7], linestyle=":", label="as given")
        left.set_xlabel("true stars")
        left.set_ylabel("predicted stars")
        left.legend()
        edges = np.arange(1, 5.01, 0.25)
        place = np.clip(np.digitize(made.predicted, edges) - 1, 0, len(edges) - 2)
        n = np.bincount(place, minlength=len(edges) - 1)
        shown = n >= max(1, len(place) // 1000)
        mean_true = np.bincount(place, weights=made.true, minlength=len(n))[shown] / n[shown]
        mean_predicted = (
            np.bincount(place, weights=made.predicted, minlength=len(n))[shown] / n[shown]
        )
        right.plot(
            mean_predicted, mean_true, color=COLOURS[1], marker="o", label="given in the mean"
        )
        right.plot((1, 5), (1, 5), color=COLOURS[7], linestyle=":", label="as predicted")
        right.set_xlabel("predicted stars, in steps of a quarter")
        right.set_ylabel("true stars")
        right.legend()
    error = float(np.mean(made.residuals**2))
    spread = float(np.var(made.true))
    bias = float(np.abs(mean_true - mean_predicted) @ n[shown] / n[shown].sum())
    related = (
        f"; the correlation is {np.corrcoef(made.true, made.predicted)[0, 1]:.2f}"
        if np.std(made.true) > 0 and np.std(made.predicted) > 0
        else ""
    )
    return Figure(
        "Predicted against true stars",
        f"Run {run_id} predicts {counted(len(made.true), 'withheld rating')} of "
        f"{counted(made.n_readers, 'reader')} whom it has never seen with a mean squared error of "
        f"{error:.3f}; always saying the mean, {made.true.mean():.2f}, would make {spread:.3f}"
        f"{related}. Where it says so many stars, in the mean {bias:.2f} more or fewer are given.",
        plot.svg,
        "Left, for each number of true stars the middle half of the predictions as a bar, the "
        "middle nine tenths as a line. Right, the mean of the true stars for each quarter of a "
        "predicted star. Dotted, what perfect predictions would be.",
        Table(
            ("true stars", "ratings", "5 %", "25 %", "median", "75 %", "95 %"),
            [
                (
                    str(star),
                    number(len(group)),
                    *(f"{q:.2f}" for q in np.quantile(group, (0.05, 0.25, 0.5, 0.75, 0.95))),
                )
                for star, group in given
            ],
        ),
    )


def _residuals_by_star(made: Predictions) -> Figure:
    given = [star for star in _STARS if (made.true == star).any()]
    edges = np.linspace(-4, 4, 65)
    with drawing("residuals-by-star") as plot:
        for star in given:
            rest = made.residuals[made.true == star]
            heights, _ = np.histogram(rest, edges, weights=np.full(len(rest), 1 / len(rest)))
            plot.axes.stairs(
                heights,
                edges,
                color=COLOURS[star - 1],
                label=f"{star} stars" if star > 1 else "1 star",
                linewidth=1.6,
            )
        plot.axes.axvline(0, color=INK, linewidth=0.8)
        plot.axes.set_xlabel("residual: true minus predicted stars")
        plot.axes.set_ylabel("part of the ratings of that star")
        plot.axes.legend()
    means = {int(star): float(made.residuals[made.true == star].mean()) for star in given}
    within = float((np.abs(made.residuals) <= 0.5).mean())
    worst = max(means, key=lambda star: abs(means[star]))
    return Figure(
        "Residuals by star",
        f"{within:.1%} of the predictions are at most half a star off. The largest mean residual "
        f"is that of {counted(worst, 'star')}, {means[worst]:+.2f}; over all it is "
        f"{made.residuals.mean():+.3f}.",
        plot.svg,
        "A histogram of the residuals for each number of true stars.",
        Table(
            ("true stars", "ratings", "mean residual", "mean squared error"),
            [
                (
                    str(star),
                    number((made.true == star).sum()),
                    f"{means[int(star)]:+.3f}",
                    f"{np.mean(made.residuals[made.true == star] ** 2):.3f}",
                )
                for star in given
            ],
        ),
    )


def _by_popularity(made: Predictions, material: Material) -> Figure:
    rated = material.ratings_of_items[material.data.interactions.item_index(made.item_ids)]
    order = np.argsort(rated, kind="stable")
    groups = np.array_split(order, min(_GROUPS, len(order)))
    rest = made.residuals
    names = [f"{rated[g].min():,} to {rated[g].max():,}" for g in groups]
    means = np.array([rest[g].mean() for g in groups])
    # Of a mean of so many; 1.96 of them on both sides hold it 95 times of 100.
    deviations = np.array([1.96 * rest[g].std() / np.sqrt(len(g)) for g in groups])
    errors = [float(np.mean(rest[g] ** 2)) for g in groups]
    with drawing("residuals-by-popularity", columns=2, width=8.6, height=3.8) as plot:
        left, right = plot.all_axes
        places = range(len(groups))
        left.errorbar(
            places,
            means,
            yerr=deviations,
            color=COLOURS[0],
            marker="o",
            capsize=3,
            linestyle="none",
        )
        left.axhline(0, color=INK, linewidth=0.8)
        left.set_ylabel("mean residual, 95 % interval")
        right.bar(places, errors, color=COLOURS[1])
        right.set_ylabel("mean squared error")
        for axes in plot.all_axes:
            axes.set_xticks(list(places), names, rotation=50, ha="right", fontsize=8)
            axes.set_xlabel("ratings of the book")
    return Figure(
        "Residuals by popularity",
        f"The mean squared error is {errors[0]:.3f} for the least rated books ({names[0]} "
        f"ratings) and {errors[-1]:.3f} for the most rated ({names[-1]}); the mean residual lies "
        f"between {means.min():+.3f} and {means.max():+.3f}.",
        plot.svg,
        "Left, the mean residual with its interval for ten groups of ratings, those of the least "
        "rated books first; right, their mean squared error.",
        Table(
            ("ratings of the book", "predictions", "mean residual", "mean squared error"),
            [
                (name, number(len(g)), f"{mean:+.3f} ± {deviation:.3f}", f"{error:.3f}")
                for name, g, mean, deviation, error in zip(
                    names, groups, means, deviations, errors, strict=True
                )
            ],
        ),
    )
