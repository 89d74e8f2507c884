"""The report of a whole site: of goodbooks-10k where its files are, else of the built-in set.

It is kept under `.local/`, where CI takes it from.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from bookrec_site.tests.running_site import (
    RunningSite,
    manage,
    run_module,
    scratch_database,
    site_environment,
)
from bookrec_site.tests.sharing_out import REAL_SITE


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, tmp_path_factory) -> Iterator[RunningSite]:
    """A site with an active run of every part."""
    if os.environ.get("GOODBOOKS_DIR"):
        yield request.getfixturevalue("goodbooks_site")
        return
    folder = tmp_path_factory.mktemp("built-in-site")
    (folder / "none").mkdir()
    with scratch_database(f"test_bookrec_{os.getpid()}_builtin") as database_url:
        environment = site_environment(
            database_url,
            folder,
            # No folder of files, and no way to where they could be downloaded.
            GOODBOOKS_URL="http://127.0.0.1:9/",
            BOOKREC_LOCAL_DIR=str(folder),
        )
        manage(environment, "migrate", "--verbosity=0")
        manage(environment, "import_goodbooks", "--auto")
        run_module(environment, "bookrec_site.tests.lean_training")
        yield RunningSite("", environment)


@pytest.mark.slow
@pytest.mark.xdist_group(REAL_SITE)
def test_the_report_shows_everything_that_there_is(site: RunningSite, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    said = site.manage("report", str(out), "--verbosity", "2").stdout
    html = out.read_text()
    shutil.copy(out, settings.LOCAL_DIR / "report.html")
    for title in (
        "Which stars are given",
        "Ratings per reader",
        "Ratings per book",
        "The long tail",
        "Low ratings by popularity",
        "Genres",
        "From the to-read shelf to ratings",
        "Most wanted books",
        "Lists of held-out readers, run by run",
        "Predicted against true stars",
        "Residuals by star",
        "Residuals by popularity",
        "Books by principal components",
        "Books by t-SNE",
        "Nearest neighbours of chosen books",
    ):
        assert f"<h3>{title}</h3>" in html, title
    assert "made in" in said
    assert "cannot be read" not in html
