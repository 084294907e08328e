"""Picture descriptions for an article, from its title and headings."""

from __future__ import annotations

from common.ai.functions import ImagePromptDraft, ImagePromptsInput, ImagePromptsOutput
from common.ai.local.seeds import seeded

_STYLES = (
    "editorial photograph",
    "flat illustration",
    "isometric drawing",
    "watercolour sketch",
    "paper collage",
)
_LIGHTS = (
    "soft morning light",
    "warm evening light",
    "even studio light",
    "clear daylight",
    "low winter sun",
)
_VIEWS = (
    "seen from above",
    "at eye level",
    "from across the room",
    "close to the subject",
    "with wide surroundings",
)


def image_prompts(input: ImagePromptsInput) -> ImagePromptsOutput:
    """One featured prompt and `in_article` more, each for a heading as long as there are headings."""
    random = seeded("image prompts", input.title, input.headings, input.in_article)

    def prompt(image_type: str, position: int, subject: str) -> ImagePromptDraft:
        style, light, view = random.choice(_STYLES), random.choice(_LIGHTS), random.choice(_VIEWS)
        return ImagePromptDraft(
            image_type="featured" if image_type == "featured" else "in_article",
            prompt=f"{style.capitalize()} for {subject}, {light}, {view}, no lettering",
            alt_text=f"{style.capitalize()}: {subject}",
            position=position,
        )

    pictures = [prompt("featured", 0, input.title)]
    for position in range(input.in_article):
        subject = f"{input.headings[position % len(input.headings)]}" if input.headings else input.title
        # A second picture for the same heading is told apart by its number.
        turn = position // max(1, len(input.headings))
        pictures.append(prompt("in_article", position, f"{subject} ({turn + 1})" if turn else subject))
    return ImagePromptsOutput(prompts=pictures)
