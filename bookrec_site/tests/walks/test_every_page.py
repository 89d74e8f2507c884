"""Every page in a real browser: its weight, its calm, its contrast, its keyboard, its width."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from bookrec_site.tests.running_site import RunningSite
from bookrec_site.tests.walks.inventory import Page, sight_name, sights
from bookrec_site.tests.walks.people import World
from bookrec_site.tests.walks.window import DESKTOP, NARROW, PHONE, Transfers, Window, window

pytestmark = [pytest.mark.realdata, pytest.mark.browser]

# Before covers, everything included: page, styles, scripts, icons, and their headers.
WEIGHT = 150_000
# Links and buttons that the Tab key never comes to; lists that arrow keys walk through are allowed.
_CONTROLS = """[...document.querySelectorAll(
  "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")]"""
_UNREACHABLE = f"""{_CONTROLS}
  .filter((control) => control.checkVisibility() && !control.disabled)
  .filter((control) => control.tabIndex > 0 || (control.tabIndex < 0
    && !control.closest("[aria-hidden=true], [role=listbox], [role=menu], [role=radiogroup]")))
  .map((control) => control.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize(
    ("page", "role"), [pytest.param(*sight, id=sight_name(*sight)) for sight in sights()]
)
def test_a_page_is_light_calm_legible_and_within_reach(
    browser: Browser,
    goodbooks_site: RunningSite,
    world: World,
    cookies: dict[str, object],
    screenshots: Path | None,
    page: Page,
    role: str,
) -> None:
    name = re.sub(r"[^\w-]+", "-", sight_name(page, role))
    with window(browser, goodbooks_site.url, storage_state=cookies[role]) as seen:
        transfers = Transfers(seen.page)
        seen.hold_covers()
        answer = seen.page.goto(page.address(world), wait_until="domcontentloaded")
        assert answer and answer.status == 200
        seen.release_covers()
        seen.page.wait_for_load_state("load")
        assert seen.layout_shifts() == []
        weights = transfers.by_address()
        assert sum(weights.values()) < WEIGHT, weights
        if screenshots:
            seen.page.screenshot(path=screenshots / f"{name}.png", full_page=True)
        assert legibility(seen) == []
        if screenshots:
            # It ends on a phone by night.
            seen.page.screenshot(path=screenshots / f"{name}-phone.png", full_page=True)
        assert reach(seen) == []
        seen.page.set_viewport_size(NARROW)
        assert seen.width() <= NARROW["width"], "scrolls sideways on a narrow phone"
        assert seen.foreign == []
        assert seen.errors == []


def legibility(seen: Window) -> list[str]:
    """Return what axe finds, on a desktop and on a phone, by day and by night."""
    found = []
    for place, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
        seen.page.set_viewport_size(viewport)
        seen.page.emulate_media(color_scheme="light")
        found += [f"{place}: {violation}" for violation in seen.violations()]
        # What is not a colour is the same by night.
        seen.page.emulate_media(color_scheme="dark")
        found += [f"{place}, dark: {v}" for v in seen.violations("color-contrast")]
    return found


def reach(seen: Window) -> list[str]:
    """Return what a keyboard cannot come to, and what is wrong with the link past the frame."""
    found = seen.page.evaluate(_UNREACHABLE)
    skip = seen.page.locator(".skip-link")
    if not skip.evaluate(f"link => link === {_CONTROLS}[0]"):
        found.append("the first Tab does not come to the link past the frame")
    skip.focus()
    if skip.bounding_box()["y"] < 0:
        found.append("the link past the frame is not shown when it has the focus")
    seen.page.keyboard.press("Enter")
    if seen.page.evaluate("document.activeElement.id") != "content":
        found.append("the link past the frame does not lead to the content")
    return found
