"""The id of a list: everything that must be known of it when events come back, signed.

Making a list writes no row. The id carries what the list was, and is bound to its reader by the
signature: it counts when that reader, and for a guest's list anybody, sends it back in time.

    version, surface, basis      a byte each
    run, k, seconds, key, books  numbers, 7 bits a byte, the low ones first
    signature                    12 bytes of HMAC-SHA-256
"""

import base64
import binascii
import hmac
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.conf import settings
from django.utils.crypto import salted_hmac

from recommender.errors import NoSuchList
from recommender.feedback_models import ListBasis, Surface

# Events of an older list come too late.
MAX_AGE = timedelta(days=2)
# As long as the id of the longest list can be, and more.
MAX_LENGTH = 2000
# Two hosts' clocks may differ by so much.
_CLOCK_SKEW = timedelta(minutes=5)
_VERSION: Final = 1
_SALT: Final = "recommender.feedback.list_ids"
_SIGNATURE_BYTES: Final = 12
_KEY_BITS: Final = 63
# Never change a number: ids that are on their way have them.
_SURFACES: Final = {
    Surface.LIST: 1,
    Surface.LIKE: 2,
    Surface.HOME: 3,
    Surface.HOME_BECAUSE: 4,
    Surface.HOME_GUEST: 5,
    Surface.WELCOME: 6,
    Surface.TRY_OUT: 7,
    Surface.SIMILAR: 8,
    Surface.ALSO_LOVED: 9,
    Surface.API: 10,
    Surface.API_SESSION: 11,
    Surface.API_SIMILAR: 12,
    Surface.API_TITLE: 13,
}
_BASES: Final = {ListBasis.RATINGS: 1, ListBasis.POPULAR: 2, ListBasis.BOOK: 3}
_SURFACE_OF: Final = {number: surface for surface, number in _SURFACES.items()}
_BASIS_OF: Final = {number: basis for basis, number in _BASES.items()}


@dataclass(frozen=True)
class ServedList:
    """A list as it was served."""

    surface: Surface
    basis: ListBasis
    # None: no model was active.
    run_id: int | None
    # How many books were asked for.
    k: int
    # Ids in their order.
    books: tuple[int, ...]
    # Random: no other list has it.
    key: int
    # UTC, to the second.
    served_at: datetime

    @property
    def day(self) -> date:
        return self.served_at.date()

    def position(self, book_id: int) -> int | None:
        """Return the book's place from 1; None when it is not in the list."""
        return self.books.index(book_id) + 1 if book_id in self.books else None


def new_list_id(
    *,
    surface: Surface,
    basis: ListBasis,
    run_id: int | None,
    k: int,
    books: Sequence[int],
    reader_id: int | None,
) -> str:
    """Return the id of a list that is made now; `reader_id` None: for nobody known.

    About 60 characters for ten books, each of which is in it by its id.
    """
    numbers = [run_id or 0, k, int(time.time()), secrets.randbits(_KEY_BITS), *books]
    payload = bytes([_VERSION, _SURFACES[surface], _BASES[basis]]) + _packed(numbers)
    signature = _signature(payload, reader_id, settings.SECRET_KEY)
    return base64.urlsafe_b64encode(payload + signature).rstrip(b"=").decode("ascii")


def read_list_id(text: str, reader_id: int | None) -> tuple[ServedList, bool]:
    """Return the list, and whether it was made for this reader; a guest's list is anybody's.

    Raises
    ------
    NoSuchList
        When no list of this site has the id, another reader's has, or it is too old.
    """
    if len(text) > MAX_LENGTH or not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise NoSuchList
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise NoSuchList from error
    payload, signature = raw[:-_SIGNATURE_BYTES], raw[-_SIGNATURE_BYTES:]
    is_own = reader_id is not None and _is_signed(payload, signature, reader_id)
    if not is_own and not _is_signed(payload, signature, None):
        raise NoSuchList
    found = _read(payload)
    age = datetime.now(UTC) - found.served_at
    if age > MAX_AGE:
        raise NoSuchList(f"This list is older than {MAX_AGE.days} days.")
    if age < -_CLOCK_SKEW:
        raise NoSuchList("This list is of a time to come.")
    return found, is_own


def _read(payload: bytes) -> ServedList:
    """Read what this site signed: of an earlier version, perhaps, but never malformed."""
    if payload[0] != _VERSION:
        raise NoSuchList
    run, k, seconds, key, *books = _unpacked(payload[3:])
    return ServedList(
        surface=_SURFACE_OF[payload[1]],
        basis=_BASIS_OF[payload[2]],
        run_id=run or None,
        k=k,
        books=tuple(books),
        key=key,
        served_at=datetime.fromtimestamp(seconds, UTC),
    )


def _is_signed(payload: bytes, signature: bytes, reader_id: int | None) -> bool:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return any(hmac.compare_digest(signature, _signature(payload, reader_id, key)) for key in keys)


def _signature(payload: bytes, reader_id: int | None, secret: str | bytes) -> bytes:
    # No reader has the number 0.
    signed = b"%d:" % (reader_id or 0) + payload
    digest = salted_hmac(_SALT, signed, secret=secret, algorithm="sha256").digest()
    return digest[:_SIGNATURE_BYTES]


def _packed(numbers: Sequence[int]) -> bytes:
    out = bytearray()
    for number in numbers:
        while number > 0x7F:
            out.append(number & 0x7F | 0x80)
            number >>= 7
        out.append(number)
    return bytes(out)


def _unpacked(packed: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in packed:
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            yield number
            number = shift = 0
