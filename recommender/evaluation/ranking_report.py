"""A ranking evaluation in words, as a table, as JSON and as the file of lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recommender.evaluation.output import writing
from recommender.evaluation.ranking_data import RankingData
from recommender.evaluation.ranking_run import RankingResult
from recommender.evaluation.tables import text_table

_QUALITY = ("NDCG@10", "95 % interval", "Recall@20", "Recall@100")
_OTHERS = ("coverage@10", "novelty", "Gini", "fit s", "ms per list", "peak MB")


def describe_ranking_data(data: RankingData) -> str:
    """Say what was fitted and what was left out, a fact a line."""
    counts = data.counts
    lines = [
        f"Fitted on {counts.n_ratings:,} ratings and {counts.n_shelved:,} to-read entries of "
        f"{counts.n_training_users:,} readers; {counts.n_books:,} books are ranked.",
        f"Left out of the fit: {counts.n_ratings_left_out:,} ratings and "
        f"{counts.n_shelved_left_out:,} to-read entries of the {counts.n_users:,} readers to be "
        "ranked for.",
    ]
    repeated = {name: n for name, n in counts.n_duplicates.items() if n}
    if repeated:
        each = ", ".join(f"{n:,} in {name}" for name, n in repeated.items())
        lines.append(f"Duplicate pairs, of which the last row counts: {each}.")
    if counts.n_unknown_fold_in:
        lines.append(
            f"{counts.n_unknown_fold_in:,} rows of the fold-in name a book that is unknown; "
            f"{counts.n_users_without_known_book:,} readers have no other."
        )
    if counts.n_target_of_others:
        lines.append(
            f"{counts.n_target_of_others:,} rows of the target are of readers without a fold-in "
            "and were not used."
        )
    return "\n".join(lines)


def ranking_table(results: Sequence[RankingResult], failures: Mapping[str, str]) -> str:
    """Return one row for each algorithm; quality only where there was a target."""
    measured = any(result.report for result in results)
    header = ("algorithm", *(_QUALITY if measured else ()), *_OTHERS)
    rows = []
    for result in results:
        quality: tuple[str, ...] = ()
        if report := result.report:
            low, high = report.ndcg_at_10_interval
            quality = (
                f"{report.ndcg_at_10:.4f}",
                f"{low:.4f} to {high:.4f}",
                f"{report.recall_at_20:.4f}",
                f"{report.recall_at_100:.4f}",
            )
        rows.append(
            (
                result.algorithm,
                *quality,
                f"{result.coverage:,}",
                f"{result.novelty:.2f}",
                f"{result.gini:.3f}",
                f"{result.fit_seconds:.1f}",
                f"{result.milliseconds_per_list:.2f}",
                f"{result.peak_megabytes:,.0f}",
            )
        )
    rows += [(name, "failed", *("" for _ in header[2:])) for name in failures]
    notes = [f"{name} failed: {reason}" for name, reason in failures.items()]
    notes += [
        f"{result.algorithm}: {result.n_fallback:,} readers were given the popular list."
        for result in results
        if result.n_fallback and result.algorithm != "popularity"
    ]
    # The blank line keeps a note out of the table where the text is shown as Markdown.
    return "\n".join([text_table(header, rows), *(["", *notes] if notes else [])])


def cold_start_table(results: Sequence[RankingResult]) -> str:
    """Return NDCG@10 by how many ratings of each reader are known."""
    limits = list(results[0].cold_start)
    rows = [
        (result.algorithm, *(f"{result.cold_start[n].ndcg_at_10:.4f}" for n in limits))
        for result in results
    ]
    return text_table(("NDCG@10 with so many ratings", *map(str, limits)), rows)


def ranking_json(
    data: RankingData,
    results: Sequence[RankingResult],
    failures: Mapping[str, str],
    **settings: Any,
) -> dict[str, Any]:
    """Return what the tables show, and the settings, as JSON values."""
    return {
        **settings,
        "data": data.as_dict(),
        "results": [result.as_dict() for result in results],
        "failures": dict(failures),
    }


def write_lists(path: Path, data: RankingData, lists: Sequence[Any]) -> None:
    """Write user_id, rank (from 1) and book_id."""
    book_ids = data.interactions.item_ids
    with writing(path) as file:
        file.write("user_id,rank,book_id\n")
        for user_id, ranked in zip(data.user_ids.tolist(), lists, strict=True):
            file.writelines(
                f"{user_id},{place},{book_id}\n"
                for place, book_id in enumerate(book_ids[ranked].tolist(), start=1)
            )
