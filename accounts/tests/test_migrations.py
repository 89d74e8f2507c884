"""What a migration makes of readers who were there before it."""

import importlib

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.db import connection

from accounts.tests.factories import ImportedReaderFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_everybody_with_an_address_gets_the_row_for_it_and_nobody_else(
    django_assert_max_num_queries,
) -> None:
    alice = UserFactory(email="Alice@Example.org")
    noted = UserFactory(email="bob@example.org")
    EmailAddress.objects.create(user=noted, email="bob@example.org", primary=True, verified=True)
    UserFactory(email="")
    ImportedReaderFactory.create_batch(50)
    migration = importlib.import_module("accounts.migrations.0003_email_addresses")
    with django_assert_max_num_queries(6), connection.schema_editor() as editor:
        migration.note_addresses(apps, editor)
    found = EmailAddress.objects.order_by("user").values_list("user", "email", "verified")
    assert list(found) == [
        (alice.pk, "alice@example.org", False),
        (noted.pk, "bob@example.org", True),
    ]
