"""Somebody with a role in the database of the environment: `… NAME PASSWORD ROLE`."""

import sys


def main(name: str, password: str, role: str) -> None:
    import django

    django.setup()
    from django.contrib.auth.models import Group

    from accounts.models import User
    from bookrec_site.tests.walks.people import confirm_address

    user = User.objects.create_user(name, f"{name}@example.org", password, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    confirm_address(user)


if __name__ == "__main__":
    main(*sys.argv[1:])
