"""Covers drawn for books, from title and author alone: the same book always looks the same."""

import hashlib
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 240, 360
MARGIN = 26
TITLE_SIZES = (36, 32, 28, 25, 22, 19, 17, 15)
LINE_HEIGHT = 1.18
AUTHOR_SIZES = (13, 12, 11, 10, 9)
AUTHOR_WIDTH = 186
SERIF = "Georgia, 'Liberation Serif', 'Times New Roman', serif"
# After a hyphen between letters, and beside a Chinese, Japanese or Korean character.
_CJK = "[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
_BREAKS = re.compile(rf"(?<=[^\W\d]-)(?=[^\W\d])|(?<={_CJK})(?=\w)|(?<=\w)(?={_CJK})")
CREAM, INK, FOIL = "#f7f0e3", "#2a2521", "#e3c68f"


@dataclass(frozen=True)
class Palette:
    """Colours of one cover: a cloth, a lighter and a darker neighbour, a pale paper."""

    cloth: str
    light: str
    dark: str
    paper: str

    @classmethod
    def of_hue(cls, hue: int) -> "Palette":
        return cls(
            cloth=f"hsl({hue},34%,31%)",
            light=f"hsl({(hue + 24) % 360},38%,47%)",
            dark=f"hsl({hue},40%,22%)",
            paper=f"hsl({hue},34%,88%)",
        )


def draw_cover(title: str, author: str) -> str:
    """Return the cover as an SVG document; text is made safe for XML, wrapped and cut to fit."""
    title, author = _printable(title), _printable(author)
    digest = hashlib.sha256(title.casefold().encode()).digest()
    palette = Palette.of_hue(int.from_bytes(digest[:2], "big") % 360)
    design = DESIGNS[digest[2] % len(DESIGNS)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' width="{WIDTH}" height="{HEIGHT}" font-family="{SERIF}">'
        f"{design(title, author, palette)}</svg>"
    )


def _framed(title: str, author: str, palette: Palette) -> str:
    """A clothbound book with a foil frame."""
    return (
        _rectangle(0, 0, WIDTH, HEIGHT, palette.cloth)
        + f'<g fill="none" stroke="{FOIL}"><rect x="13.5" y="13.5" width="213" height="333"/>'
        '<rect x="18.5" y="18.5" width="203" height="323" stroke-opacity=".45"/></g>'
        + f'<path d="M120 262l7 7-7 7-7-7zM74 269h30m32 0h30" fill="{FOIL}" stroke="{FOIL}"'
        ' stroke-opacity=".7"/>'
        + _text(title, 120, 44, 176, 196, CREAM)
        + _author(author, 120, 302, CREAM)
    )


def _labelled(title: str, author: str, palette: Palette) -> str:
    """A plain cloth with a printed paper label."""
    return (
        _rectangle(0, 0, WIDTH, HEIGHT, palette.cloth)
        + _rectangle(0, 0, 16, HEIGHT, palette.dark)
        + _rectangle(38, 52, 180, 188, CREAM)
        + f'<rect x="43.5" y="57.5" width="169" height="177" fill="none" stroke="{palette.cloth}"'
        ' stroke-opacity=".5"/>'
        + _text(title, 128, 66, 150, 160, INK)
        + _author(author, 128, 300, CREAM)
    )


def _sun(title: str, author: str, palette: Palette) -> str:
    """A pale jacket with a disc sinking behind a line of land."""
    return (
        _rectangle(0, 0, WIDTH, HEIGHT, palette.paper)
        + f'<circle cx="158" cy="266" r="66" fill="{palette.light}"/>'
        + f'<path d="M0 286C60 262 110 300 240 270V360H0z" fill="{palette.cloth}"/>'
        + f'<path d="M0 318C80 296 150 334 240 306V360H0z" fill="{palette.dark}"/>'
        + _text(title, MARGIN, 34, 188, 160, INK, anchor="start")
        + _author(author, MARGIN, 334, CREAM, anchor="start")
    )


def _arches(title: str, author: str, palette: Palette) -> str:
    """Rings that rise from the foot of the book."""
    rings = "".join(
        f'<circle cx="120" cy="372" r="{radius}" fill="{fill}"/>'
        for radius, fill in (
            (150, palette.light),
            (118, palette.cloth),
            (86, FOIL),
            (54, palette.dark),
        )
    )
    return (
        _rectangle(0, 0, WIDTH, HEIGHT, palette.dark)
        + rings
        + _text(title, 120, 62, 188, 150, CREAM)
        + _author(author, 120, 38, FOIL)
    )


def _banded(title: str, author: str, palette: Palette) -> str:
    """A jacket in three bands, like the paperbacks of the thirties."""
    return (
        _rectangle(0, 0, WIDTH, HEIGHT, palette.cloth)
        + _rectangle(0, 86, WIDTH, 184, CREAM)
        + _rectangle(0, 80, WIDTH, 3, FOIL)
        + _rectangle(0, 273, WIDTH, 3, FOIL)
        + f'<path d="M104 43h32M112 35h16M112 51h16" stroke="{CREAM}" stroke-opacity=".8"/>'
        + _text(title, 120, 98, 196, 160, INK)
        + _author(author, 120, 318, CREAM)
    )


DESIGNS: tuple[Callable[[str, str, Palette], str], ...] = (
    _framed,
    _labelled,
    _sun,
    _arches,
    _banded,
)


def _rectangle(x: int, y: int, width: int, height: int, fill: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{fill}"/>'


def _text(
    text: str, x: int, top: int, width: int, height: int, fill: str, anchor: str = "middle"
) -> str:
    """Set the title in the largest size that fits the box."""
    size, lines = fit(text, width, height)
    # A long subtitle would shrink the title to nothing: leave it out instead.
    if size < 19 and ": " in text:
        size, lines = fit(text.split(": ")[0], width, height)
    step = size * LINE_HEIGHT
    # A centred title is centred in the height of its box too.
    spare = (height - step * len(lines)) / 2 if anchor == "middle" else 0
    first = top + spare + size * 0.92
    spans = "".join(
        f'<tspan x="{x}" y="{first + step * row:.0f}">{escape(line)}</tspan>'
        for row, line in enumerate(lines)
    )
    return (
        f'<text font-size="{size}" font-weight="600" fill="{fill}" text-anchor="{anchor}">'
        f"{spans}</text>"
    )


def _author(author: str, x: int, y: int, fill: str, anchor: str = "middle") -> str:
    """Set the author in one line of capitals: a long name smaller, a very long one cut."""
    line = author.upper()
    size = next((size for size in AUTHOR_SIZES if _capitals_width(line, size) <= AUTHOR_WIDTH), 0)
    if not size:
        size = AUTHOR_SIZES[-1]
        while _capitals_width(line + "…", size) > AUTHOR_WIDTH:
            line = line[:-1].rstrip(" ,.")
        line += "…"
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" letter-spacing="{size * 0.1:.1f}" fill="{fill}"'
        f' text-anchor="{anchor}">{escape(line)}</text>'
    )


def _capitals_width(text: str, size: float) -> float:
    return text_width(text, size) * 0.93 + 0.1 * size * len(text)


def fit(text: str, width: float, height: float) -> tuple[int, list[str]]:
    """Return the largest font size at which the wrapped text fits the box, and its lines."""
    for size in TITLE_SIZES:
        lines = wrap(text, size, width)
        whole_words = all(text_width(piece, size) <= width for piece, _ in _pieces(text))
        if whole_words and len(lines) * size * LINE_HEIGHT <= height:
            return size, lines
    size = TITLE_SIZES[-1]
    lines = wrap(text, size, width)
    room = int(height / (size * LINE_HEIGHT))
    if len(lines) > room:
        lines = [*lines[: room - 1], lines[room - 1].rstrip(" ,.;:") + "…"]
    return size, lines


def wrap(text: str, size: float, width: float) -> list[str]:
    """Break the text into lines of at most that width, between words and after hyphens.

    A word that is too long for a line is cut.
    """
    lines: list[str] = []
    line = ""
    for word, after_space in _pieces(text):
        longer = f"{line} {word}" if line and after_space else line + word
        if text_width(longer, size) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = ""
        for letter in word:
            if line and text_width(line + letter, size) > width:
                lines.append(line)
                line = ""
            line += letter
    return [*lines, line] if line else lines


def _pieces(text: str) -> list[tuple[str, bool]]:
    """Return what may stand alone on a line, each with whether a space goes before it."""
    return [
        (piece, place == 0)
        for word in text.split()
        for place, piece in enumerate(_BREAKS.split(word))
    ]


def text_width(text: str, size: float) -> float:
    """Estimate the width in pixels of text in a bold serif: no font is at hand to measure.

    In a wide one, DejaVu's: in a narrower one a title is a little smaller than it might be.
    """
    return size * sum(_em(letter) for letter in text)


def _em(letter: str) -> float:
    if letter in " .,;:'’!|()[]ijlftI-":
        return 0.4
    if letter in "mwMW@%—&":
        return 0.95
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    if letter.isupper():
        return 0.8
    return 0.64


def _printable(text: str) -> str:
    """Drop what XML does not allow (control characters, lone surrogates) and join the spaces."""
    kept = "".join(
        " " if unicodedata.category(letter) in ("Cc", "Cs", "Cn") else letter for letter in text
    )
    return " ".join(kept.split())
