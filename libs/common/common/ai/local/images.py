"""Pictures drawn from a seed: a colour field with shapes and the title, in the size of the image type."""

from __future__ import annotations

import colorsys
import hashlib
import io
import random as randomness
from functools import lru_cache
from typing import TYPE_CHECKING

from common.ai.functions import IMAGE_SIZES, ImageInput, RenderedImage
from common.ai.local.seeds import seeded

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

_MARGIN = 0.08
"""Share of the width left free on each side of the title."""


def render(input: ImageInput) -> RenderedImage:
    """A JPEG below 300 kB; another prompt, title, type or generation gives other bytes."""
    from PIL import Image, ImageDraw

    width, height = IMAGE_SIZES[input.image_type]
    random = seeded("image", input.prompt, input.title, input.image_type, input.generation)
    hue = random.random()
    picture = Image.new("RGB", (width, height), _colour(hue, 0.55, 0.30))
    draw = ImageDraw.Draw(picture)
    _shapes(draw, random, hue, width, height)
    _title(draw, " ".join(input.title.split()), width, height)
    body = io.BytesIO()
    # The comment makes two pictures differ even where the drawing should ever come out alike.
    identity = hashlib.sha256(repr((input.prompt, input.title, input.image_type, input.generation)).encode())
    picture.save(body, "JPEG", quality=80, comment=identity.hexdigest().encode())
    return RenderedImage(data=body.getvalue(), media_type="image/jpeg", width=width, height=height)


def _colour(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return int(red * 255), int(green * 255), int(blue * 255)


def _shapes(draw: ImageDraw, random: randomness.Random, hue: float, width: int, height: int) -> None:
    for _ in range(random.randint(7, 12)):
        colour = _colour(
            hue + random.uniform(-0.12, 0.12), random.uniform(0.4, 0.7), random.uniform(0.25, 0.5)
        )
        x, y = random.randint(0, width), random.randint(0, height)
        size = random.randint(min(width, height) // 8, min(width, height) // 2)
        box = (x - size, y - size, x + size, y + size)
        kind = random.randrange(3)
        if kind == 0:
            draw.ellipse(box, fill=colour)
        elif kind == 1:
            draw.regular_polygon(
                (x, y, size), random.randint(3, 6), rotation=random.randint(0, 90), fill=colour
            )
        else:
            draw.arc(
                box, random.randint(0, 360), random.randint(0, 360), fill=colour, width=max(4, size // 8)
            )


def _title(draw: ImageDraw, title: str, width: int, height: int) -> None:
    room = width * (1 - 2 * _MARGIN)
    for size in range(width // 14, 15, -4):
        font = _font(size)
        lines = _wrap(draw, title, font, room)
        if len(lines) * size * 1.3 <= height * 0.6:
            break
    lines = lines[: max(1, int(height * 0.8 / (size * 1.3)))]
    top = (height - len(lines) * size * 1.3) / 2
    for number, line in enumerate(lines):
        position = (width * _MARGIN, top + number * size * 1.3)
        draw.text((position[0] + 2, position[1] + 2), line, font=font, fill=(0, 0, 0))
        draw.text(position, line, font=font, fill=(255, 255, 255))


def _wrap(draw: ImageDraw, title: str, font: FreeTypeFont | ImageFont, room: float) -> list[str]:
    """Lines no wider than `room`; a word that is too wide alone is broken."""
    lines = [""]
    for word in title.split(" "):
        line = f"{lines[-1]} {word}".strip()
        if draw.textlength(line, font=font) <= room:
            lines[-1] = line
            continue
        if lines[-1]:
            lines.append("")
        for character in word:
            if lines[-1] and draw.textlength(lines[-1] + character, font=font) > room:
                lines.append("")
            lines[-1] += character
    return lines


@lru_cache(maxsize=64)
def _font(size: int) -> FreeTypeFont | ImageFont:
    """Pillow's own font needs no file; it draws a box for characters it lacks."""
    from PIL import ImageFont as fonts

    return fonts.load_default(size)
