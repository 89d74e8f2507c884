"""One spelling for text that is compared: search, series names, tags."""

import re
import unicodedata
from collections.abc import Iterable

# Letters that Unicode does not decompose into a base letter and an accent.
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
)
_APOSTROPHES = re.compile(r"['’ʼ`]")
_NOT_WORD = re.compile(r"[\W_]+")


def normalize(text: str) -> str:
    """Lower case, without accents, apostrophes and punctuation, single spaces: "enders game"."""
    if text.isascii():
        return _NOT_WORD.sub(" ", _APOSTROPHES.sub("", text.lower())).strip()
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    base = "".join(char for char in decomposed if not unicodedata.combining(char))
    return _NOT_WORD.sub(" ", _APOSTROPHES.sub("", base)).strip()


def book_search_text(
    *,
    title: str,
    original_title: str,
    series: Iterable[str],
    authors: Iterable[str],
    isbns: Iterable[str],
) -> str:
    """What `Book.search_text` holds: everything a reader may look for a book by, normalized."""
    parts = (title, original_title, *series, *authors, *isbns)
    return " ".join(dict.fromkeys(filter(None, map(normalize, parts))))
