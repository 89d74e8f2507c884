"""Who works in the administration, in tests."""

import io

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
