"""Pictures as providers send them."""

from __future__ import annotations

import base64
import binascii
import io

from common.ai.functions import RenderedImage
from common.ai.providers import ProviderError


def picture(encoded: str, priced_as: str) -> RenderedImage:
    """The picture as it came in base64, its type and size read from its bytes. Raises ProviderError when it is none."""
    from PIL import Image

    try:
        data = base64.b64decode(encoded, validate=True)
        with Image.open(io.BytesIO(data)) as opened:
            return RenderedImage(
                data=data,
                media_type=Image.MIME.get(opened.format or "", "application/octet-stream"),
                width=opened.width,
                height=opened.height,
                priced_as=priced_as,
            )
    except (binascii.Error, OSError, ValueError, Image.DecompressionBombError) as error:
        raise ProviderError(
            "AI_ANSWER_INVALID", "the provider's picture cannot be read", retryable=True
        ) from error
