"""The genres of books, made of the tags that readers shelved them under."""

# ruff: noqa: S608 - the tables in these statements are constants of this package.
from collections.abc import Collection

from catalog.genres import GENRES_PER_BOOK, MIN_SHARE
from catalog.goodbooks.bulk import create_stage, execute
from catalog.goodbooks.upserts import mirror_links


def derive_genres(books: str, parameters: Collection[object] = ()) -> int:
    """Bring the genres of some books to what their tags say; return how many rows changed.

    A book's share of a genre is the part of its genre shelvings that name it. A synonym counts as
    the tag that it stands for, a blocked one as nothing. Books whose genres a curator chose are
    left alone. Called in a transaction.

    Parameters
    ----------
    books : condition on catalog_book, in SQL with placeholders for the parameters.
    """
    create_stage("stage_genre_book", "book_id bigint")
    execute(
        f"INSERT INTO stage_genre_book SELECT id FROM catalog_book "
        f"WHERE ({books}) AND NOT 'genres' = ANY (curated)",
        list(parameters),
    )
    execute("ANALYZE stage_genre_book")
    create_stage("stage_book_genre", "book_id bigint, genre_id bigint, share double precision")
    execute(
        """WITH meaning AS (
               SELECT t.id AS tag_id, s.genre_id
               FROM catalog_tag t JOIN catalog_tag s ON s.id = coalesce(t.synonym_of_id, t.id)
               WHERE NOT t.is_blocked AND NOT s.is_blocked AND s.genre_id IS NOT NULL
           ), shelvings AS (
               SELECT book_id, genre_id, sum(count) AS n
               FROM catalog_booktag JOIN meaning USING (tag_id)
               JOIN stage_genre_book USING (book_id)
               GROUP BY book_id, genre_id
           ), shares AS (
               SELECT book_id, genre_id, n::float8 / sum(n) OVER book AS share,
                      row_number() OVER (book ORDER BY n DESC, genre_id) AS place
               FROM shelvings WINDOW book AS (PARTITION BY book_id)
           )
           INSERT INTO stage_book_genre
           SELECT book_id, genre_id, share FROM shares WHERE place <= %s AND share >= %s""",
        [GENRES_PER_BOOK, MIN_SHARE],
    )
    execute("ANALYZE stage_book_genre")
    return mirror_links(
        "catalog_bookgenre",
        "stage_book_genre",
        columns=["book_id", "genre_id", "share"],
        owners="stage_genre_book",
    )
