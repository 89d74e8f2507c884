"""Cells of books.csv: what is usable of them. None or "" stands for nothing usable."""

import re

_ISBN10 = re.compile(r"\d{9}[\dX]")
_FLOAT_TAIL = re.compile(r"\.0+$")
_COVER = re.compile(r"https://[^\s/]+/\S+")
_NUMBER = re.compile(r"[+-]?\d{1,18}(?:\.\d*)?")

# ISO 639-1 codes, in the order of the ISO 639-2/B codes (which goodbooks uses) below them, for the
# languages that books come in; then the ISO 639-2/T codes that differ from 639-2/B.
_OTHER_CODES = """
    ar bg bn bs ca cs cy da de el en eo es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja ka kn
    ko la lt lv mk ml mr ms ne nl no pl pt ro ru sk sl sq sr sv ta te th tl tr uk ur vi yi zh
    bod ces cym deu ell eus fas fra hye isl kat mkd msa mya nld ron slk sqi zho
"""
_CODES = """
    ara bul ben bos cat cze wel dan ger gre eng epo spa est baq per fin fre gle glg guj heb hin hrv
    hun arm ind ice ita jpn geo kan kor lat lit lav mac mal mar may nep dut nor pol por rum rus slo
    slv alb srp swe tam tel tha tgl tur ukr urd vie yid chi
    tib cze wel ger gre baq per fre arm ice geo mac may bur dut rum slo alb chi
"""
_LANGUAGES = dict(zip(_OTHER_CODES.split(), _CODES.split(), strict=True))


def parse_isbn10(cell: str) -> str:
    """Return a valid ISBN-10 with the leading zeros that the file lost, else ""."""
    text = _FLOAT_TAIL.sub("", cell.strip().replace("-", "")).upper().zfill(10)
    if not _ISBN10.fullmatch(text) or text == "0" * 10:
        return ""
    values = [10 if char == "X" else int(char) for char in text]
    total = sum(weight * value for weight, value in zip(range(10, 0, -1), values, strict=True))
    return text if total % 11 == 0 else ""


def parse_isbn13(cell: str, isbn10: str) -> str:
    """Return the cell's ISBN-13 if it is whole and valid, else the one that `isbn10` makes."""
    text = cell.strip().replace("-", "")
    if len(text) == 13 and text.isdecimal() and text.isascii() and _check13(text[:12]) == text[12]:
        return text
    if not isbn10:
        return ""
    body = f"978{isbn10[:9]}"
    return body + _check13(body)


def _check13(body: str) -> str:
    total = sum(int(digit) * (3 if i % 2 else 1) for i, digit in enumerate(body))
    return str(-total % 10)


def parse_language(cell: str) -> str | None:
    """ISO 639-2/B code ("eng" for en-US); "" for an empty cell, None for an unknown language."""
    text = cell.strip().lower().replace("_", "-")
    if not text:
        return ""
    base = text.split("-")[0]
    if base in _LANGUAGES:
        return _LANGUAGES[base]
    return base if re.fullmatch(r"[a-z]{3}", base) else None


def parse_year(cell: str) -> int | None:
    """ "2008.0" -> 2008, "-720.0" -> -720 (before the common era)."""
    number = parse_whole(cell)
    return number if number is not None and -5000 <= number <= 3000 else None


def parse_whole(cell: str) -> int | None:
    """A whole number, which pandas may have written as a float; None for anything else."""
    text = cell.strip()
    if not _NUMBER.fullmatch(text):
        return None
    whole, _, fraction = text.partition(".")
    return None if fraction.strip("0") else int(whole)


def parse_count(cell: str) -> int | None:
    """A whole number that PostgreSQL's `integer` holds and that is not negative."""
    number = parse_whole(cell)
    return number if number is not None and 0 <= number < 1 << 31 else None


def parse_average(cell: str) -> str | None:
    """A mean of stars, 0..5, with two decimals."""
    text = cell.strip()
    if not _NUMBER.fullmatch(text) or not 0 <= float(text) <= 5:
        return None
    return f"{float(text):.2f}"


def parse_cover(cell: str) -> str | None:
    """An https address; "" for Goodreads' "no photo" picture, None for an unusable address."""
    text = cell.strip()
    if not text or "nophoto" in text:
        return ""
    text = re.sub(r"^http://", "https://", text)
    return text if _COVER.fullmatch(text) and len(text) <= 300 else None


def parse_authors(cell: str) -> list[str]:
    """The names in order, each once."""
    names = (re.sub(r"\s+", " ", name).strip() for name in cell.split(","))
    return list(dict.fromkeys(filter(None, names)))
