"""A list through a reader's eyes: what the fallback ladder did, and why each book is there."""

from dataclasses import dataclass
from typing import Final

from accounts.models import User
from ratings.opinions import Opinions, opinions_of
from recommender.active import ActiveModel, holder
from recommender.list_options import ListOptions
from recommender.places import profile_of, speaks
from recommender.reasons import LIKED_STARS
from recommender.serving import RecommendationList, recommendations_by

LENGTH: Final = 10


@dataclass(frozen=True)
class Step:
    """One question that decided what the list was made from."""

    question: str
    answer: str


@dataclass(frozen=True)
class Look:
    """A list with every contribution, and the steps that led to it."""

    steps: list[Step]
    found: RecommendationList
    opinions: Opinions


def look_as(user: User) -> Look:
    """Return the list that a reader gets now."""
    opinions = opinions_of(user)
    if not user.wants_recommendations:
        wants = Step("Does the reader want recommendations?", "No: there is no list anywhere.")
        return Look([wants], RecommendationList([], "off", None), opinions)
    look = look_with(opinions)
    wants = Step("Does the reader want recommendations?", "Yes.")
    return Look([wants, *look.steps], look.found, opinions)


def look_with(opinions: Opinions) -> Look:
    """Return the list for opinions that need not be anybody's, by the active run."""
    model = holder.current()
    options = ListOptions(explain=True)
    found = recommendations_by(model, opinions, LENGTH, options=options, with_predicted_stars=True)
    return Look(_steps(model, opinions, found), found, opinions)


def _steps(model: ActiveModel | None, opinions: Opinions, found: RecommendationList) -> list[Step]:
    if model is None:
        return [
            Step(
                "Is a run active?",
                "None that this process can serve: the catalogue by number of ratings.",
            )
        ]
    profile = profile_of(model, opinions)
    n_rated, n_known = len(opinions.stars), len(profile.item_indices)
    n_liked = int((profile.stars >= LIKED_STARS).sum())
    steps = [
        Step("Is a run active?", f"Run {model.run_id}, a {model.ranker.name} ranker."),
        Step(
            "Does the run know the rated books?",
            f"{n_known} of {n_rated} rated and {len(profile.shelf_indices)} of "
            f"{len(opinions.to_read)} wanted ones; the others are newer than the run.",
        ),
        Step(
            f"Did the reader like any of them ({LIKED_STARS} stars or more)?",
            f"{n_liked} of them: the list is ranked by the ratings."
            if speaks(profile)
            else "None: the list is of popular books.",
        ),
        Step(
            "Which books may not be listed?",
            f"{len(opinions.read)} read, {len(opinions.to_read)} wanted, "
            f"{len(opinions.dismissed)} dismissed and {len(opinions.shelved_otherwise)} shelved "
            "otherwise, besides the hidden ones.",
        ),
    ]
    n_own = len(found.items) - found.n_filled_up
    if found.basis == "ratings":
        steps.append(
            Step(
                "Was the list filled up?",
                f"{n_own} places were earned by the ratings, {found.n_filled_up} are popular "
                "books.",
            )
        )
    return steps
