"""What the README says a reader can do is what tests prove."""

import ast
import re

import pytest
from django.conf import settings

WALKS = "bookrec_site/tests/walks"
NAMED = re.findall(
    r"`(?:([\w/]+)/)?(test_\w+\.py)::(test_\w+)`", (settings.BASE_DIR / "README.md").read_text()
)


def test_the_readme_names_the_tests_of_all_it_promises():
    assert len(NAMED) > 20


@pytest.mark.parametrize(("folder", "file", "name"), NAMED)
def test_a_test_that_the_readme_names_is_there(folder: str, file: str, name: str):
    code = (settings.BASE_DIR / (folder or WALKS) / file).read_text()
    functions = {node.name for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)}
    assert name in functions


def test_every_version_has_its_notes_for_who_upgrades():
    changes, notes = (
        (settings.BASE_DIR / name).read_text() for name in ("CHANGELOG.md", "docs/upgrading.md")
    )
    versions = re.findall(r"^## (\S+)", changes, re.MULTILINE)
    assert versions[0] == "Unreleased"
    assert re.findall(r"^### (\S+)", notes, re.MULTILINE) == versions


def test_every_picture_of_the_readme_is_there():
    readme = (settings.BASE_DIR / "README.md").read_text()
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", readme)
    assert pictures
    assert [name for name in pictures if not (settings.BASE_DIR / name).is_file()] == []
