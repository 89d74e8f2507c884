"""Every address of the site, and who sees it; `test_inventory` holds it against the resolver."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver, reverse

from bookrec_site.tests.walks.people import ALICE, BOB, CHARLIE, World

GUEST = "guest"
# Who sees another page than the others: nobody, nothing yet, a little, much.
ANYBODY = (GUEST, ALICE)
READERS = (CHARLIE, ALICE)


@dataclass(frozen=True)
class Page:
    """A page as some readers see it; `keys` name the fields of World that its address holds."""

    name: str
    roles: tuple[str, ...]
    keys: tuple[str, ...] = ()
    query: str = ""

    def address(self, world: World) -> str:
        return reverse(self.name, args=[getattr(world, key) for key in self.keys]) + self.query


PAGES = (
    # Others are led to "welcome" until they have five ratings or skip it.
    Page("home", ANYBODY),
    Page("try_out", (GUEST,)),
    Page("try_out", (GUEST,), query="?q=dragn"),
    Page("welcome", (CHARLIE, BOB)),
    Page("browse", ANYBODY),
    Page("browse", (GUEST,), query="?q=nothing+like+it+anywhere"),
    Page("browse", (GUEST,), query="?q=tolkein"),
    Page("browse", ANYBODY, query="?decade=1990&language=eng&sort=oldest"),
    Page("book", (GUEST, CHARLIE, ALICE), keys=("book",)),
    Page("book", (ALICE,), keys=("shelved_book",)),
    Page("authors", ANYBODY),
    Page("authors", (GUEST,), query="?q=nobody"),
    Page("author", ANYBODY, keys=("author",)),
    Page("all_series", (GUEST,)),
    Page("series", ANYBODY, keys=("series",)),
    Page("editorial_lists", ANYBODY),
    Page("editorial_list", ANYBODY, keys=("editorial_list",)),
    Page("map", ANYBODY),
    Page("recommendations", (CHARLIE, BOB, ALICE)),
    Page("dismissed", READERS),
    Page("my_books", READERS),
    Page("my_books", (ALICE,), query="?shelf=to_read"),
    Page("reading_history", READERS),
    Page("taste", READERS),
    Page("readers_like_me", READERS),
    Page("public_profile", ANYBODY, keys=("reader",)),
    Page("report_book", (ALICE,), keys=("book",)),
    Page("report_profile", (BOB,), keys=("reader",)),
    Page("imported_reader", (GUEST,), keys=("data_set", "imported_reader")),
    Page("library_import", READERS),
    Page("library_import_report", (ALICE,), keys=("library_import",)),
    Page("library_import_row", (ALICE,), keys=("library_import", "unsure_line")),
    Page("export_data", (ALICE,)),
    # Accounts: ours, and django-allauth's.
    Page("account_signup", (GUEST,)),
    Page("account_login", (GUEST,)),
    Page("account_logout", (ALICE,)),
    Page("account_inactive", (GUEST,)),
    Page("account_email_verification_sent", (GUEST,)),
    Page("account_reset_password", (GUEST,)),
    Page("account_reset_password_done", (GUEST,)),
    Page("account_reset_password_from_key_done", (GUEST,)),
    Page("account", (ALICE,)),
    Page("account_email", (ALICE,)),
    Page("account_change_password", (ALICE,)),
    Page("account_reauthenticate", (ALICE,)),
    Page("account_sessions", (ALICE,)),
    Page("account_tokens", (ALICE,)),
    Page("account_data", (ALICE,)),
    Page("mfa_index", (ALICE,)),
)

# Parts of pages, data for scripts, files: whoever asks for them gets no page.
ANSWERS = (
    Page("placeholder_cover", ANYBODY, keys=("book",)),
    Page("search_suggest", ANYBODY, query="?q=Dragn"),
    Page("try_out_list", (GUEST,)),
    Page("welcome_list", READERS),
    Page("map_book", ANYBODY, keys=("book",)),
    Page("map_mine", (ALICE,)),
    Page("robots", (GUEST,)),
    Page("sitemap", (GUEST,)),
    Page("django.contrib.sitemaps.views.sitemap", (GUEST,), keys=("section",)),
    Page("library_import_failures", (ALICE,), keys=("library_import",)),
)

# Taken away whole: a query for every table that is in them.
FILES = (Page("export_zip", (ALICE,)), Page("export_goodreads", (ALICE,)))

# Where a guest is asked to log in.
READERS_ONLY = frozenset(
    {
        "account",
        "account_change_password",
        "account_data",
        "account_email",
        "account_reauthenticate",
        "account_sessions",
        "account_tokens",
        "dismissed",
        "export_data",
        "library_import",
        "mfa_index",
        "my_books",
        "reading_history",
        "readers_like_me",
        "recommendations",
        "report_book",
        "report_profile",
        "taste",
    }
)

# Shown only in the middle of something, and walked through there: the map's files by the address
# that the map itself gives, an uploaded cover by that of pages, what a reader thinks of a book
# (`yours`) by the book's page.
ON_THE_WAY = frozenset(
    {
        "map_file",
        "uploaded_cover",
        "yours",
        "account_confirm_email",
        "account_confirm_login_code",
        "account_reset_password_from_key",
        "account_set_password",
        "mfa_activate_totp",
        "mfa_authenticate",
        "mfa_deactivate_totp",
        "mfa_download_recovery_codes",
        "mfa_generate_recovery_codes",
        "mfa_reauthenticate",
        "mfa_view_recovery_codes",
    }
)

# Where pages once were; they lead on.
MOVED = frozenset({"login", "logout", "my_ratings", "my_shelf", "signup"})

# What a form is sent to, and nothing is shown at.
FORMS = frozenset(
    {
        "account_delete",
        "account_end_others",
        "account_end_session",
        "account_privacy",
        "account_recommendations",
        "account_revoke_token",
        "dismiss_book",
        "change_note",
        "change_read",
        "change_shelf",
        "edit_my_books",
        "edit_shelf",
        "library_import_undo",
        "rate_book",
        "set_language",
        "shelve_book",
        "start_over",
        "undo_dismissal",
        "welcome_done",
    }
)

# Not pages of readers; each has tests of its own.
ELSEWHERE = ("admin/", "api/v1/", "health/", "metrics")


def names_of_addresses() -> set[str]:
    """Return the name of every address that the site answers at; its route where it has none."""

    def walk(patterns: list, route: str, namespace: str) -> Iterator[str]:
        for pattern in patterns:
            full = route + str(pattern.pattern)
            if full.startswith(ELSEWHERE):
                continue
            if isinstance(pattern, URLPattern):
                yield f"{namespace}{pattern.name}" if pattern.name else full
            elif isinstance(pattern, URLResolver):
                inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
                yield from walk(pattern.url_patterns, full, inner)

    return set(walk(get_resolver().url_patterns, "", ""))


def sights() -> list[tuple[Page, str]]:
    """Return every page with each of the roles that it is shown to."""
    return [(page, role) for page in PAGES for role in page.roles]


def sight_name(page: Page, role: str) -> str:
    """Return a name for a test of the page as the role sees it."""
    return "-".join(filter(None, [page.name, *page.keys, page.query.strip("?"), role]))
