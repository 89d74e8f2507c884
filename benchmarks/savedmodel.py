"""How near an exported SavedModel comes to the run it was made from, and what it takes.

python -m benchmarks.savedmodel FOLDER/NUMBER ARTIFACT: random readers, their stars by both.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from recommender.engine import Catalog, Profile, load_artifact
from recommender.engine.id_tensors import load_tensorflow
from recommender.engine.stars import StarsPredictor
from recommender.engine.stars_tensors import INPUTS, SIGNATURE

N_READERS, N_BOOKS = 300, 200
TIMED = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("exported", type=Path)
    parser.add_argument("artifact", type=Path)
    given = parser.parse_args()
    artifact = load_artifact(given.artifact)
    predictor = StarsPredictor.from_part(artifact.part("stars"))
    items = Catalog.from_part(artifact.part("items"), with_links=False).items
    tf = load_tensorflow()
    serve = tf.saved_model.load(str(given.exported)).signatures[SIGNATURE]
    generator = np.random.default_rng(0)

    def ask(*arrays: np.ndarray) -> np.ndarray:
        inputs = zip(INPUTS.items(), arrays, strict=True)
        answer = serve(**{name: tf.constant(array[None], dtype) for (name, dtype), array in inputs})
        stars: np.ndarray = answer["stars"].numpy()[0]
        return stars

    def some(n: int) -> np.ndarray:
        return generator.choice(items.ids, min(n, len(items)), replace=False)

    apart = []
    for _ in range(N_READERS):
        rated = some(int(generator.choice([1, 2, 5, 20, 60, 100, 190])))
        stars = generator.integers(1, 6, len(rated)).astype(np.float32)
        shelved, books = some(int(generator.integers(0, 30))), some(N_BOOKS)
        profile = Profile.from_ids(items, rated, stars, shelved)
        own = predictor.predict_items(profile, items.indices(books))
        apart.append(np.abs(ask(books, rated, stars, shelved) - own))
    all_apart = np.concatenate(apart)
    print(
        f"{len(all_apart):,} predictions for {N_READERS} readers: at most {all_apart.max():.7f} "
        f"apart, {(all_apart > 1e-4).sum()} of them by more than .0001"
    )
    rated = some(100)
    stars = np.full(len(rated), 4, dtype=np.float32)
    for n_books in (10, 50, 1_000, 10_000):
        books = some(n_books)
        ask(books, rated, stars, rated[:0])
        begun = time.process_time()
        for _ in range(TIMED):
            ask(books, rated, stars, rated[:0])
        took = (time.process_time() - begun) / TIMED
        print(f"{len(rated)} ratings, {len(books):,} books: {1000 * took:.1f} ms of processor time")


if __name__ == "__main__":
    main()
