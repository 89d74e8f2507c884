"""A browser window that notices what a reader should never meet."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Route

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
NARROW = {"width": 320, "height": 640}
COVER_HOST = "https://images.gr-assets.com/"

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg=="
)

# Chromium also reports what text moves by less than a pixel while a page arrives in pieces, too
# little for its four decimals and a thousandth of what Web Vitals call calm (0.1).
_NOTE_SHIFTS = """
window.layoutShifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput || entry.value < 0.0001) continue;
    const moved = entry.sources.map(({node}) => node && (node.className || node.nodeName));
    window.layoutShifts.push(`${entry.value.toFixed(4)} ${moved}`);
  }
}).observe({type: "layout-shift", buffered: true});
"""
# What htmx says of a request that the next click has taken the place of.
_GIVEN_UP = ("htmx:afterRequest", "htmx:sendAbort")
_SETTLED = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
_AXE = """(rules) => axe.run(document, {
  resultTypes: ["violations"], rules: {"target-size": {enabled: true}},
  ...(rules ? {runOnly: {type: "rule", values: rules}} : {}),
}).then(({violations}) => violations.flatMap(({id, nodes}) => nodes.slice(0, 3).map(
  (node) => `${id}: ${node.target} ${(node.any[0] || node.all[0] || node.none[0] || {}).message}`)))
"""
# The policy lets a page decode what it holds itself, and load no picture from data.
_COLOURS = """async (picture) => {
  const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], {type: "image/png"}));
  const paper = new OffscreenCanvas(image.width, image.height).getContext("2d");
  paper.drawImage(image, 0, 0);
  const {data} = paper.getImageData(0, 0, image.width, image.height);
  return new Set(new Uint32Array(data.buffer)).size;
}"""


class Window:
    """One page of a browser, and everything that went wrong in it."""

    def __init__(self, context: BrowserContext, site: str) -> None:
        self.page: Page = context.new_page()
        self.errors: list[str] = []
        self.foreign: list[str] = []
        # Photographs that the host of the covers has not answered yet.
        self.covers: list[Route] = []
        self._hold = False
        self.site = site
        context.route(lambda url: not url.startswith((site, "data:", "blob:")), self._answer)
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def hold_covers(self) -> None:
        """Let photographs come late: when `release_covers` says so."""
        self._hold = True

    def release_covers(self) -> None:
        """Answer every second photograph that was asked for; the others never come."""
        self._hold = False
        for place, route in enumerate(self.covers):
            if place % 2:
                route.abort("namenotresolved")
            else:
                route.fulfill(body=PIXEL, content_type="image/png")
        self.covers.clear()

    def layout_shifts(self) -> list[str]:
        """Return by how much and what has moved until now without the reader's doing."""
        self.page.evaluate(_SETTLED)
        return self.page.evaluate("window.layoutShifts")

    def violations(self, *rules: str) -> list[str]:
        """Return what axe finds on the page as it is now, by all rules or by the given."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE_SCRIPT)
        return self.page.evaluate(_AXE, list(rules) or None)

    def colours(self, part: Locator) -> int:
        """Return in how many colours a part of the page is drawn, whatever draws it."""
        picture = base64.b64encode(part.screenshot()).decode()
        return self.page.evaluate(_COLOURS, picture)

    def width(self) -> int:
        """Return how many pixels of width the page takes at the least."""
        return self.page.evaluate("document.documentElement.scrollWidth")

    def _answer(self, route: Route) -> None:
        if not route.request.url.startswith(COVER_HOST):
            self.foreign.append(route.request.url)
            route.abort()
        elif self._hold:
            self.covers.append(route)
        else:
            route.abort("namenotresolved")

    def _note(self, message: ConsoleMessage) -> None:
        if message.type != "error" or message.text.startswith(_GIVEN_UP):
            return
        where = message.location.get("url", "")
        if not where.startswith(COVER_HOST):
            self.errors.append(f"{message.text} ({where})")


_AnyWindow = TypeVar("_AnyWindow", bound=Window)


@contextmanager
def window(
    browser: Browser,
    site: str,
    kind: type[_AnyWindow] = Window,  # type: ignore[assignment]
    *,
    viewport: Any = DESKTOP,
    **options: Any,
) -> Iterator[_AnyWindow]:
    """Open a window of its own: nobody's cookies, nothing cached."""
    context = browser.new_context(base_url=site, viewport=viewport, **options)
    context.add_init_script(_NOTE_SHIFTS)
    try:
        yield kind(context, site)
    finally:
        context.close()


class Transfers:
    """Counts the bytes that a page costs until it stands, without its covers."""

    def __init__(self, page: Page) -> None:
        self._addresses: dict[str, str] = {}
        self._bytes: dict[str, float] = {}
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.requestWillBeSent", self._asked)
        session.on("Network.loadingFinished", self._came)

    def by_address(self) -> dict[str, int]:
        """Return the bytes on the wire of each file, headers included, largest first."""
        found = {
            self._addresses[request]: int(size)
            for request, size in self._bytes.items()
            if not self._is_cover(self._addresses[request])
        }
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def _asked(self, event: dict[str, Any]) -> None:
        self._addresses[event["requestId"]] = event["request"]["url"]

    def _came(self, event: dict[str, Any]) -> None:
        self._bytes[event["requestId"]] = event["encodedDataLength"]

    @staticmethod
    def _is_cover(address: str) -> bool:
        return "/covers/" in address or not address.startswith("http://127.0.0.1")
