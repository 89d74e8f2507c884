"""How names are ordered and compared by the database: by last name, without articles and accents.

These expressions are in generated columns, so a change of one needs a migration.
"""

import string

from django.db.models import CharField, F, Func, Value
from django.db.models.fields.generated import GeneratedField
from django.db.models.functions import Lower

from catalog.text import normalize

# `unaccent` is an extension of PostgreSQL that not every server has; `translate` is its own.
_SMALL = "àáâãäåāăąçćčďđèéêëēėęěğìíîïīįķłľñńņňòóôõöøōőřśšşșťţțùúûüūůűųýÿžźż"
_CAPITAL = "".join(letter for letter in _SMALL.upper() if letter.lower() in _SMALL)
_ACCENTED = _SMALL + _CAPITAL
_PLAIN = "".join(normalize(letter) for letter in _ACCENTED)
_FOLDING = str.maketrans(_ACCENTED + string.ascii_uppercase, _PLAIN + string.ascii_lowercase)


def folded(name: F | Func) -> Func:
    """Return the name as it is compared: lower case, Latin letters without accents."""
    return Func(
        Lower(name), Value(_ACCENTED), Value(_PLAIN), function="TRANSLATE", output_field=CharField()
    )


def fold(text: str) -> str:
    """Return what `folded` makes of the text."""
    return text.lower().translate(_FOLDING)


def last_name_key() -> GeneratedField:
    """Return the column that orders people: "zafon" for Carlos Ruiz Zafón, "vonnegut" for a Jr."""
    name = _replaced(F("name"), r"[, ]+(Jr|Sr|II|III|IV|Ph\.?D|M\.?D)\.?$", "")
    return _generated(_replaced(name, r"^.*\s", ""))


def title_key() -> GeneratedField:
    """Return the column that orders titles: "dark tower" for The Dark Tower."""
    return _generated(_replaced(F("name"), r"^(The|A|An)\s+(?=\S)", ""))


def _generated(expression: Func) -> GeneratedField:
    return GeneratedField(
        expression=folded(expression), output_field=CharField(max_length=250), db_persist=True
    )


def _replaced(name: F | Func, pattern: str, replacement: str) -> Func:
    return Func(
        name,
        Value(pattern),
        Value(replacement),
        function="REGEXP_REPLACE",
        output_field=CharField(),
    )
