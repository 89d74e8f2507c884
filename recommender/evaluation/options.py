"""`--option name=value` as the fields of an algorithm's config."""

from __future__ import annotations

import types
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from recommender.engine import InputError
from recommender.engine.registry import ALGORITHMS, Algorithm
from recommender.evaluation.errors import EvaluationError

ALL = "all"
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


def choose_algorithms(name: str, candidates: Sequence[Algorithm]) -> list[Algorithm]:
    """Return the algorithm of a name, or every candidate for "all".

    Raises
    ------
    EvaluationError
        When no candidate has that name.
    """
    if name == ALL:
        return list(candidates)
    chosen = [algorithm for algorithm in candidates if algorithm.name == name]
    if not chosen:
        known = ", ".join(algorithm.name for algorithm in candidates)
        problem = "is of another kind" if name in ALGORITHMS else "is unknown"
        raise EvaluationError(f"algorithm {name!r} {problem}; wanted one of {known}, or {ALL}.")
    return chosen


def make_config(algorithm: Algorithm, options: Sequence[str]) -> Any:
    """Return an algorithm's config, its defaults changed by texts such as "n_factors=64".

    Of a repeated option the last one counts. Several numbers are separated by commas; "none"
    stands for None where the config allows it.

    Raises
    ------
    EvaluationError
        When a text is no name=value, the algorithm has no such option, or the value is not of
        the wanted kind or range.
    """
    config_type = algorithm.config_type()
    hints = get_type_hints(config_type)
    names = [field.name for field in fields(config_type)]
    values: dict[str, Any] = {}
    for option in options:
        name, equals, text = option.partition("=")
        name, text = name.strip(), text.strip()
        if not equals:
            raise EvaluationError(f"option {option!r} has no value; wanted name=value.")
        if name not in names:
            raise EvaluationError(
                f"{algorithm.name} has no option {name!r}; it has {', '.join(names)}."
            )
        try:
            values[name] = _parse(text, hints[name])
        except ValueError:
            raise EvaluationError(
                f"option {name} of {algorithm.name} is {text!r}; wanted {_wanted(hints[name])}."
            ) from None
    try:
        return config_type(**values)
    except InputError as error:
        raise EvaluationError(f"options of {algorithm.name}: {error}") from error


def _parse(text: str, kind: Any) -> Any:
    """Return the value of a text, or raise ValueError."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if type(None) in inner and text.lower() == "none":
            return None
        (kind,) = (one for one in inner if one is not type(None))
        return _parse(text, kind)
    if origin is Literal:
        choices = {str(choice): choice for choice in inner}
        if text not in choices:
            raise ValueError
        return choices[text]
    if origin is tuple:
        return tuple(_parse(part.strip(), inner[0]) for part in text.split(","))
    if kind is bool:
        if text.lower() not in (*_TRUE, *_FALSE):
            raise ValueError
        return text.lower() in _TRUE
    if kind in (int, float, str):
        return kind(text)
    raise TypeError(f"an option of type {kind} cannot be given on the command line.")


def _wanted(kind: Any) -> str:
    """Describe the kind of a value in words."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join("none" if one is type(None) else _wanted(one) for one in inner)
    if origin is Literal:
        return f"one of {', '.join(map(str, inner))}"
    if origin is tuple:
        return f"{_wanted(inner[0])}, or several separated by commas"
    return {bool: "true or false", int: "a whole number", float: "a number"}.get(kind, "a text")
