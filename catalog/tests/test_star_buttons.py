"""The five buttons that give stars."""

import re

import pytest
from django.utils.translation import override

from catalog.templatetags.stars import star_buttons


@pytest.mark.parametrize("given", [None, 1, 3, 5])
def test_the_stars_given_are_lit_and_the_one_pressed(given):
    html = star_buttons(given)
    assert re.findall(r'value="(\d)" aria-pressed="(\w+)"', html) == [
        (str(value), "true" if value == given else "false") for value in range(1, 6)
    ]
    assert html.count('class="star lit"') == (given or 0)


def test_every_button_says_what_it_means():
    html = star_buttons(None)
    assert '<span class="visually-hidden">1 star: did not like it</span>' in html
    assert '<span class="visually-hidden">5 stars: it was amazing</span>' in html


def test_each_language_has_buttons_of_its_own():
    with override("en-gb"):
        english = star_buttons(2)
    with override("de"):
        star_buttons(2)
    with override("en-gb"):
        assert star_buttons(2) == english
