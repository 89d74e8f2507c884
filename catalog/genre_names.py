"""Names of genres in the language of the page."""

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

# Those of `catalog.genres`, which is used without Django too, for translators to find.
NAMES = (
    _("Fantasy"),
    _("Science fiction"),
    _("Dystopia"),
    _("Horror"),
    _("Paranormal"),
    _("Mystery & crime"),
    _("Thriller"),
    _("Romance"),
    _("Historical fiction"),
    _("Contemporary fiction"),
    _("Literary fiction"),
    _("Classics"),
    _("Adventure"),
    _("Western"),
    _("Humour"),
    _("Young adult"),
    _("Children's"),
    _("Comics & graphic novels"),
    _("Poetry"),
    _("Drama & plays"),
    _("Short stories"),
    _("Myths, legends & fairy tales"),
    _("Nonfiction"),
    _("Biography & memoir"),
    _("History & war"),
    _("Science & nature"),
    _("Philosophy"),
    _("Psychology & self-help"),
    _("Religion & spirituality"),
    _("Business & economics"),
    _("Politics & society"),
    _("True crime"),
    _("Travel"),
    _("Food & cooking"),
    _("Art & music"),
    _("LGBT"),
    _("Sports"),
)


def genre_name(name: str) -> str:
    """Return a genre's name, as it is stored, in the language of the page."""
    return gettext(name)
