"""What a provider sends as a picture."""

import base64
import io
import struct
import zlib

import pytest
from common.ai.providers import ProviderError
from common.ai.providers.pictures import picture
from PIL import Image


def png_of(width: int, height: int) -> bytes:
    """As much of one as says its size, and that its pixels follow."""
    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", b"")


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def test_its_type_and_size_are_read_from_its_bytes() -> None:
    written = io.BytesIO()
    Image.new("RGB", (3, 2)).save(written, "WEBP")
    found = picture(base64.b64encode(written.getvalue()).decode(), "local")
    assert (found.media_type, found.width, found.height, found.priced_as) == ("image/webp", 3, 2, "local")


@pytest.mark.parametrize(
    "sent", [b"", b"no picture", png_of(60_000, 60_000)], ids=["nothing", "a text", "huge"]
)
def test_what_is_none_or_far_too_large_is_the_providers_fault(sent: bytes) -> None:
    with pytest.raises(ProviderError, match="cannot be read"):
        picture(base64.b64encode(sent).decode(), "local")


def test_what_is_no_base64_is_too() -> None:
    with pytest.raises(ProviderError, match="cannot be read"):
        picture("!", "local")
