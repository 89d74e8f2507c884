"""Every address of the site, and who sees it; `test_inventory` holds it against the resolver."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver, reverse

from bookrec_site.tests.walks.people import ALICE, BOB, CHARLIE, World

GUEST = "guest"
# Who sees another page than the others: nobody, nothing yet, a little, much.
EVERYBODY = (GUEST, CHARLIE, BOB, ALICE)
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
    Page("home", EVERYBODY),
    Page("browse", ANYBODY),
    Page("browse", (GUEST,), query="?q=nothing+like+it+anywhere"),
    Page("book", (GUEST, CHARLIE, ALICE), keys=("book",)),
    Page("book", (ALICE,), keys=("shelved_book",)),
    Page("browse", ANYBODY, query="?decade=1990&language=eng&sort=oldest"),
    Page("authors", ANYBODY),
    Page("authors", (GUEST,), query="?q=nobody"),
    Page("author", ANYBODY, keys=("author",)),
    Page("all_series", ANYBODY),
    Page("series", ANYBODY, keys=("series",)),
    Page("account_signup", (GUEST,)),
    Page("account_login", (GUEST,)),
    Page("account_reset_password", (GUEST,)),
    Page("account_reset_password_done", (GUEST,)),
    Page("account_reset_password_from_key_done", (GUEST,)),
    Page("account_email_verification_sent", (GUEST,)),
    Page("account_inactive", (GUEST,)),
    Page("account", READERS),
    Page("account_email", READERS),
    Page("account_change_password", READERS),
    Page("account_sessions", READERS),
    Page("account_tokens", READERS),
    Page("account_data", READERS),
    Page("account_reauthenticate", READERS),
    Page("account_logout", READERS),
    Page("mfa_index", READERS),
    Page("recommendations", (CHARLIE, BOB, ALICE)),
    Page("dismissed", READERS),
    Page("my_ratings", READERS),
    Page("my_shelf", READERS),
)

# Parts of pages, data for scripts, files: whoever asks for them gets no page.
ANSWERS = (
    Page("placeholder_cover", ANYBODY, keys=("book",)),
    Page("search_suggest", ANYBODY, query="?q=Dragn"),
    Page("robots", (GUEST,)),
    Page("sitemap", (GUEST,)),
)

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
        "mfa_index",
        "my_ratings",
        "my_shelf",
        "recommendations",
    }
)

# What a form is sent to, and nothing is shown at.
FORMS = frozenset(
    {
        "account_delete",
        "account_end_others",
        "account_end_session",
        "account_privacy",
        "account_recommendations",
        "account_revoke_token",
        "change_note",
        "change_read",
        "change_shelf",
        "dismiss_book",
        "rate_book",
        "set_language",
        "shelve_book",
        "undo_dismissal",
        "yours",
    }
)

# Addresses of old, which lead to the new ones.
MOVED = frozenset({"login", "logout", "signup"})

# Shown in the middle of something, with the key of a mail or after a first step; accounts/tests
# go there.
ON_THE_WAY = frozenset(
    {
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

# Not pages of readers; each has tests of its own.
ELSEWHERE = ("admin/", "api/v1/", "health/", "sitemap-")


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
