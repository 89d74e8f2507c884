"""Give every reader who has an e-mail address the row that django-allauth wants for it."""

from django.db import migrations


def note_addresses(apps, schema_editor):
    User = apps.get_model("accounts", "User")
    EmailAddress = apps.get_model("account", "EmailAddress")
    # Imported readers have no address and are most of the table.
    people = User.objects.filter(source="site").exclude(email="")
    people = people.values_list("pk", "email").iterator(chunk_size=2000)
    EmailAddress.objects.bulk_create(
        (
            # Nobody has shown yet that the address is theirs.
            EmailAddress(user_id=pk, email=email.lower(), primary=True, verified=False)
            for pk, email in people
        ),
        batch_size=2000,
        ignore_conflicts=True,
    )


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0002_privacy"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]

    operations = [migrations.RunPython(note_addresses, migrations.RunPython.noop)]
