"""The five AI functions: what goes in, what must come out, and when an answer is not good enough."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import msgspec

from common.ai.templates import render
from common.ai.text import count_words, plain_text
from common.contracts.operations import ObjectRef

I = TypeVar("I", bound=msgspec.Struct)  # noqa: E741 - input and output, as in the type's name
O = TypeVar("O", bound=msgspec.Struct)  # noqa: E741

ImageType = Literal["featured", "in_article", "desktop", "mobile"]
IMAGE_SIZES: dict[str, tuple[int, int]] = {
    "featured": (1200, 630),
    "in_article": (1024, 768),
    "desktop": (1920, 1080),
    "mobile": (1080, 1920),
}
"""Width and height in pixels by image type; 1200x630 is what social networks crop a shared link's image to."""

ContentType = Literal["post", "page", "product", "taxonomy_term"]
ContentStructure = Literal["article", "guide", "comparison", "review", "listicle", "landing_page", "how_to"]


class ClusterInput(msgspec.Struct, frozen=True, kw_only=True):
    keywords: list[str]


class ClusterDraft(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    description: str
    keywords: list[str]


class ClusterOutput(msgspec.Struct, frozen=True, kw_only=True):
    clusters: list[ClusterDraft]
    unclustered: list[str]


class IdeasInput(msgspec.Struct, frozen=True, kw_only=True):
    cluster_name: str
    description: str
    keywords: list[str]
    count: int
    language: str = "en"


class IdeaDraft(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    description: str
    content_type: ContentType
    content_structure: ContentStructure
    target_keywords: list[str]
    estimated_word_count: int


class IdeasOutput(msgspec.Struct, frozen=True, kw_only=True):
    ideas: list[IdeaDraft]


class ContentInput(msgspec.Struct, frozen=True, kw_only=True):
    """An article to write; `generation` counts the rewrites of one task, so that each is fresh text."""

    title: str
    description: str
    keywords: list[str]
    content_structure: str
    word_count: int
    language: str = "en"
    generation: int = 1


class ContentOutput(msgspec.Struct, frozen=True, kw_only=True):
    """`html` is body HTML without the title; meta title and description are for search results."""

    title: str
    html: str
    meta_title: str
    meta_description: str
    excerpt: str
    primary_keyword: str
    secondary_keywords: list[str]
    tags: list[str]
    categories: list[str]


class ImagePromptsInput(msgspec.Struct, frozen=True, kw_only=True):
    """`in_article` images are wanted beside the featured one."""

    title: str
    headings: list[str]
    in_article: int


class ImagePromptDraft(msgspec.Struct, frozen=True, kw_only=True):
    """`position` counts the images of a type from 0."""

    image_type: Literal["featured", "in_article"]
    prompt: str
    alt_text: str
    position: int


class ImagePromptsOutput(msgspec.Struct, frozen=True, kw_only=True):
    prompts: list[ImagePromptDraft]


class ImageInput(msgspec.Struct, frozen=True, kw_only=True):
    prompt: str
    title: str
    image_type: ImageType
    generation: int = 1


class GeneratedImage(msgspec.Struct, frozen=True, kw_only=True):
    """A stored picture; `width` and `height` in pixels. `priced_as` is its name on the rate card."""

    image: ObjectRef
    width: int
    height: int
    priced_as: str = "local"


class RenderedImage(msgspec.Struct, frozen=True, kw_only=True):
    """A picture as a provider returns it; the engine stores the bytes and answers a GeneratedImage."""

    data: bytes
    media_type: str
    width: int
    height: int
    priced_as: str = "local"


@dataclass(frozen=True)
class AIFunction(Generic[I, O]):
    """One thing an AI can be asked; `check` lists what is wrong with an answer, in words a model can act on.

    `instructions` are a template (common/ai/templates.py) with the input's fields as placeholders.
    """

    name: str
    description: str
    version: int
    cost: str
    input_type: type[I]
    output_type: type[O]
    instructions: str
    check: Callable[[I, O], list[str]]

    def instructions_for(self, input: I) -> str:
        """What to do with this input."""
        return render(self.instructions, input)

    def messages(self, input: I) -> list[dict[str, str]]:
        """The conversation that asks for an answer: the instructions, then the input as JSON."""
        return [
            {"role": "system", "content": self.instructions_for(input)},
            {"role": "user", "content": msgspec.json.encode(input).decode()},
        ]

    def input_hash(self, input: I) -> str:
        """64 hexadecimal digits, the same for the same input to the same version and instructions of the function."""
        body = msgspec.json.encode([self.name, self.version, self.instructions, input])
        return hashlib.sha256(body).hexdigest()


def _check_clusters(input: ClusterInput, output: ClusterOutput) -> list[str]:
    placed = Counter(keyword for cluster in output.clusters for keyword in cluster.keywords)
    placed.update(output.unclustered)
    asked = set(input.keywords)
    problems = [f"keyword {keyword!r} is missing" for keyword in sorted(asked - placed.keys())]
    problems += [f"{keyword!r} was not among the keywords" for keyword in sorted(placed.keys() - asked)]
    problems += [
        f"keyword {keyword!r} occurs {times} times" for keyword, times in placed.items() if times > 1
    ]
    names = Counter(cluster.name.strip().casefold() for cluster in output.clusters)
    problems += [
        f"the cluster name {name!r} is used {times} times" for name, times in names.items() if times > 1
    ]
    for cluster in output.clusters:
        if not cluster.name.strip() or not cluster.keywords:
            problems.append(f"cluster {cluster.name!r} needs a name and at least one keyword")
    return problems


def _check_ideas(input: IdeasInput, output: IdeasOutput) -> list[str]:
    problems = []
    if len(output.ideas) != input.count:
        problems.append(f"{input.count} ideas were asked for, {len(output.ideas)} were given")
    titles = Counter(idea.title.strip().casefold() for idea in output.ideas)
    problems += [f"the title {title!r} is used {times} times" for title, times in titles.items() if times > 1]
    if "" in titles:
        problems.append("an idea has no title")
    problems += [
        f"idea {idea.title!r}: estimated_word_count must be between 150 and 5000"
        for idea in output.ideas
        if not 150 <= idea.estimated_word_count <= 5000
    ]
    return problems


def _check_content(input: ContentInput, output: ContentOutput) -> list[str]:
    problems = [] if output.title.strip() else ["the title is empty"]
    if not plain_text(output.html):
        return [*problems, "html has no text"]
    written = count_words(output.html)
    # Far below the asked length means a cut-off answer; a model that misses it by some is judged by validation.
    if written < input.word_count // 4:
        problems.append(f"html has {written} words, {input.word_count} were asked for")
    return problems


def _check_image_prompts(input: ImagePromptsInput, output: ImagePromptsOutput) -> list[str]:
    counts = Counter(prompt.image_type for prompt in output.prompts)
    problems = []
    if counts["featured"] != 1:
        problems.append(f"exactly 1 featured prompt is needed, {counts['featured']} were given")
    if counts["in_article"] != input.in_article:
        problems.append(
            f"{input.in_article} in_article prompts are needed, {counts['in_article']} were given"
        )
    if any(not prompt.prompt.strip() or not prompt.alt_text.strip() for prompt in output.prompts):
        problems.append("every prompt needs a prompt and an alt_text")
    return problems


def _check_image(input: ImageInput, output: GeneratedImage) -> list[str]:
    return [] if output.image.size > 0 else ["the image is empty"]


AUTO_CLUSTER = AIFunction(
    name="auto_cluster",
    description="Groups keywords into topic clusters; what fits nowhere stays unclustered.",
    version=1,
    cost="10 credits per operation",
    input_type=ClusterInput,
    output_type=ClusterOutput,
    instructions=(
        "You are a search strategist. Group the keywords of the user's JSON into topic clusters that one "
        "article series could serve. Use every keyword exactly once and copy it unchanged. Give each cluster a "
        "short distinct name and a one-sentence description in the keywords' language. Put keywords that fit "
        "no cluster into `unclustered`."
    ),
    check=_check_clusters,
)
GENERATE_IDEAS = AIFunction(
    name="generate_ideas",
    description="Proposes article ideas for a topic cluster.",
    version=1,
    cost="2 credits per cluster",
    input_type=IdeasInput,
    output_type=IdeasOutput,
    instructions=(
        "You are a content strategist. Propose exactly {count} articles for the keyword cluster of the user's "
        "JSON, in the language {language}, with distinct titles. Each idea names the keywords it targets, copied "
        "unchanged from `keywords`, and an estimated_word_count between 150 and 5000."
    ),
    check=_check_ideas,
)
GENERATE_CONTENT = AIFunction(
    name="generate_content",
    description="Writes an article with its meta data from a task.",
    version=1,
    cost="1 credit per 500 words",
    input_type=ContentInput,
    output_type=ContentOutput,
    instructions=(
        "You are a professional writer. Write the article of the user's JSON in the language {language}, with "
        "about {word_count} words. `html` is body HTML without h1: an introduction, sections under h2 and h3, and a "
        "section of frequently asked questions (FAQ). Use every keyword at least once, naturally. meta_title "
        "has at most 60 characters, meta_description at most 160. `generation` above 1 asks for a fresh text."
    ),
    check=_check_content,
)
GENERATE_IMAGE_PROMPTS = AIFunction(
    name="generate_image_prompts",
    description="Describes the pictures of an article, with alternative texts.",
    version=1,
    cost="0.5 credits per prompt",
    input_type=ImagePromptsInput,
    output_type=ImagePromptsOutput,
    instructions=(
        "You are an art director. For the article of the user's JSON describe exactly one `featured` picture "
        "(position 0) and {in_article} further pictures of type in_article (position 0, 1, ...), each for one "
        "of the headings. A prompt is a concrete scene without text in it; alt_text says what is to be seen."
    ),
    check=_check_image_prompts,
)
GENERATE_IMAGES = AIFunction(
    name="generate_images",
    description="Makes a picture from its prompt.",
    version=1,
    cost="by image model, from 1 credit per image",
    input_type=ImageInput,
    output_type=GeneratedImage,
    instructions="{prompt}",
    check=_check_image,
)

AnyFunction = AIFunction[Any, Any]
