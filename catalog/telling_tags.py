"""Which tags say something of a book, rather than of the shelf it stands on.

Readers type "to-read", "kindle" and "read-in-2015" far more often than "love-triangle". What is
left out is decided here by rule, and a book's own author, series and title, which are known
without a tag, by the book.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from catalog.text import normalize

MAX_TAGS = 8
# A tag holds for a book when at least one in so many of those who rated it shelved it so.
RATERS_PER_TAG = 5000

# A tag with one of these words is about the reader, the copy or the year.
_READERS_WORDS = (
    "abandoned acquired again already amazon arc arcs audible audio audiobook audiobooks author "
    "authors beach bedroom bookcase bookclub bookshelf bookshelves bookstore borrow borrowed "
    "bought box boxed buddy buy calibre challenge club collection completed copy couldn couldnt "
    "currently default did didn didnt digital discard dnf done download downloaded ebook ebooks "
    "edition faves favorite favorites favourite favourites favs finish finished first for gave "
    "get giveaway goodreads group half hardback hardcover have hold home house i import in "
    "instapaper interested kindle later library list listen listened listening lists loved maybe "
    "me mine my need netgalley never next nook not on overdrive own owned pages paperback "
    "partially pdf physical pile priority purchased queue rated re read reading readings reads "
    "recommendations recommended reread rereads review reviewed reviews rory scanned school see "
    "shelf shelfari shelved shelves signed someday star stars started stopped store stuff summer "
    "tbr to todo toread try unfinished unread up wait waiting want wanted wish wishlist x year "
    "years"
)
# Whole tags that fit nearly every book, or that nobody else can make sense of.
_EMPTY_TAGS = (
    "adult adult-fiction all-time america american american-lit american-literature book books "
    "brit brit-lit british british-lit british-literature children-s-book classroom-library "
    "college comix completed-series could-not-finish culture default e-book e-books elementary "
    "english english-books english-language english-literature fantasy-and-sci-fi fantasy-sci-fi "
    "fantasy-science-fiction fantasy-scifi fantasy-sf favorite-series fic fiction fiction-general "
    "finished-series first-in-series fluff foreign fun general general-fiction "
    "general-non-fiction general-nonfiction guilty-pleasure guilty-pleasures high-school hot "
    "kid-s-books kids-books life lit literary literature loved-it m-f made-me-cry meh mine misc "
    "miscellaneous modern movie movies must narrativa non-fic novel novela novelas novella novels "
    "one other part-of-a-series people random roman romana romans romanzi romanzo "
    "sci-fi-and-fantasy sci-fi-fantasy science-fiction-and-fantasy science-fiction-fantasy "
    "scifi-and-fantasy scifi-fantasy series sf-fantasy sff short speculative speculative-fiction "
    "stand-alone stand-alones standalone standalones stories story sub summer-reading teen-books "
    "textbook textbooks the the-classics three translated translation trilogy two uk usa ya-books"
)
# The many ways to write a genre, which a page shows anyway.
_SPELLINGS = {
    "science fiction": ("sf sci-fi scifi sf-f sciencefiction"),
    "young adult": "ya teen teens teen-fiction young-adults children-young-adult children-ya",
    "nonfiction": "non-fiction nonfic",
    "childrens": (
        "children kids child juvenile childhood childrens-books children-s children-s-books "
        "children-s-literature kids-books kid-lit kidlit"
    ),
    "biography": (
        "biographies bio bios biographical biografie biography-memoir biographies-memoirs "
        "biography-autobiography memoir-biography auto-biography autobiographies autobiography "
        "memoir memoirs memoirs-biographies"
    ),
    "dystopia": "dystopian dystopias distopia dystopic",
    "mystery": "mysteries mystery-thriller thrillers thriller mystery-thriller-suspense "
    "crime-mystery-thriller mysteries-thrillers mystery-suspense",
    "historical fiction": "historical history historia",
    "classics": "classic clasicos clàssics clásicos classici classiques",
    "fantasy": "fantasia fantasía fantasy-paranormal fantastique",
    "humour": "humor humorous funny comedy",
    "chick lit": "chicklit chic-lit",
    "world war ii": "wwii ww2 world-war-2 second-world-war world-war-two",
    "lgbt": "lgbtq lgbtqia glbt glbtq queer",
    "graphic novels": "graphic-novel comics comic comic-books comics-graphic-novels manga-comics",
}
_CANONICAL = {
    normalize(spelling): genre
    for genre, spellings in _SPELLINGS.items()
    for spelling in spellings.split()
}
_READER, _EMPTY = frozenset(_READERS_WORDS.split()), frozenset(_EMPTY_TAGS.split())
_GENERAL_WORDS = frozenset(("book", "books", "fiction", "lit", "literature", "novel", "novels"))
_HAS_YEAR = re.compile(r"\b(1[0-9]{3}|20[0-9]{2})\b")


def is_telling(name: str) -> bool:
    """Return whether a tag says something that holds for the book whoever reads it."""
    tag = normalize(name)
    if len(tag) < 3 or not re.search(r"[^\W\d]", tag):
        return False
    if tag.replace(" ", "-") in _EMPTY or _HAS_YEAR.search(tag):
        return False
    return not _READER.intersection(tag.split())


def tag_label(name: str) -> str:
    """Return a tag as people write it: shelves on Goodreads have hyphens for spaces."""
    label = name.replace("-s-", "’s ").replace("-", " ").replace("_", " ").strip()
    return f"{label[:-2]}’s" if label.endswith(" s") else label


def telling_tags(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return the first few telling names, none that repeats an earlier one or what is known.

    Parameters
    ----------
    names : the book's tags, the most used first.
    known : what the page says without tags: genres, authors, series and title.
    """
    known = list(known)
    seen = {_gist(name) for name in known}
    # "Tolkien" and "Harry Potter" tell nobody anything on the pages of their books.
    words = {word for name in known for word in _words(name)}
    kept: list[str] = []
    for name in names:
        said = _said_by(name)
        if not said.is_telling or said.gist in seen or (said.words and said.words <= words):
            continue
        seen.add(said.gist)
        kept.append(name)
        if len(kept) == MAX_TAGS:
            break
    return kept


class _Said(NamedTuple):
    """What a tag says, whichever book it is of."""

    is_telling: bool
    gist: str
    words: frozenset[str]


# The same tags are at most books: a page of neighbours looks at 600.
@lru_cache(maxsize=4096)
def _said_by(name: str) -> _Said:
    return _Said(is_telling(name), _gist(name), frozenset(_words(name)))


def _words(name: str) -> list[str]:
    """Return the words that may name an author, a series or a title."""
    return [word for word in normalize(name).split() if len(word) > 3]


def _gist(name: str) -> str:
    """Return what different spellings of one thing share: "sci-fi books" is "sciencefiction"."""
    tag = normalize(name)
    tag = _CANONICAL.get(tag, tag)
    words = [word for word in tag.split() if word not in _GENERAL_WORDS] or tag.split()
    tag = _CANONICAL.get(" ".join(words), " ".join(words))
    words = [word for word in tag.split() if word not in _GENERAL_WORDS] or tag.split()
    return "".join(word.removesuffix("s") for word in words)
