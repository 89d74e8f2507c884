"""ISBNs as spreadsheets leave them."""

import re
from collections.abc import Iterable
from typing import Final

from django.utils.translation import gettext as _

_BARE: Final = re.compile(r"[0-9]{5,9}[0-9X]|[0-9]{13}")
_SCIENTIFIC: Final = re.compile(r"[0-9]([.,][0-9]+)?E\+?[0-9]{1,2}")


def parse_isbns(cells: Iterable[str], remarks: list[str]) -> list[str]:
    """Return the valid ones as ISBN-13, each once; what is none is told."""
    found: dict[str, None] = {}
    for cell in cells:
        text = re.sub(r"[\s=\"'\u2010-\u2015-]", "", cell).upper().removeprefix("ISBN").strip(":")
        if not text.strip("0"):
            continue
        isbn = canonical(text)
        if isbn:
            found[isbn] = None
        elif _SCIENTIFIC.fullmatch(text):
            remarks.append(
                _("The ISBN “%(text)s” cannot be used: a spreadsheet has rounded it.")
                % {"text": text[:30]}
            )
        else:
            remarks.append(_("“%(text)s” is no ISBN.") % {"text": text[:30]})
    return list(found)


def canonical(text: str) -> str:
    """Return the ISBN-13 of either form; empty when the check digit says that it is none.

    An ISBN-10 whose leading zeros were dropped, as spreadsheets do, has them again.
    """
    if not _BARE.fullmatch(text):
        return ""
    if len(text) == 13:
        return text if text[:3] in ("978", "979") and _check_13(text[:12]) == text[12] else ""
    ten = text.zfill(10)
    total = sum((10 - i) * (10 if c == "X" else int(c)) for i, c in enumerate(ten))
    return "978" + ten[:9] + _check_13("978" + ten[:9]) if total % 11 == 0 else ""


def isbn10_of(isbn13: str) -> str:
    """Return the ISBN-10 of an ISBN-13 that has one, else nothing."""
    if not isbn13.startswith("978"):
        return ""
    body = isbn13[3:12]
    check = -sum((10 - i) * int(c) for i, c in enumerate(body)) % 11
    return body + ("X" if check == 10 else str(check))


def _check_13(body: str) -> str:
    return str(-sum(int(c) * (3 if i % 2 else 1) for i, c in enumerate(body)) % 10)
