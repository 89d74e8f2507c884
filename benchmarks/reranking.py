"""What the sliders of a list cost in accuracy and bring in variety; docs/algorithms/reranking.md.

Ranks with the active run of this checkout's database, by the code that serves:

    EVALUATION_DIR=… .venv/bin/python -m benchmarks.reranking
"""

import csv
import os
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import django
import numpy as np
from scipy.sparse import csr_array

if TYPE_CHECKING:  # models can be imported after django.setup() only
    from recommender.active import ActiveModel

# {reader: {book id: stars}}
Readers = dict[int, dict[int, int]]
K = 10
SETTINGS = [
    (0.0, 0.0),
    (0.25, 0.0),
    (0.5, 0.0),
    (1.0, 0.0),
    (0.0, 0.25),
    (0.0, 0.5),
    (0.0, 1.0),
    (0.5, 0.5),
    (1.0, 1.0),
]


def main() -> None:
    from recommender.active import holder

    model = holder.current()
    if model is None:
        sys.exit("No run is active: train first.")
    folder = Path(os.environ["EVALUATION_DIR"])
    fold_in, target = _read(folder / "fold_in.csv"), _read(folder / "target.csv")
    _measure("visible readers, in the training data", model, fold_in, target)
    _measure("readers whom the run withheld", model, *_withheld())


def _read(path: Path) -> Readers:
    """Return {reader: {book id: stars}}; goodbooks numbers are turned into ids."""
    from catalog.models import Book

    ids = dict(Book.objects.filter(source="goodbooks").values_list("external_id", "pk"))
    readers: dict[int, dict[int, int]] = defaultdict(dict)
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            readers[int(row["user_id"])][ids[int(row["book_id"])]] = int(row["rating"])
    return readers


def _withheld() -> tuple[Readers, Readers]:
    """Return the ratings of readers whom no run learns from, four fifths and one fifth."""
    from accounts.models import User
    from ratings.models import Rating
    from recommender.held_out import is_held_out

    users = [
        pk
        for pk in User.objects.filter(source="goodbooks").values_list("pk", flat=True)
        if is_held_out(pk)
    ]
    rng = np.random.default_rng(1)
    fold_in: dict[int, dict[int, int]] = defaultdict(dict)
    target: dict[int, dict[int, int]] = defaultdict(dict)
    rows = Rating.objects.filter(user__in=users).order_by("user", "book")
    for user, book, stars in rows.values_list("user_id", "book_id", "stars"):
        (target if rng.random() < 0.2 else fold_in)[user][book] = stars
    return fold_in, target


def _measure(name: str, model: "ActiveModel", fold_in: Readers, target: Readers) -> None:
    from ratings.opinions import Opinions
    from recommender.engine import ndcg_at_k
    from recommender.list_options import ListOptions
    from recommender.places import Asked, profile_of, ranked_places, speaks

    readers = []
    for reader, stars in sorted(fold_in.items()):
        liked = [book for book, given in target.get(reader, {}).items() if given >= 4]
        opinions = Opinions(stars=dict(sorted(stars.items())), read=frozenset(stars))
        profile = profile_of(model, opinions)
        if liked and speaks(profile):
            readers.append((opinions, profile, liked))
    tags = _tag_profiles(model)
    n_ratings = model.catalog.n_ratings
    if n_ratings is None:
        sys.exit("The catalogue of the active run counts no ratings.")
    print(f"\n{name}: {len(readers):,}")
    print("| variety | discovery | NDCG@10 | alike | coverage@10 | ratings of a book |")
    print("|---|---|---|---|---|---|")
    for diversity, novelty in SETTINGS:
        options = ListOptions(diversity=diversity, novelty=novelty)
        ndcg: list[float] = []
        alike: list[float] = []
        known: list[float] = []
        seen: set[int] = set()
        for opinions, profile, liked in readers:
            asked = Asked(model, opinions, profile, options, gone=frozenset(), matching=None)
            books = [place.book for place in ranked_places(asked, K)]
            items = model.catalog.items.known_indices(books)
            ndcg.append(ndcg_at_k(books, liked, K))
            seen.update(books)
            if len(items) > 1:
                rows = tags[items]
                cosines = (rows @ rows.T).toarray()
                alike.append((cosines.sum() - np.trace(cosines)) / (len(items) * (len(items) - 1)))
            known.extend(np.log(np.nan_to_num(n_ratings[items]) + 1))
        print(
            f"| {diversity:g} | {novelty:g} | {np.mean(ndcg):.4f} | {np.mean(alike):.3f} | "
            f"{len(seen):,} | {np.exp(np.mean(known)):,.0f} |",
            flush=True,
        )


def _tag_profiles(model: "ActiveModel") -> csr_array:
    """Return the books' tags as the engine weighs them, every row of length 1."""
    from recommender import artifact_store
    from recommender.engine import Catalog
    from recommender.engine.metadata_gram import tag_profiles

    # The web keeps the catalogue without its tags.
    profiles = tag_profiles(Catalog.from_part(artifact_store.load(model.artifact).part("items")))
    if profiles is None:
        sys.exit("The catalogue of the active run has no tags.")
    return profiles


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookrec_site.settings.base")
    django.setup()
    main()
