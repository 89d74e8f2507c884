"""What the embeddings know of books: components, the two maps, and who is nearest to whom."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from recommender.engine import Artifact, BookMap, Catalog, EngineError, LinearRanker, TwoStageRanker
from recommender.engine.embeddings.dot_product import DotProductPredictor
from recommender.engine.sparse_svd import unit_rows
from reports.contents import Figure, Section, Table, listed
from reports.material import Material
from reports.plots import COLOURS, drawing, percent

_COLOURED: Final = 8
_CHOSEN: Final = 8
_NEIGHBOURS: Final = 5
_AT_A_TIME: Final = 1024


def embeddings_section(material: Material) -> Section:
    """Show the principal components, both maps of the books, and the nearest of chosen books."""
    section = Section("embeddings", "Embeddings")
    if material.artifact is None or material.run is None:
        section.missing.append(material.without)
        return section
    parts, run = material.artifact.parts, material.run
    try:
        catalog = Catalog.from_part(material.artifact.part("items"), with_links=False)
        vectors = None
        if "embeddings" in parts:
            vectors = DotProductPredictor.from_part(
                material.artifact.part("embeddings")
            ).item_factors
            section.figures.append(_components(vectors))
        else:
            why = run.skipped_parts.get("embeddings", f"it is a {run.kind} one")
            section.missing.append(f"Run {run.pk} has no embeddings: {why}.")
        if "map" in parts:
            section.figures += _maps(
                BookMap.from_part(material.artifact.part("map")), catalog, material
            )
        else:
            why = run.skipped_parts.get("map", f"it is a {run.kind} one")
            section.missing.append(f"Run {run.pk} has no map of the books: {why}.")
        linear = _first_stage(material.artifact)
        section.figures.append(_neighbours(vectors, linear, catalog, material))
        if vectors is not None:
            section.figures.append(_agreement(vectors, catalog))
    except EngineError as error:
        section.missing.append(f"The files of run {run.pk} cannot be read: {error}")
    return section


def _first_stage(artifact: Artifact) -> LinearRanker:
    if "two_stage" in artifact.parts:
        return TwoStageRanker.from_part(artifact.part("two_stage")).linear
    return LinearRanker.from_part(artifact.part("linear"))


def _components(vectors: NDArray[np.float32]) -> Figure:
    directions = unit_rows(vectors).astype(np.float64)
    centred = directions - directions.mean(axis=0)
    variances = np.maximum(np.linalg.eigvalsh(centred.T @ centred)[::-1], 0.0)
    parts = variances / variances.sum() if variances.sum() > 0 else variances
    reached = np.cumsum(parts)
    half = int(np.searchsorted(reached, 0.5)) + 1
    most = int(np.searchsorted(reached, 0.9)) + 1
    with drawing("components") as plot:
        places = range(1, len(parts) + 1)
        plot.axes.bar(places, parts, color=COLOURS[0], label="of one component")
        plot.axes.plot(places, reached, color=COLOURS[1], marker=".", label="of all up to it")
        plot.axes.set_xlabel("principal component")
        plot.axes.set_ylabel("part of the variance")
        plot.axes.legend()
        percent(plot.axes.yaxis)
    return Figure(
        "Principal components",
        f"Of the variance of {len(vectors):,} embeddings in {vectors.shape[1]} dimensions the "
        f"first two components hold {reached[min(1, len(reached) - 1)]:.1%}; half of it needs "
        f"{half}, nine tenths {most}.",
        plot.svg,
        "A bar for each principal component: its part of the variance; a line for their sum.",
        Table(
            ("component", "part", "sum"),
            [
                (str(i), f"{p:.1%}", f"{r:.1%}")
                for i, (p, r) in enumerate(zip(parts, reached, strict=True), 1)
            ],
        ),
    )


def _maps(book_map: BookMap, catalog: Catalog, material: Material) -> list[Figure]:
    """Draw both maps; colours are the genres with the most books."""
    placed = np.flatnonzero(book_map.placed)
    genre = catalog.genre_index[placed]
    numbers, counts = np.unique(genre[genre >= 0], return_counts=True)
    coloured = numbers[np.argsort(-counts, kind="stable")][:_COLOURED]
    names = {int(pk): material.genres.get(int(pk), f"genre {pk}") for pk in coloured}
    figures = []
    for layout, title, text in (
        (
            "pca",
            "Books by principal components",
            "distances are true as far as two dimensions tell",
        ),
        ("tsne", "Books by t-SNE", "near books are near; distances between groups mean little"),
    ):
        places = (book_map.pca if layout == "pca" else book_map.tsne)[placed]
        same, by_chance = _same_group_nearby(places, genre)
        with drawing(layout, width=7.6, height=6.2) as plot:
            axes = plot.axes
            rest = ~np.isin(genre, coloured)
            size = float(np.clip(30_000 / max(1, len(placed)), 3, 16))
            axes.scatter(
                places[rest, 0],
                places[rest, 1],
                s=0.6 * size,
                color=COLOURS[7],
                alpha=0.35,
                linewidths=0,
                rasterized=True,
            )
            for place, pk in enumerate(coloured):
                of_genre = places[genre == pk]
                axes.scatter(
                    of_genre[:, 0],
                    of_genre[:, 1],
                    s=size,
                    alpha=0.8,
                    linewidths=0,
                    rasterized=True,
                    color=(COLOURS[:7] + COLOURS[8:])[place],
                    label=names[int(pk)],
                )
            axes.spines[:].set_visible(False)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_aspect("equal")
            if len(coloured):
                axes.legend(markerscale=4, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
        centres = [(names[int(pk)], places[genre == pk]) for pk in coloured]
        figures.append(
            Figure(
                title,
                f"{len(placed):,} of {catalog.n_items:,} books have a place; {same:.1%} of the "
                f"books nearest to a book with a genre have the same one, {by_chance:.1%} would by "
                f"chance. In this map {text}.",
                plot.svg,
                "A point for each book, coloured by genre: "
                f"{listed(names.values()) or 'none'}; the others grey.",
                Table(
                    ("genre", "books", "middle, left to right", "middle, bottom to top"),
                    [
                        (
                            name,
                            f"{len(xy):,}",
                            f"{np.median(xy[:, 0]):+.2f}",
                            f"{np.median(xy[:, 1]):+.2f}",
                        )
                        for name, xy in centres
                    ],
                ),
            )
        )
    return figures


def _same_group_nearby(
    places: NDArray[np.float32], group: NDArray[np.int32]
) -> tuple[float, float]:
    """Return which part of the items in a group have a nearest one of the same, and by chance."""
    known = np.flatnonzero(group >= 0)
    if len(known) < 2:
        return float("nan"), float("nan")
    of = group[known]
    two = np.asarray(cKDTree(places[known]).query(places[known], k=2)[1])
    # Where two books are at one place, either may come first.
    nearest = np.where(two[:, 0] == np.arange(len(known)), two[:, 1], two[:, 0])
    same = int((of[nearest] == of).sum())
    sizes = np.unique(of, return_counts=True)[1]
    chance = float((sizes * (sizes - 1)).sum() / (len(of) * (len(of) - 1)))
    return same / len(known), chance


def _neighbours(
    vectors: NDArray[np.float32] | None,
    linear: LinearRanker,
    catalog: Catalog,
    material: Material,
) -> Figure:
    """Write down who is nearest to each chosen book, by its embedding and by who reads it."""
    chosen = _chosen_items(catalog, material)
    unit = None if vectors is None else unit_rows(vectors)
    found: list[tuple[int, list[int], list[int]]] = []
    for item in chosen:
        near: list[int] = []
        if unit is not None:
            likeness = unit @ unit[item]
            likeness[item] = -np.inf
            near = np.argsort(-likeness, kind="stable")[:_NEIGHBOURS].tolist()
        read = linear.similar_items(item, _NEIGHBOURS).item_indices.tolist()
        found.append((item, near, read))
    ids = catalog.items.ids
    titles = material.titles({int(ids[i]) for item, a, b in found for i in (item, *a, *b)})

    def names(items: list[int]) -> str:
        return " · ".join(titles[int(ids[i])] for i in items) or "-"

    both = sum(len(set(a) & set(b)) for _, a, b in found)
    if unit is None:
        sentence = f"The books most like each of {len(found)}, by who reads them."
    else:
        of = sum(len(a) for _, a, _ in found)
        sentence = (
            f"Of the {_NEIGHBOURS} nearest of {len(found)} books, {both} of {of} are the same by "
            "embedding (what is liked alike) and by who reads them (what is read together)."
        )
    rows = [(names([item]), names(near), names(read)) for item, near, read in found]
    if unit is None:
        table = Table(("book", "by who reads it"), [(book, read) for book, _, read in rows])
    else:
        table = Table(("book", "by its embedding", "by who reads it"), rows)
    return Figure("Nearest neighbours of chosen books", sentence, "", "", table)


def _chosen_items(catalog: Catalog, material: Material) -> list[int]:
    """Return the items that were asked for, or the most rated book of each of the great genres."""
    if material.chosen:
        return [int(i) for i in catalog.items.indices(material.chosen) if i >= 0]
    rated = np.zeros(catalog.n_items, dtype=np.int64)
    known = catalog.items.indices(material.data.interactions.item_ids)
    rated[known[known >= 0]] = material.ratings_of_items[known >= 0]
    genres, counts = np.unique(catalog.genre_index[catalog.genre_index >= 0], return_counts=True)
    chosen = []
    for genre in genres[np.argsort(-counts, kind="stable")][:_CHOSEN]:
        of_genre = np.flatnonzero(catalog.genre_index == genre)
        chosen.append(int(of_genre[rated[of_genre].argmax()]))
    return chosen or np.argsort(-rated, kind="stable")[:_CHOSEN].tolist()


def _agreement(vectors: NDArray[np.float32], catalog: Catalog) -> Figure:
    """Draw how often the nearest of a book is of the same author, series and genre."""
    unit = unit_rows(vectors)
    nearest = np.empty(len(unit), dtype=np.int64)
    for start in range(0, len(unit), _AT_A_TIME):
        likeness = unit[start : start + _AT_A_TIME] @ unit.T
        likeness[np.arange(len(likeness)), np.arange(start, start + len(likeness))] = -np.inf
        nearest[start : start + len(likeness)] = likeness.argmax(axis=1)
    rows, names, measured, chances = [], [], [], []
    for name, group in (
        ("author", catalog.author_index),
        ("series", catalog.series.index),
        ("genre", catalog.genre_index),
    ):
        # Who is alone in a group can have no neighbour of it.
        groups, sizes = np.unique(group[group >= 0], return_counts=True)
        several = np.flatnonzero(np.isin(group, groups[sizes > 1]))
        if not len(several):
            continue
        same = float((group[nearest[several]] == group[several]).mean())
        many = sizes[sizes > 1]
        chance = float((many * (many - 1)).sum() / (many.sum() * (len(group) - 1)))
        names.append(name)
        measured.append(same)
        chances.append(chance)
        rows.append((name, f"{len(several):,}", f"{same:.1%}", f"{chance:.2%}"))
    with drawing("agreement", height=2.4) as plot:
        places = np.arange(len(names))
        plot.axes.barh(places - 0.2, measured, height=0.36, color=COLOURS[0], label="measured")
        plot.axes.barh(places + 0.2, chances, height=0.36, color=COLOURS[7], label="by chance")
        plot.axes.set_yticks(places.tolist(), names)
        plot.axes.invert_yaxis()
        plot.axes.grid(visible=False, axis="y")
        plot.axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        percent(plot.axes.xaxis)
    seen = [f"{m:.1%} have its {n}" for n, m in zip(names, measured, strict=True)]
    return Figure(
        "What the nearest book has in common",
        f"Of the books whose embedding is nearest to a book's, {listed(seen)}."
        if seen
        else "No two books share an author, a series or a genre.",
        plot.svg,
        "Bars: how often the nearest book has the same author, series and genre, beside how often "
        "a random one would.",
        Table(("the same", "books that share it with another", "nearest", "by chance"), rows),
    )
