"""Covers that curators upload: looked at, made anew by Pillow, and kept in the default storage."""

import hashlib
import io
import struct
import warnings
from typing import IO

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image, ImageOps, UnidentifiedImageError

from catalog.curation.books import edit_book
from catalog.curation.journal import Curator
from catalog.models import CurationChange

MAX_BYTES = 5 * 2**20
# Decoded and flattened, a picture takes up to 12 bytes a pixel: 12 million are 150 MB at most.
MAX_PIXELS = 12_000_000
MIN_WIDTH, MIN_HEIGHT = 100, 150
# Twice what the largest cover of a page is shown at.
WIDTH, HEIGHT = 480, 720
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
CONTENT_TYPE = "image/webp"


def upload_cover(
    book_id: int, file: IO[bytes], *, by: Curator, reason: str = ""
) -> CurationChange | None:
    """Give a book this picture as its cover; None when it is the one it has.

    What is stored is a new picture made of the pixels alone: no metadata, no other frames, nothing
    that another program might find in the file. The one before stays in the storage, for an undo.

    Raises
    ------
    ValidationError
        When it is too large, or no picture that can be read.
    """
    content = _encoded(_opened(file))
    name = f"covers/{book_id}/{hashlib.sha256(content).hexdigest()[:24]}.webp"
    if not default_storage.exists(name):
        name = default_storage.save(name, ContentFile(content))
    return edit_book(book_id, {"cover": name}, by=by, reason=reason, action="given a cover")


def remove_cover(book_id: int, *, by: Curator, reason: str = "") -> CurationChange | None:
    """Take the uploaded cover away; the one of the data set, or a drawn one, is shown again."""
    return edit_book(book_id, {"cover": ""}, by=by, reason=reason, action="rid of its cover")


def _opened(file: IO[bytes]) -> Image.Image:
    """Return the upright picture as decoded from its content; its name and type say nothing."""
    content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValidationError({"cover": f"The file is larger than {MAX_BYTES // 2**20} MB."})
    with warnings.catch_warnings():
        # Ours is stricter than the size that Pillow warns of.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            image = Image.open(io.BytesIO(content), formats=FORMATS)
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise ValidationError(
                    {"cover": f"The picture has {width} × {height} pixels; that is too many."}
                )
            if width < MIN_WIDTH or height < MIN_HEIGHT:
                raise ValidationError(
                    {
                        "cover": f"The picture has {width} × {height} pixels; "
                        f"at least {MIN_WIDTH} × {MIN_HEIGHT} are wanted."
                    }
                )
            image.load()
            upright = ImageOps.exif_transpose(image)
        except Image.DecompressionBombError as error:
            raise ValidationError({"cover": "The picture has far too many pixels."}) from error
        except UnidentifiedImageError as error:
            raise ValidationError(
                {"cover": "This is no picture in JPEG, PNG, WebP or GIF."}
            ) from error
        except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
            # What Pillow raises of damaged files, by format.
            raise ValidationError({"cover": "The picture is damaged: save it anew."}) from error
    return upright


def _encoded(upright: Image.Image) -> bytes:
    """Return the picture as WebP, no larger than it is shown."""
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        # Covers stand on paper.
        layer = upright.convert("RGBA")
        upright = Image.new("RGBA", layer.size, "white")
        upright.alpha_composite(layer)
    plain = upright.convert("RGB")
    plain.thumbnail((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    # Drops what `info` has been copied along: profiles, comments, Exif.
    bare = Image.frombytes("RGB", plain.size, plain.tobytes())
    out = io.BytesIO()
    bare.save(out, "WEBP", quality=82, method=4)
    return out.getvalue()
