"""What the policy and good manners forbid in the HTML of a page."""

import re
from collections import Counter
from html.parser import HTMLParser

# Fields that no one sees or that are named by their own text.
UNLABELLED = {"hidden", "submit", "button", "image", "reset"}


class Frame(HTMLParser):
    """Reads a whole page; `wrong` says what is."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self._ids: list[str] = []
        self._labelled: set[str] = set()
        self._fields: list[dict[str, str | None]] = []
        self._levels: list[int] = []
        self._inside_labels = 0
        if not html.lstrip().startswith("<!doctype html>"):
            self.wrong.append("no doctype")
        self.feed(html)
        self._conclude()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        kind = found.get("type") or "text"
        if tag in ("style", "object", "embed", "iframe"):
            self.wrong.append(f"<{tag}>")
        # Data that a script reads is no script.
        if tag == "script" and kind != "application/json" and not _is_file(found.get("src")):
            self.wrong.append(f"<script> that is no file of this site: {found}")
        self.wrong += [
            f"{name} on <{tag}>"
            for name in found
            if name == "style" or name.startswith(("on", "hx-on"))
        ]
        if tag == "img" and not {"alt", "width", "height"} <= found.keys():
            self.wrong.append(f"<img> without alt, width or height: {found}")
        if tag == "a" and "_blank" in (found.get("target") or ""):
            self.wrong.append(f"a link that opens a window: {found}")
        if found.get("id"):
            self._ids.append(str(found["id"]))
        if tag == "label":
            self._inside_labels += 1
            self._labelled.add(str(found.get("for")))
        is_field = tag in ("select", "textarea") or (tag == "input" and kind not in UNLABELLED)
        if is_field and not self._inside_labels and not found.get("aria-label"):
            self._fields.append(found)
        if re.fullmatch("h[1-6]", tag):
            self._levels.append(int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        if tag == "label":
            self._inside_labels -= 1

    def _conclude(self) -> None:
        self.wrong += [f"id {name} twice" for name, n in Counter(self._ids).items() if n > 1]
        self.wrong += [
            f"a field without a label: {field}"
            for field in self._fields
            if field.get("id") not in self._labelled and not field.get("aria-labelledby")
        ]
        if self._levels.count(1) != 1:
            self.wrong.append(f"{self._levels.count(1)} headings of level 1")
        for above, below in zip(self._levels, self._levels[1:], strict=False):
            if below > above + 1:
                self.wrong.append(f"a heading of level {below} under one of level {above}")


def _is_file(address: str | None) -> bool:
    return str(address).startswith("/static/")
