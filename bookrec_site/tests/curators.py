"""Who works in the administration, in tests."""

import io
from collections.abc import Sequence
from html.parser import HTMLParser

from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from accounts.tests.factories import UserFactory


def staff(client, *permissions: str):
    """Log a member of staff in who may do these things in the catalogue, and no more."""
    user = UserFactory(is_staff=True)
    found = Permission.objects.filter(content_type__app_label="catalog", codename__in=permissions)
    assert len(found) == len(permissions)
    user.user_permissions.set(found)
    client.force_login(user)
    return user


def act(client, model: str, action: str, keys, **data):
    """Choose rows, read the question, and say yes."""
    url = reverse(f"admin:catalog_{model}_changelist")
    chosen = {"action": action, "_selected_action": list(keys)}
    asked = client.post(url, chosen)
    assert asked.status_code == 200, asked.headers
    assert "Yes, do it" in asked.content.decode()
    return asked, client.post(url, {**chosen, "confirmed": "1", **data}, follow=True)


def picture(width=600, height=900, form="PNG", **options) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, form, **options)
    return out.getvalue()


def send_cover(client, book, content: bytes, name="cover.png"):
    url = reverse("admin:catalog_book_cover", args=[book.pk])
    return client.post(url, {"cover": SimpleUploadedFile(name, content, "image/png")})


class OpenedPage(HTMLParser):
    """A page of the administration that somebody has open: what its forms would send unchanged."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.values: dict[str, list[str]] = {}
        self._select = self._area = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        name, value = has.get("name") or "", has.get("value")
        if tag == "input" and name:
            is_button = has.get("type") in ("submit", "file", "button")
            if not is_button and (has.get("type") not in ("checkbox", "radio") or "checked" in has):
                self._add(name, "on" if value is None and "checked" in has else value or "")
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in has:
            self._add(self._select, value or "")
        elif tag == "textarea":
            self._area = name
            self._add(name, "")

    def handle_data(self, data: str) -> None:
        if self._area:
            # Browsers leave the first end of a line out.
            self.values[self._area].pop()
            self._add(self._area, data.removeprefix("\n"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""

    def _add(self, name: str, value: str) -> None:
        # They send the end of a line as two characters.
        self.values.setdefault(name, []).append(value.replace("\n", "\r\n"))


def opened(client, url: str) -> dict[str, list[str]]:
    """Return what the form at that address would send unchanged."""
    page = client.get(url)
    assert page.status_code == 200
    return OpenedPage(page.content.decode()).values
