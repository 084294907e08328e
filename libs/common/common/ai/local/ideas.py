"""Article ideas for a cluster: title patterns by structure, the keywords dealt out over the ideas."""

from __future__ import annotations

from collections.abc import Iterator

from common.ai.functions import ContentStructure, IdeaDraft, IdeasInput, IdeasOutput
from common.ai.local.seeds import seeded

_PATTERNS: tuple[tuple[ContentStructure, str, str, int], ...] = (
    ("guide", "{topic}: a practical guide", "Explains {topic} from the first question to the decision", 1200),
    (
        "how_to",
        "How to plan {topic} step by step",
        "Leads through {topic} in the order the work is done",
        1000,
    ),
    ("comparison", "{topic}: the options compared", "Sets the main options for {topic} side by side", 1100),
    (
        "listicle",
        "Mistakes to avoid with {topic}",
        "Lists what commonly goes wrong with {topic} and the remedy",
        900,
    ),
    (
        "article",
        "What {topic} really costs",
        "Shows which costs belong to {topic} and when they fall due",
        1000,
    ),
    (
        "review",
        "{topic} reviewed: strengths and limits",
        "Judges what {topic} does well and where it ends",
        1000,
    ),
    ("guide", "{topic} for beginners", "Introduces {topic} to readers who are new to the subject", 900),
    (
        "how_to",
        "How to choose {topic} with confidence",
        "Gives criteria for choosing {topic} and tests them",
        1000,
    ),
    (
        "article",
        "Questions to ask about {topic}",
        "Collects the questions to settle before going on with {topic}",
        800,
    ),
    (
        "article",
        "{topic}: what to expect in the first year",
        "Follows {topic} through its first twelve months",
        1100,
    ),
    ("listicle", "A checklist for {topic}", "Turns {topic} into a list that can be worked through", 800),
    (
        "comparison",
        "{topic} or doing without: a fair look",
        "Weighs {topic} against leaving things as they are",
        1000,
    ),
    (
        "article",
        "Signs that {topic} is the right choice",
        "Describes when {topic} fits and when it does not",
        900,
    ),
    (
        "guide",
        "The paperwork behind {topic}",
        "Explains which records and agreements belong to {topic}",
        1000,
    ),
    (
        "how_to",
        "How to measure the results of {topic}",
        "Shows which figures tell whether {topic} works",
        1000,
    ),
)


def ideas(input: IdeasInput) -> IdeasOutput:
    """Exactly `count` ideas with distinct titles; together they target every keyword of the cluster."""
    keywords = list(dict.fromkeys(input.keywords)) or [input.cluster_name]
    random = seeded("ideas", input.cluster_name, sorted(keywords), input.language)
    topics = list(dict.fromkeys([input.cluster_name, *random.sample(keywords, len(keywords))]))
    drafts: dict[str, IdeaDraft] = {}
    for topic, (structure, title, description, word_count) in _combinations(
        topics, random.sample(_PATTERNS, len(_PATTERNS))
    ):
        if len(drafts) == input.count:
            break
        heading = _capitalised(title.format(topic=topic))
        if heading.casefold() in drafts:
            continue
        targets = [topic] if topic in keywords else []
        # Every count-th keyword belongs to this idea: all of them are covered, whatever the count.
        targets += [keyword for keyword in keywords[len(drafts) :: input.count] if keyword not in targets]
        drafts[heading.casefold()] = IdeaDraft(
            title=heading,
            description=f"{description.format(topic=topic)}; covers {', '.join(targets or keywords[:1])}.",
            content_type="post",
            content_structure=structure,
            target_keywords=targets or keywords[:1],
            estimated_word_count=word_count,
        )
    return IdeasOutput(ideas=list(drafts.values()))


def _combinations(
    topics: list[str], patterns: list[tuple[ContentStructure, str, str, int]]
) -> Iterator[tuple[str, tuple[ContentStructure, str, str, int]]]:
    """Every topic with every pattern, neighbours differing in both; numbered topics when those run out."""
    edition = 1
    while True:
        for shift in range(len(patterns)):
            for number, topic in enumerate(topics):
                pattern = patterns[(number + shift) % len(patterns)]
                yield (topic if edition == 1 else f"{topic}, part {edition}"), pattern
        edition += 1


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
