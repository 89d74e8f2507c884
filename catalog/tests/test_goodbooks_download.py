"""Downloads from a real HTTP server on this machine."""

import hashlib
import os
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import pytest

from catalog.goodbooks import download as module
from catalog.goodbooks.download import (
    Expectation,
    Release,
    download,
    is_genuine_archive,
    verify_files,
)
from catalog.goodbooks.errors import DatasetError, DownloadUnavailableError
from catalog.goodbooks.progress import SilentProgress
from catalog.goodbooks.source import open_dataset

BODY = bytes(range(256)) * 4000


class Server(ThreadingHTTPServer):
    """Serves one body under every path, and behaves as badly as a test asks."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body = BODY
        self.etag = '"one"'
        self.status = 200
        # Bytes after which the connection is cut; None for never.
        self.cut_after: int | None = None
        self.ranges: list[str | None] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that hangs up is what some tests want."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/goodbooks-10k.zip"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        wanted = self.headers.get("Range")
        server.ranges.append(wanted)
        body, status = server.body, server.status
        if wanted and self.headers.get("If-Range") == server.etag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            body, status = (body[start:], 206) if start < len(body) else (b"", 416)
        self.send_response(status)
        self.send_header("ETag", server.etag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if server.cut_after is None else body[: server.cut_after])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_download_has_the_bytes_and_the_name_of_the_address(
    server: Server, tmp_path: Path
) -> None:
    path = download(server.url, tmp_path / "downloads", SilentProgress())

    assert path == tmp_path / "downloads" / "goodbooks-10k.zip"
    assert path.read_bytes() == BODY
    assert [file.name for file in path.parent.iterdir()] == ["goodbooks-10k.zip"]


def test_an_interrupted_download_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.cut_after = 300_000
    with pytest.raises(DownloadUnavailableError):
        download(server.url, tmp_path, SilentProgress())
    server.cut_after = None

    path = download(server.url, tmp_path, SilentProgress())

    assert path.read_bytes() == BODY
    assert server.ranges == [None, "bytes=300000-"]


def test_a_file_that_changed_meanwhile_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    server.cut_after = 300_000
    with pytest.raises(DownloadUnavailableError):
        download(server.url, tmp_path, SilentProgress())
    server.cut_after, server.etag, server.body = None, '"two"', BODY[::-1]

    assert download(server.url, tmp_path, SilentProgress()).read_bytes() == BODY[::-1]


def test_a_rest_that_is_longer_than_the_file_is_thrown_away(server: Server, tmp_path: Path) -> None:
    server.cut_after = 300_000
    with pytest.raises(DownloadUnavailableError):
        download(server.url, tmp_path, SilentProgress())
    server.cut_after, server.body = None, BODY[:1000]

    assert download(server.url, tmp_path, SilentProgress()).read_bytes() == BODY[:1000]


@pytest.mark.parametrize("note", ["not json", '{"url": "http://other/", "validator": "x"}', "{}"])
def test_a_rest_of_unknown_origin_is_not_used(server: Server, tmp_path: Path, note: str) -> None:
    (tmp_path / "goodbooks-10k.zip.part").write_bytes(b"something else")
    (tmp_path / "goodbooks-10k.zip.part.json").write_text(note)

    assert download(server.url, tmp_path, SilentProgress()).read_bytes() == BODY
    assert server.ranges == [None]


def test_an_error_of_the_server_is_said_in_one_sentence(server: Server, tmp_path: Path) -> None:
    server.status = 404

    with pytest.raises(DownloadUnavailableError, match="answers 404 Not Found"):
        download(server.url, tmp_path, SilentProgress())


def test_nobody_listening_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DownloadUnavailableError, match="cannot be downloaded: .*refused"):
        download("http://127.0.0.1:9/x.zip", tmp_path, SilentProgress())


def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as silent:  # Nobody calls accept.
        url = f"http://127.0.0.1:{silent.server_port}/x.zip"
        with pytest.raises(DownloadUnavailableError, match="timed out"):
            download(url, tmp_path, SilentProgress(), timeout_seconds=0.2)


def test_a_file_that_is_far_too_large_is_refused(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 1000)

    with pytest.raises(DatasetError, match="larger than 1,000 bytes"):
        download(server.url, tmp_path, SilentProgress())


def _archive(path: Path, files: dict[str, bytes]) -> Path:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    path.write_bytes(buffer.getvalue())
    return path


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


FILES = {
    "tags.csv": b"tag_id,tag_name\n1,x\n",
    "ratings.csv": b"user_id,book_id,rating\n1,1,5\n1,2,5",
}


def test_an_archive_is_genuine_by_its_own_checksum(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "x.zip", FILES)

    assert is_genuine_archive(archive, Release(_sha256(archive.read_bytes()), {}))
    assert not is_genuine_archive(archive, Release(_sha256(b"other"), {}))


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        (
            {
                "tags.csv": Expectation(_sha256(FILES["tags.csv"])),
                "ratings.csv": Expectation(rows=2),
            },
            "",
        ),
        (
            {"tags.csv": Expectation(_sha256(b"other"))},
            "the official file has d9298a10d1b0735837dc",
        ),
        (
            {"ratings.csv": Expectation(rows=3)},
            "ratings.csv of .* has 2 rows, the official file has 3",
        ),
        ({"books.csv": Expectation(rows=3)}, "lacks books.csv"),
    ],
)
def test_files_are_compared_with_what_is_known_of_them(
    tmp_path: Path, expected: dict[str, Expectation], message: str
) -> None:
    with open_dataset(_archive(tmp_path / "x.zip", FILES), SilentProgress()) as files:
        release = Release("", expected)
        if message:
            with pytest.raises(DatasetError, match=message):
                verify_files(files, release)
        else:
            verify_files(files, release)


@pytest.mark.realdata
def test_the_official_checksums_are_those_of_the_official_files() -> None:
    with open_dataset(Path(os.environ["GOODBOOKS_DIR"]), SilentProgress()) as files:
        for name in ("books.csv", "tags.csv", "book_tags.csv", "to_read.csv"):
            assert files.sha256[name] == module.OFFICIAL.files[name].sha256
