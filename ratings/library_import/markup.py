"""The few HTML tags that reviews are exported with, as plain text."""

import html
import re
from typing import Final

_BREAKS: Final = re.compile(r"<br\s*/?>|</(?:p|div|li|blockquote)>", re.IGNORECASE)
# Those that both sites know. Anything else between angle brackets was typed, and stays.
_TAGS: Final = re.compile(
    r"</?(?:a|b|blockquote|div|em|i|img|li|ol|p|pre|s|small|span|spoiler|strong|sub|sup|u|ul)"
    r"(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_BLANK_LINES: Final = re.compile(r"\n{3,}")


def text_of(markup: str) -> str:
    """Return the text with its line breaks; nothing of it is ever shown as HTML."""
    text = _BREAKS.sub("\n", markup.replace("\r\n", "\n").replace("\r", "\n"))
    text = html.unescape(_TAGS.sub("", text)).replace("\N{NO-BREAK SPACE}", " ")
    lines = (line.rstrip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()
