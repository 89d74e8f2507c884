"""Uploads that are no library are refused, and say why; nothing of them is stored."""

import io
import zipfile

import pytest

from accounts.tests.factories import UserFactory
from ratings.models import ImportFile, LibraryImport
from ratings.tests.api_doors import assert_problem, signed_in
from ratings.tests.libraries import IMPORTS, goodreads_csv, upload

pytestmark = pytest.mark.django_db


def packed() -> bytes:
    """A small file that would unpack to a very large one."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("library.csv", b"0" * 50_000_000)
    return out.getvalue()


HEADER = goodreads_csv()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "The file is empty."),
        (b" \n\n", "The file is empty."),
        (HEADER, "lists no books"),
        (b"a,b,c\n1,2,3\n", "Goodreads"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "no text file"),
        (packed(), "no text file"),
        (b"\x1f\x8b\x08\x00rest", "no text file"),
        (b"%PDF-1.7 ...", "no text file"),
        ("Title,Author\n1,2\n".encode("utf-16-le"), "Goodreads"),
        ("Title,Author\n1,2\n".encode("utf-16-le") + b"\x00", "no text file"),
        (b"\xff\xfe\xff", "Goodreads"),
        (HEADER + b'"' + b"x" * 200_000, "longer than"),
        (b"," * 300 + b"\n1\n", "columns"),
        (HEADER + b'1,"A","B"\n' * 51, "more than 50 rows"),
    ],
)
def test_what_is_no_library_is_refused_with_the_reason(content, said, settings) -> None:
    settings.LIBRARY_IMPORT_MAX_ROWS = 50
    response = upload(signed_in(UserFactory()), content)
    assert_problem(response, 400)
    assert list(response.json()["errors"]) == ["file"]
    assert said in response.json()["errors"]["file"][0]
    assert not LibraryImport.objects.exists()
    assert not ImportFile.objects.exists()


def test_what_is_too_large_is_refused_before_it_is_read(settings) -> None:
    settings.LIBRARY_IMPORT_MAX_BYTES = 100_000
    client = signed_in(UserFactory())

    class NeverRead(io.BytesIO):
        def read(self, *args: object) -> bytes:
            raise AssertionError("a byte was read")

    response = client.generic(
        "POST",
        IMPORTS,
        b"",
        content_type="multipart/form-data; boundary=x",
        CONTENT_LENGTH="200000",
        **{"wsgi.input": NeverRead()},
    )
    assert_problem(response, 413)
    assert "larger than 97.7" in response.json()["detail"]
    # Between the file's limit and the request's it is the file that is too large.
    assert_problem(upload(client, HEADER + b"x" * 100_000), 413)
    assert not LibraryImport.objects.exists()


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{}", "application/json", 415),
        (b"Title,Author", "text/csv", 415),
        (b"", "multipart/form-data", 400),
        (b"", "multipart/form-data; boundary=x", 400),
        (b"rubbish", "multipart/form-data; boundary=x", 400),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nno file\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            400,
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n'
            b"Content-Transfer-Encoding: base64\r\n\r\n!!!!!\r\n--x--\r\n",
            "multipart/form-data; boundary=x",
            400,
        ),
        (
            b"".join(
                b'--x\r\nContent-Disposition: form-data; name="f%d"; filename="a"\r\n\r\n\r\n' % n
                for n in range(200)
            )
            + b"--x--\r\n",
            "multipart/form-data; boundary=x",
            400,
        ),
    ],
)
def test_a_body_that_is_no_upload_is_a_problem(body, content_type, status) -> None:
    client = signed_in(UserFactory())
    client.raise_request_exception = False
    assert_problem(client.generic("POST", IMPORTS, body, content_type=content_type), status)


def test_a_flag_that_is_none_is_named() -> None:
    library = goodreads_csv({"Title": "Emma"})
    response = upload(signed_in(UserFactory()), library, replace_stars="perhaps")
    assert_problem(response, 400)
    assert list(response.json()["errors"]) == ["replace_stars"]
