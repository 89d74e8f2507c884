"""What every page has around it: attribution, policy, errors, the administration."""

import gzip
import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tests.factories import UserFactory
from bookrec_site.tests.page_frame import Frame
from catalog.models import Book, DataImport, Source
from catalog.tests.factories import BookFactory
from ratings.tests.readers import Readers, make_readers

pytestmark = pytest.mark.django_db


@pytest.fixture
def readers(db) -> Readers:
    return make_readers()


def addresses(readers: Readers) -> list[str]:
    return [
        reverse("home"),
        reverse("browse"),
        reverse("browse") + "?q=nothing+like+it",
        readers.books[0].get_absolute_url(),
        reverse("account_login"),
        reverse("account_signup"),
        reverse("recommendations"),
        reverse("my_books"),
        reverse("my_books") + "?ticked=all&shelf=to_read",
        reverse("reading_history"),
        reverse("taste"),
        reverse("readers_like_me"),
        reverse("public_profile", args=["alice"]),
        "/no/such/page/",
    ]


def every_page(readers: Readers) -> dict[str, str]:
    """Return every page as a guest, a newcomer and a reader see it."""
    pages = {}
    for who in (None, readers.charlie, readers.bob, readers.alice):
        client = Client()
        if who:
            client.force_login(who)
        for address in addresses(readers):
            response = client.get(address)
            if response.status_code in (200, 404):
                pages[f"{address} for {who}"] = response.content.decode()
    assert len(pages) > 30
    return pages


def test_goodbooks_are_credited_on_every_page(readers):
    DataImport.objects.create(source=Source.GOODBOOKS, digest="0")
    for html in every_page(readers).values():
        assert "https://github.com/zygmuntz/goodbooks-10k" in html
        assert "Zygmunt Zając" in html
        assert "https://creativecommons.org/licenses/by-sa/4.0/" in html
        assert "Llama 3.1" in html
        assert "https://github.com/recombee/beeformer" in html
        assert "simulated" not in html


def test_the_built_in_set_says_on_every_page_that_its_readers_are_simulated(readers):
    DataImport.objects.create(source=Source.GOODBOOKS, digest="0")
    DataImport.objects.create(source=Source.BUILTIN, digest="1")
    for html in every_page(readers).values():
        assert "ratings are simulated" in html
        assert "goodbooks" not in html
        assert "beeformer" not in html


def test_an_empty_catalogue_credits_nobody(client):
    html = client.get(reverse("home")).content.decode()
    assert "The catalogue is empty" in html
    assert "goodbooks-10k" not in html
    assert "simulated" not in html


def test_pages_are_sent_compressed_and_never_of_one_length(client, readers):
    client.force_login(readers.alice)
    lengths = set()
    for _ in range(20):
        page = client.get(reverse("recommendations"), headers={"accept-encoding": "gzip"})
        assert page["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in page["Vary"]
        lengths.add(len(page.content))
    # Else the length tells a stranger, who may choose a part of the page, what the rest is.
    assert len(lengths) > 3
    assert b"</html>" in gzip.decompress(page.content)


def test_text_from_outside_is_escaped_everywhere(client):
    attack = '"><script>alert(1)</script>'
    book = BookFactory(title=attack, original_title=attack + "2", authors=[attack], series=attack)
    Book.objects.update(description=attack, description_source="curator", language="<b>")
    alice = UserFactory(username="alice")
    client.force_login(alice)
    for address in (book.get_absolute_url(), reverse("browse") + "?q=" + attack):
        assert "<script>" not in client.get(address).content.decode()
    answer = client.post(reverse("rate_book", args=[book.pk]), {"stars": 5}, follow=True)
    assert "<script>" not in answer.content.decode()
    assert "&lt;script&gt;" in answer.content.decode()
    for name in ("home", "my_books", "recommendations"):
        assert "<script>" not in client.get(reverse(name)).content.decode()


def test_an_unknown_page_offers_a_way_on(client):
    response = client.get("/no/such/page/")
    html = response.content.decode()
    assert response.status_code == 404
    assert "No such page" in html
    assert 'role="search"' in html


def test_an_error_of_ours_is_shown_without_asking_the_database(
    client, monkeypatch, django_assert_num_queries
):
    def broken(request: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("catalog.views.load_cards", lambda *args, **kwargs: broken(args))
    book = BookFactory()
    client.raise_request_exception = False
    with django_assert_num_queries(1):
        response = client.get(reverse("placeholder_cover", args=[book.pk]))
    assert response.status_code == 500
    html = response.content.decode()
    assert "We dropped a book" in html
    assert "a bug" not in html
    assert Frame(html).wrong == []


@pytest.mark.parametrize("template", ["400.html", "403.html", "403_csrf.html", "429.html"])
def test_error_pages_stand_without_a_context(template):
    from django.template.loader import render_to_string

    html = render_to_string(template)
    assert template[:3] in html
    assert Frame(html).wrong == []


def test_a_bad_request_gets_the_designed_page(client):
    response = client.get("/", headers={"Host": "evil.example"})
    assert response.status_code == 400
    assert "made no sense" in response.content.decode()


@pytest.fixture
def curator(db) -> User:
    return User.objects.create_superuser("curator", "curator@example.org", "a long passphrase")


@pytest.mark.parametrize(
    "model",
    [
        "accounts_user",
        "account_emailaddress",
        "mfa_authenticator",
        "usersessions_usersession",
        "catalog_book",
        "catalog_author",
        "catalog_series",
        "catalog_genre",
        "catalog_tag",
        "catalog_dataimport",
        "ratings_rating",
        "ratings_shelfentry",
        "ratings_reading",
        "ratings_dismissal",
        "recommender_trainingrun",
    ],
)
def test_the_administration_lists_and_searches(
    client, readers, curator, model, django_assert_max_num_queries
):
    client.force_login(curator)
    address = reverse(f"admin:{model}_changelist")
    with django_assert_max_num_queries(12):
        assert client.get(address).status_code == 200
    assert client.get(address, {"q": "volume"}).status_code in (200, 302)


def test_the_administration_never_lists_all_readers_in_a_select(client, readers, curator):
    client.force_login(curator)
    rating = readers.alice.ratings.first()
    for name, key in (
        ("accounts_user", readers.alice.pk),
        ("catalog_book", readers.books[0].pk),
        ("ratings_rating", rating.pk),
    ):
        html = client.get(reverse(f"admin:{name}_change", args=[key])).content.decode()
        assert not re.search(r"<option[^>]*>\s*(bob|charlie)\s*<", html)


def test_a_curator_hides_a_book_and_mends_its_description(client, readers, curator):
    book = readers.books[0]
    client.force_login(curator)
    response = client.post(
        reverse("admin:catalog_book_change", args=[book.pk]),
        {
            "publication_year": "1999",
            "language": "eng",
            "is_hidden": "on",
            "cover_url": "",
            "description": "Mended.",
            "title": "Volume 1, mended",
            "authors_text": "Somebody",
            # What the data set counts is nobody's to change.
            "ratings_count": "1000000",
        },
    )
    assert response.status_code == 302
    book.refresh_from_db()
    assert (book.is_hidden, book.description) == (True, "Mended.")
    assert book.description_source == Book.DescriptionSource.CURATOR
    assert book.title == "Volume 1, mended"
    assert book.ratings_count != 1_000_000


def test_a_curator_does_not_write_readers_opinions(client, readers, curator):
    client.force_login(curator)
    rating = readers.alice.ratings.first()
    address = reverse("admin:ratings_rating_change", args=[rating.pk])
    assert client.post(address, {"stars": 1}).status_code == 403
    assert client.get(reverse("admin:ratings_rating_add")).status_code == 403
    assert client.post(reverse("admin:ratings_rating_delete", args=[rating.pk])).status_code == 403


def test_the_administration_is_for_staff(client, readers):
    client.force_login(readers.alice)
    response = client.get(reverse("admin:index"))
    assert response.status_code == 302
    assert "/admin/login/" in response["Location"]


def test_error_pages_do_not_need_the_manifest_of_static_files(settings):
    """Before collectstatic every page fails, and the page that says so must not fail too."""
    from django.template.loader import render_to_string

    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    }
    settings.STATIC_ROOT = settings.BASE_DIR / "no-such-folder"
    for template in ("400.html", "403_csrf.html", "429.html", "500.html"):
        assert 'href="/static/site/base.css"' in render_to_string(template)
    with pytest.raises(ValueError, match="Missing staticfiles manifest"):
        render_to_string("404.html")
