"""The second language is whole: every text goes through gettext, and German has them all."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.template.base import Lexer, TokenType
from django.utils.translation.template import templatize

APPS = ("accounts", "bookrec_site", "catalog", "moderation", "ratings", "recommender", "reports")
CATALOGUE = Path("locale/de/LC_MESSAGES/django.po")
PO = settings.BASE_DIR / CATALOGUE
MO = PO.with_suffix(".mo")

in_german = pytest.mark.skipif(not PO.is_file(), reason="nobody has begun to translate")


@pytest.fixture(scope="module")
def german() -> polib.POFile:
    return polib.pofile(str(PO))


@in_german
def test_german_has_every_text_of_the_site_and_no_other(tmp_path, german):
    """What `make messages` would write now is what is committed: run it where this fails."""
    if not shutil.which("xgettext"):
        if os.environ.get("CI"):
            pytest.fail("no xgettext: CI has to have it (apt-get install gettext)")
        pytest.skip("no xgettext on this machine (apt-get install gettext)")
    for name in (*APPS, "templates", "locale"):
        ignored = shutil.ignore_patterns("tests", "__pycache__", "*.mo")
        shutil.copytree(settings.BASE_DIR / name, tmp_path / name, ignore=ignored)
    shutil.copy(settings.BASE_DIR / "manage.py", tmp_path)
    subprocess.run(
        [sys.executable, "manage.py", "makemessages", "-l", "de", "--no-location", "--no-obsolete"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    now = {(entry.msgctxt, entry.msgid) for entry in polib.pofile(str(tmp_path / CATALOGUE))}
    committed = {(entry.msgctxt, entry.msgid) for entry in german if not entry.obsolete}
    assert sorted(map(str, now - committed)) == []
    assert sorted(map(str, committed - now)) == []


@in_german
def test_no_german_text_is_missing_or_uncertain(german):
    assert [entry.msgid for entry in german if not entry.translated()] == []
    assert [entry.msgid for entry in german.fuzzy_entries()] == []


@in_german
def test_german_texts_hold_the_same_places_and_marks(german):
    wrong = []
    for entry in german:
        if not entry.msgid_plural:
            if held(entry.msgid) != held(entry.msgstr):
                wrong.append(entry.msgid)
            continue
        # "One book" may do without the number that "%(n)s books" holds.
        singular, plural = held(entry.msgid), held(entry.msgid_plural)
        for text in entry.msgstr_plural.values():
            if held(text) not in (singular, plural):
                wrong.append(entry.msgid)
    assert wrong == []


def held(text: str) -> Counter[str]:
    """Count what a translation has to keep: placeholders, tags, and a newline at either end."""
    kept = re.findall(r"%\(\w+\)[a-z]|%[sd]|(?<!%)\{\w*\}|</?[a-z][^>]*>", text)
    return Counter([*kept, *(["first newline"] * text.startswith("\n"))])


@in_german
def test_the_compiled_catalogue_is_that_of_the_german_texts(german):
    """Committed, so that nobody who runs the site needs gettext; `make messages` writes it."""

    def texts(catalogue: list[polib.POEntry]) -> dict:
        return {
            (entry.msgctxt, entry.msgid): entry.msgstr_plural or entry.msgstr for entry in catalogue
        }

    assert texts(polib.mofile(str(MO))) == texts([e for e in german if not e.obsolete])


_TEXT = r"""u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""


def forms(code: str) -> Iterator[tuple[str, str]]:
    """Yield the forms for one and for several of what Django makes of a template, or of Python."""
    for one, several in re.findall(rf"\bngettext(?:_lazy)?\(\s*{_TEXT},\s*{_TEXT}", code):
        yield ast.literal_eval(one), ast.literal_eval(several)


def test_no_two_texts_for_several_share_the_text_for_one():
    """A catalogue is asked by the text for one, so the two would share one translation."""
    found = defaultdict(set)
    for path in templates():
        for one, several in forms(templatize(path.read_text())):
            found[one].add(several)
    for app in APPS:
        for path in (settings.BASE_DIR / app).rglob("*.py"):
            for one, several in forms(path.read_text()):
                found[one].add(several)
    assert found["%(shown)s book"] == {"%(shown)s books"}
    assert {one: texts for one, texts in found.items() if len(texts) > 1} == {}


# What is the same in every language: names, and marks that no one reads out.
NAMES = {
    "Bookrec",
    "· Bookrec",
    "-- Bookrec ·",
    "goodbooks-10k",
    "Goodreads",
    "The StoryGraph",
    "StoryGraph",
    "CSV",
    "JSON",
    "ISBN",
    "PCA",
    "t-SNE",
    "ZIP",
    "E-mail",
}
SPOKEN_ATTRIBUTES = {"alt", "title", "placeholder", "aria-label", "aria-description", "content"}


class Texts(HTMLParser):
    """Collects what a person would read of a template whose translated parts were taken out."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._silent = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("style", "script"):
            self._silent += 1
        if tag == "meta" and ("name", "description") not in attrs:
            return
        for name, value in attrs:
            button = tag == "input" and name == "value" and ("type", "submit") in attrs
            if value and (name in SPOKEN_ATTRIBUTES or button or name.startswith("data-text")):
                self.handle_data(value)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "script"):
            self._silent -= 1

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if not self._silent and re.search(r"[^\W\d_]{2,}", text) and text not in NAMES:
            self.found.append(text)


def untranslated(template: str) -> list[str]:
    """Return the words of a template that stand outside of every translation."""
    kept, inside = [], ""
    for token in Lexer(template).tokenize():
        tag = token.contents.split(" ", 1)[0] if token.token_type == TokenType.BLOCK else ""
        if inside:
            inside = "" if tag == inside else inside
        elif tag in ("blocktranslate", "blocktrans", "comment"):
            inside = f"end{tag}"
        elif token.token_type == TokenType.TEXT:
            kept.append(token.contents)
    return Texts("".join(kept)).found


def templates() -> Iterator[Path]:
    """Every template that readers see; those of the administration are for curators."""
    for path in sorted((settings.BASE_DIR / "templates").rglob("*.*")):
        if path.suffix in (".html", ".txt") and "admin" not in path.parts:
            yield path


def test_the_search_for_untranslated_text_finds_it():
    template = (
        '{% load i18n %}<p title="One word">{% translate "fine" %} wrong {{ name }}</p>'
        "{% blocktranslate %}fine too{% endblocktranslate %}<!-- unread --> 5 %, Goodreads"
        '<img alt="{{ book }}"><script src="/x.js"></script>{# unread #}<b>Goodreads</b>'
    )
    assert untranslated(template) == ["One word", "wrong", "5 %, Goodreads"]


def test_every_text_of_a_template_goes_through_gettext():
    found = {
        str(path.relative_to(settings.BASE_DIR)): texts
        for path in templates()
        if (texts := untranslated(path.read_text()))
    }
    assert found == {}


def plain_messages(code: str) -> list[int]:
    """Return the lines on which a reader is told something that nobody can translate."""

    def is_plain(node: ast.expr) -> bool:
        return isinstance(node, ast.JoinedStr) or (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(node.value)
        )

    lines = []
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Call):
            continue
        told = (
            isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "messages"
            and node.func.attr in ("debug", "info", "success", "warning", "error", "add_message")
        )
        lines += [node.lineno] * (told and any(map(is_plain, node.args)))
        lines += [
            node.lineno
            for keyword in node.keywords
            if keyword.arg in ("label", "help_text", "empty_label", "extra_tags_text")
            and is_plain(keyword.value)
        ]
    return lines


def test_the_search_for_plain_messages_finds_them():
    code = (
        "messages.success(request, 'Saved.')\n"
        "messages.success(request, _('Saved.'))\n"
        "messages.error(request, f'{title} is gone.')\n"
        "CharField(label='Name')\n"
        "CharField(label=_('Name'))\n"
    )
    assert plain_messages(code) == [1, 3, 4]


def test_every_message_and_label_goes_through_gettext():
    found = [
        f"{path.relative_to(settings.BASE_DIR)}:{line}"
        for app in APPS
        for path in sorted((settings.BASE_DIR / app).rglob("*.py"))
        # The models' labels are the administration's, which is for curators; what describes the
        # API is for programmers.
        if not {"tests", "migrations", "management"} & set(path.parts)
        and not path.name.endswith(("admin.py", "models.py", "new_book_files.py"))
        and not path.name.startswith("admin_")
        and not {"admin", "api", "console", "curation", "reports", "schema"}
        & {word for part in path.parts for word in re.split(r"[_.]", part)}
        for line in plain_messages(path.read_text())
    ]
    assert found == []


def test_no_script_holds_words_of_its_own():
    """Texts of scripts come with the page, in data attributes, where they are translated."""
    spoken = re.compile(
        r"""(?:textContent|innerText|innerHTML|title|placeholder|ariaLabel)\s*=\s*["'`]"""
        r"""[^"'`]*[^\W\d_]{2,}|setAttribute\(\s*["'](?:aria-label|title|alt)["'],\s*["'`]\w"""
    )
    found = [
        f"{path.relative_to(settings.BASE_DIR)}:{number}"
        for path in sorted((settings.BASE_DIR / "static/site").rglob("*.js"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if spoken.search(re.sub(r"\$\{[^}]*\}", "", line))
    ]
    assert found == []
