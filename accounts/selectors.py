"""Reads of readers."""

from accounts.models import User


def username_for_login(name: str) -> str:
    """Return the username as stored for what a reader typed: a username or an e-mail address.

    Case does not matter. A name that nobody has comes back as it was typed; the password check
    that follows takes as long for it as for any other.
    """
    people = User.objects.filter(source=User.Source.SITE)
    for match in ({"username__iexact": name}, {"email__iexact": name}):
        username = people.filter(**match).values_list("username", flat=True).first()
        if username is not None:
            return username
    return name
