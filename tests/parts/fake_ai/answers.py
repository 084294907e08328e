"""What the fake says: structured answers made of the function's own input, vectors, pictures."""

import hashlib
import io
import math
import re
from typing import Any

from PIL import Image, ImageDraw

Json = Any

# Every opening goes with every place, middle and ending, so a long article repeats no sentence.
OPENINGS = (
    "Before anything is signed,",
    "In a small company,",
    "When the budget is tight,",
    "After the first quarter,",
    "Compared with last year,",
    "As a rule of thumb,",
    "With a second opinion,",
    "For a growing team,",
    "Once the numbers are clear,",
    "If time is short,",
    "On a quiet afternoon,",
)
# fmt: off
PLACES = (
    "Oslo", "Paris", "Lagos", "Quito", "Turin", "Leeds", "Basel", "Porto", "Delhi", "Kyoto", "Lima",
    "Perth", "Accra", "Tunis", "Riga", "Bonn", "Lyon", "Cork", "Graz", "Malmo", "Tampa", "Omaha", "Miami",
    "Salem", "Boise", "Davao", "Busan", "Hanoi", "Izmir",
)
# fmt: on
MIDDLES = (
    "{keyword} deserves a written list",
    "{keyword} becomes easier to judge",
    "{keyword} should be tried first",
    "{keyword} costs less than feared",
    "{keyword} asks for patience",
    "{keyword} shows what really matters",
    "{keyword} pays for itself",
    "people underrate {keyword}",
    "advisers explain {keyword} differently",
    "contracts describe {keyword} poorly",
    "buyers compare {keyword} twice",
    "a short test of {keyword} helps",
    "questions about {keyword} come early",
)
ENDINGS = (
    "because every month counts.",
    "and that saves an argument later.",
    "so write the reasons down.",
    "although few offers say so.",
    "while prices are still open.",
    "which surprises most beginners.",
    "as long as terms stay fixed.",
    "until a better offer appears.",
    "even where experts disagree.",
    "provided somebody keeps the records.",
    "unless the need has changed.",
    "and the next step is plain.",
    "when support answers within a day.",
    "before habits take over.",
    "whatever the brochure promises.",
    "since mistakes are cheap now.",
    "rather than after the deadline.",
)


def draft_for(function: str, given: dict[str, Json]) -> dict[str, Json]:
    """A draft answer of one of the product's functions; an unknown function has none."""
    drafts = {
        "auto_cluster": _clusters,
        "generate_ideas": _ideas,
        "generate_content": _content,
        "generate_image_prompts": _image_prompts,
    }
    return drafts[function](given) if function in drafts else {}


def _clusters(given: dict[str, Json]) -> dict[str, Json]:
    """Groups by the first two words, what is left by the first; what then stands alone stays unclustered."""
    keywords = list(dict.fromkeys(given.get("keywords", [])))
    groups = _grouped(keywords, words=2)
    alone = [members[0] for members in groups.values() if len(members) == 1]
    clusters = {name: members for name, members in groups.items() if len(members) > 1}
    for name, members in _grouped(alone, words=1).items():
        clusters.setdefault(name, []).extend(members)
    unclustered = [members[0] for members in clusters.values() if len(members) == 1]
    if len(unclustered) == len(clusters):
        unclustered = []  # where nothing belongs together, every keyword is a subject of its own
    return {
        "clusters": [
            {"name": name.title(), "description": f"Searches about {name}.", "keywords": members}
            for name, members in clusters.items()
            if not (len(members) == 1 and members[0] in unclustered)
        ],
        "unclustered": unclustered,
    }


def _grouped(keywords: list[str], *, words: int) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for keyword in keywords:
        groups.setdefault(" ".join(keyword.casefold().split()[:words]), []).append(keyword)
    return groups


def _ideas(given: dict[str, Json]) -> dict[str, Json]:
    subjects = given.get("keywords") or [given.get("cluster_name", "the subject")]
    angles = (
        ("guide", "A guide to {}", 1200),
        ("comparison", "{} compared", 1500),
        ("how_to", "How to choose {}", 900),
        ("listicle", "Seven mistakes with {}", 800),
        ("article", "What {} costs and brings", 1000),
    )
    ideas = []
    for number in range(given.get("count", 1)):
        subject, turn = subjects[number % len(subjects)], number // len(subjects)
        structure, title, words = angles[(number + turn) % len(angles)]
        # After a subject has been seen from every side, only a number makes its titles distinct.
        edition = f", part {turn // len(angles) + 1}" if turn >= len(angles) else ""
        others = [other for other in subjects if other != subject]
        ideas.append(
            {
                "title": title.format(subject)[:1].upper() + title.format(subject)[1:] + edition,
                "description": f"Answers what people ask about {subject}, with examples and numbers.",
                "content_type": "post",
                "content_structure": structure,
                "target_keywords": [subject, *others[:2]],
                "estimated_word_count": words,
            }
        )
    return {"ideas": ideas}


def _content(given: dict[str, Json]) -> dict[str, Json]:
    title = str(given.get("title") or "An article")
    keywords = given.get("keywords") or [title]
    seed = hashlib.sha256(f"{title}|{given.get('generation', 1)}".encode()).digest()
    description = f"{keywords[0]}: what it costs, how to choose, the usual mistakes and the questions to ask."
    return {
        "title": title,
        "html": _article(keywords, int(given.get("word_count", 500)), int.from_bytes(seed[:4], "big")),
        "meta_title": title[:60],
        "meta_description": description[:160],
        "excerpt": f"What to know about {keywords[0]}, in plain words.",
        "primary_keyword": keywords[0],
        "secondary_keywords": keywords[1:],
        "tags": keywords[:3],
        "categories": [keywords[0].title()],
    }


def _article(keywords: list[str], target: int, seed: int) -> str:
    """Body HTML of at least `target` words: introduction, sections, questions."""
    parts: list[str] = []
    words = number = 0
    paragraph: list[str] = []
    while words < target or number < len(keywords):
        keyword = keywords[number % len(keywords)]
        if number and number % 8 == 0:
            heading = f"<h2>{keyword}, point {number // 8}</h2>"
            parts.append(heading)
            words += len(heading.split())
        sentence = _sentence(seed + number, keyword)
        paragraph.append(sentence)
        words += len(sentence.split())
        number += 1
        if number % 4 == 0:
            parts.append(f"<p>{' '.join(paragraph)}</p>")
            paragraph = []
    last = _sentence(seed + number, keywords[0])
    parts += [f"<p>{' '.join(paragraph)}</p>"] if paragraph else []
    parts += ["<h2>Frequently asked questions (FAQ)</h2>", "<h3>What comes first?</h3>", f"<p>{last}</p>"]
    return "\n".join(parts)


def _sentence(number: int, keyword: str) -> str:
    # The list lengths have no common divisor: the combinations repeat only after all 70,499 of them.
    opening, place, middle, ending = (
        pieces[number % len(pieces)] for pieces in (OPENINGS, PLACES, MIDDLES, ENDINGS)
    )
    return f"{opening} in {place}, {middle.format(keyword=keyword)} {ending}"


def _image_prompts(given: dict[str, Json]) -> dict[str, Json]:
    title = given.get("title", "the article")
    scenes = given.get("headings") or [title]
    prompts = [
        {
            "image_type": "featured",
            "prompt": f"Wide photograph of people at work on: {title}",
            "alt_text": f"People at work on {title}"[:120],
            "position": 0,
        }
    ]
    for number in range(given.get("in_article", 0)):
        scene = scenes[number % len(scenes)]
        prompts.append(
            {
                "image_type": "in_article",
                "prompt": f"Close view {number + 1} of a desk that shows: {scene}",
                "alt_text": f"A desk with papers about {scene}"[:120],
                "position": number,
            }
        )
    return {"prompts": prompts}


def vector(text: str, dimensions: int) -> list[float]:
    """A unit vector of the text's words and word beginnings: texts that share words lie near each other."""
    values = [0.0] * dimensions
    for word in re.findall(r"\w+", text.lower()):
        for piece, weight in ((word, 1.0), (word[:4], 0.5)):
            number = int.from_bytes(hashlib.sha256(piece.encode()).digest()[:8], "big")
            values[number % dimensions] += weight if number >> 63 else -weight
    length = math.sqrt(sum(value * value for value in values))
    if not length:
        return [1.0, *values[1:]]
    return [value / length for value in values]


def picture(prompt: str, width: int, height: int, kind: str = "PNG") -> bytes:
    """An image file that depends on the prompt alone: two colours running into each other and the text."""
    seed = hashlib.sha256(prompt.encode()).digest()
    first, second = Image.new("RGB", (1, 1), tuple(seed[:3])), Image.new("RGB", (1, 1), tuple(seed[3:6]))
    size = (width, height)
    image = Image.composite(
        first.resize(size),
        second.resize(size),
        Image.linear_gradient("L").rotate(seed[6] % 4 * 90).resize(size),
    )
    ImageDraw.Draw(image).text((16, 16), prompt[:100], fill="white")
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()
