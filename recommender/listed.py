"""A reader's list in words, for the API: all that it is made of is read in one statement."""

from typing import Any, NamedTuple

from accounts.models import User
from catalog.prepared import Prepared
from catalog.versions import CATALOG_VERSION, Version
from ratings.opinions import SAID, SAID_TYPES, Opinions, opinions_from, said_values
from recommender.active import ACTIVE_RUN, ACTIVE_RUN_VALUES, ActiveModel, holder
from recommender.book_sources import BooksInMemory
from recommender.list_options import ListOptions
from recommender.serving import RecommendationList, recommendations_by, recommendations_for
from recommender.standing import DECIDED, DECIDED_TYPES, Standing, decided_values, standing_from

# What the rows are of.
_OPINION, _DECISION, _RUN, _VERSION = range(4)
_EVERYTHING = Prepared(
    "bookrec_list",
    f"""
    SELECT {_OPINION} AS part, id, name, number FROM ({SAID}) AS said (id, name, number)
    UNION ALL
    SELECT {_DECISION}, id, name, 0 FROM ({DECIDED}) AS decided (id, name)
    UNION ALL
    SELECT {_RUN}, id, artifact, 0 FROM ({ACTIVE_RUN}) AS run (id, artifact)
    UNION ALL
    SELECT {_VERSION}, number, '', total FROM ({CATALOG_VERSION}) AS version (number, total)
    """,  # noqa: S608 - texts of this program
    {**SAID_TYPES, **DECIDED_TYPES, "active": "text"},
)


class Moment(NamedTuple):
    """What one snapshot of the database says to a list."""

    opinions: Opinions
    # Of books newer than the model knows, when that is of the active run.
    standing: Standing
    # Id and artifact of the active run.
    run: tuple[int, str] | None
    version: Version


def listed_recommendations(user: User, k: int, options: ListOptions) -> RecommendationList:
    """Return the reader's top k with predicted stars and `ListedBook`s, mostly in one query."""
    held = holder.held()
    if held is None or options.filters or not user.wants_recommendations:
        return recommendations_for(
            user, k, options=options, with_predicted_stars=True, source=BooksInMemory()
        )
    moment = moment_of(user, held)
    model = holder.serving(moment.run)
    return recommendations_by(
        model,
        moment.opinions,
        k,
        options=options,
        with_predicted_stars=True,
        source=BooksInMemory(moment.version),
        # Another run knows other books.
        now=moment.standing if model is held else None,
    )


def moment_of(user: User, model: ActiveModel) -> Moment:
    """Return what is true of the reader, the catalogue and the runs now, in one query."""
    values = {**said_values(user), **decided_values(model.newest_book), **ACTIVE_RUN_VALUES}
    rows: tuple[list[tuple[Any, ...]], ...] = ([], [], [], [])
    for part, *row in _EVERYTHING.rows(values):
        rows[part].append(tuple(row))
    [(number, _, total)] = rows[_VERSION]
    run = rows[_RUN][0][:2] if rows[_RUN] else None
    return Moment(
        opinions_from(rows[_OPINION]),
        standing_from((pk, name) for pk, name, _ in rows[_DECISION]),
        run,
        (number, total),
    )
