"""Curves of the model console."""

import re

import pytest

from recommender.console.drawings import Curve, curves_chart


def ticks(y: float) -> list[str]:
    chart = curves_chart("Share of fallback lists", [Curve("run 1", [6], [y])], x_name="days")
    return re.findall(r'text-anchor="end">([-.0-9]+)<', chart)


@pytest.mark.parametrize(
    ("only", "scale"),
    [
        (0, ["0.000", "0.250", "0.500", "0.750", "1.000"]),
        (0.2, ["0.000", "0.100", "0.200", "0.300", "0.400"]),
        (-2, ["-4.000", "-3.000", "-2.000", "-1.000", "0.000"]),
    ],
)
def test_one_point_stands_on_a_scale_that_begins_at_nothing(only, scale):
    """No share is below zero, as half a unit around the point would say."""
    assert ticks(only) == scale


def test_more_points_fill_the_scale():
    chart = curves_chart("Errors", [Curve("run 1", [1, 2], [0.8, 0.4])], x_name="epoch")
    assert re.findall(r'text-anchor="end">([-.0-9]+)<', chart)[0] == "0.400"
    assert '<circle cx="56.0" cy="12.0" r="3"/>' in chart
