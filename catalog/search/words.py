"""Names and queries taken apart: what is compared when something is looked for."""

import re

from catalog.text import normalize

# Nobody types more on purpose; the rest of a longer query is not looked at.
MAX_QUERY_LENGTH = 200
MAX_WORDS = 16

# Said or left out at will: no book is missed for one of them.
OPTIONAL_WORDS = frozenset({"a", "an", "and", "the"})
# Before a number: "dune book 2", "vol. 3".
_NUMBER_WORDS = frozenset({"book", "no", "nr", "number", "part", "vol", "volume"})
_ARTICLE = re.compile(r"(?:the|a|an|le|la|les|der|die|das|el|los|las|il) (?=.)")
_SUBTITLE = re.compile(r"\s*[:(;\[]|\s+[-–—/]\s+|,\s+or,?\s+", re.IGNORECASE)
_ISBN = re.compile(r"[0-9]{9}[0-9x]|[0-9]{13}")
_APOSTROPHES = re.compile(r"['’ʼ`]")


def comparable(text: str) -> str:
    """Normalize a name or query; "&" is the word that it stands for."""
    return normalize(text.replace("&", " and ") if "&" in text else text)


def query_text(query: str) -> str:
    """Return what of a query is looked for; "" when it holds no letter or digit."""
    return comparable(query[:MAX_QUERY_LENGTH].replace("\0", " "))


def without_article(text: str) -> str:
    return _ARTICLE.sub("", text, count=1) if _ARTICLE.match(text) else text


def without_subtitle(title: str) -> str:
    """Return the title up to its subtitle, normalized; "" when it has none."""
    parts = _SUBTITLE.split(title, maxsplit=1)
    return comparable(parts[0]) if len(parts) > 1 else ""


def raw_key(text: str) -> str:
    """What a title of nothing but signs is found by."""
    return " ".join(text.casefold().split())


def words_of_name(name: str) -> set[str]:
    """Return the words that a name is found by.

    Besides its own: initials drawn together ("jrr"), and the parts of a word with an apostrophe
    ("l'étranger" is "letranger" and "etranger").
    """
    words = comparable(name).split()
    found = set(words)
    run = ""
    for word in [*words, ""]:
        if len(word) == 1 and word.isalpha():
            run += word
            continue
        if len(run) > 1:
            found.add(run)
        run = ""
    if _APOSTROPHES.search(name):
        pieces = comparable(_APOSTROPHES.sub(" ", name)).split()
        found.update(piece for piece in pieces if len(piece) > 2)
    return found


def words_of_search_text(text: str) -> set[str]:
    """Return the words of `Book.search_text` but for ISBNs, which are looked up whole."""
    return {word for word in text.split() if not _ISBN.fullmatch(word)}


def query_words(text: str) -> tuple[list[str], list[str]]:
    """Return the words of a normalized query: those that a match must have, and the others."""
    words = text.split()[:MAX_WORDS]
    optional = {
        place
        for place, word in enumerate(words)
        if word in OPTIONAL_WORDS
        or (word in _NUMBER_WORDS and place + 1 < len(words) and words[place + 1].isdecimal())
    }
    if len(optional) == len(words):
        return words, []
    required = [word for place, word in enumerate(words) if place not in optional]
    return required, [words[place] for place in sorted(optional)]
