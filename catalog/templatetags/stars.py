"""The five buttons that give stars."""

from functools import lru_cache

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy, ngettext

register = template.Library()

MEANINGS = (
    gettext_lazy("did not like it"),
    gettext_lazy("it was OK"),
    gettext_lazy("liked it"),
    gettext_lazy("really liked it"),
    gettext_lazy("it was amazing"),
)


@register.simple_tag
def star_buttons(given: int | None) -> SafeString:
    """Return the buttons, those up to the stars given lit.

    The same few texts stand dozens of times on a page: each is put together once a language.
    """
    return _buttons(given, get_language() or "")


@lru_cache(maxsize=100)
def _buttons(given: int | None, language: str) -> SafeString:
    return format_html_join("", "{}", ((_button(value, given),) for value in range(1, 6)))


def _button(value: int, given: int | None) -> SafeString:
    meaning = MEANINGS[value - 1]
    label = ngettext("%(n)s star: %(meaning)s", "%(n)s stars: %(meaning)s", value)
    return format_html(
        '<button class="star{}" name="stars" value="{}" aria-pressed="{}" title="{}: {}">'
        '<span class="visually-hidden">{}</span></button>',
        " lit" if given is not None and value <= given else "",
        value,
        "true" if value == given else "false",
        value,
        meaning,
        label % {"n": value, "meaning": meaning},
    )
