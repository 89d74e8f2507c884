from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest

from recommender.engine.registry import ALGORITHMS, Algorithm, rankers
from recommender.evaluation.errors import EvaluationError
from recommender.evaluation.options import choose_algorithms, make_config


@dataclass(frozen=True)
class EveryKind:
    whole: int = 1
    number: float = 1.0
    switch: bool = False
    perhaps: float | None = 1.0
    word: Literal["cosine", "bm25"] = "cosine"
    several: tuple[float, ...] = ()


class OfEveryKind(Algorithm):
    def config_type(self) -> type[Any]:
        return EveryKind


EVERY = OfEveryKind("every", "", "", "")


def test_values_are_of_the_kind_that_the_config_wants() -> None:
    options = ["whole=3", "number=.5", "switch=true", "perhaps=none", "word=bm25", "several=1, 2"]
    assert make_config(EVERY, options) == EveryKind(3, 0.5, True, None, "bm25", (1.0, 2.0))
    assert make_config(EVERY, []) == EveryKind()
    assert make_config(EVERY, ["whole=1", "whole=7"]).whole == 7
    assert make_config(EVERY, ["perhaps=2"]).perhaps == 2


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("whole", "has no value; wanted name=value"),
        ("other=1", "has no option 'other'; it has whole, number"),
        ("whole=1.5", "whole of every is '1.5'; wanted a whole number"),
        ("number=many", "wanted a number"),
        ("switch=perhaps", "wanted true or false"),
        ("perhaps=x", "wanted a number or none"),
        ("word=x", "wanted one of cosine, bm25"),
        ("several=1,x", "wanted a number, or several separated by commas"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(option: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        make_config(EVERY, [option])


def test_a_value_out_of_range_is_named_by_the_config() -> None:
    with pytest.raises(EvaluationError, match="options of linear: diagonal_scale is 0.5"):
        make_config(ALGORITHMS["linear"], ["diagonal_scale=0.5"])


@pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=ALGORITHMS.keys())
def test_every_option_of_every_algorithm_can_be_given_as_it_is_shown(algorithm: Algorithm) -> None:
    config = algorithm.config_type()()
    options = [
        f"{name}={','.join(map(str, value)) if isinstance(value, tuple) else value}"
        for name, value in vars(config).items()
    ]
    assert make_config(algorithm, options) == config


def test_an_algorithm_is_chosen_by_name_or_all_are() -> None:
    assert [a.name for a in choose_algorithms("linear", rankers())] == ["linear"]
    assert choose_algorithms("all", rankers()) == rankers()
    with pytest.raises(EvaluationError, match="'nothing' is unknown; wanted one of popularity"):
        choose_algorithms("nothing", rankers())
    with pytest.raises(EvaluationError, match="'biases' is of another kind"):
        choose_algorithms("biases", rankers())
