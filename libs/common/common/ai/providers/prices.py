"""What models cost, in millionths of a US dollar, as their makers list it; a model not listed counts as 0.

Sources: https://platform.openai.com/docs/pricing, https://www.anthropic.com/pricing, https://ai.google.dev/pricing
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Price(msgspec.Struct, frozen=True):
    """Per million tokens in and out, and per image, each in millionths of a US dollar."""

    input: int = 0
    output: int = 0
    image: int = 0


PRICES = {
    "gpt-4o": Price(2_500_000, 10_000_000),
    "gpt-4o-mini": Price(150_000, 600_000),
    "gpt-4.1": Price(2_000_000, 8_000_000),
    "gpt-4.1-mini": Price(400_000, 1_600_000),
    "gpt-4.1-nano": Price(100_000, 400_000),
    "gpt-image-1": Price(image=42_000),
    "dall-e-3": Price(image=40_000),
    "dall-e-2": Price(image=20_000),
    "claude-sonnet-4-5": Price(3_000_000, 15_000_000),
    "claude-haiku-4-5": Price(1_000_000, 5_000_000),
    "gemini-2.5-flash": Price(300_000, 2_500_000),
    "gemini-2.5-pro": Price(1_250_000, 10_000_000),
}


def cost(
    model: str,
    *,
    input_tokens: int = 0,
    output_tokens: int = 0,
    images: int = 0,
    prices: Mapping[str, Price] = PRICES,
) -> int:
    """The cost in millionths of a US dollar, rounded up; a dated model name costs what its family costs."""
    family = max(
        (name for name in prices if model == name or model.startswith(f"{name}-20")), key=len, default=""
    )
    price = prices.get(family, Price())
    tokens = price.input * input_tokens + price.output * output_tokens
    return -(-tokens // 1_000_000) + price.image * images
