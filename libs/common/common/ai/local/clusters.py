"""Topic clusters of keywords: TF-IDF on word and character n-grams, average-linkage clustering on cosine distance."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from common.ai.functions import ClusterDraft, ClusterInput, ClusterOutput
from common.ai.text import words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CUT = 0.72
"""Cosine distance above which two groups stay apart. On the keyword lists the product was made with this gives
topics of 3 to 15 keywords; at 0.6 most keywords stay alone, at 0.85 one topic swallows half of a list."""
_NEAR = 0.80
"""A keyword left alone joins the nearest cluster up to this distance, else it stays unclustered."""
_WORD_WEIGHT = 0.6
"""Words say more about a topic than letters; letters still join plurals, spellings and unspaced scripts."""
_STOP = frozenset(
    words(
        "a an and are as at be by can do does for from how i in is it my of on or should that the their this to vs "
        "what when where which who why will with you your di dan untuk yang dengan ke dari pada"
    )
)
_IDEOGRAPHS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")


def cluster(input: ClusterInput) -> ClusterOutput:
    """The clusters of the keywords; the order of the input does not matter. 5,000 take about 7 s and 700 MB."""
    keywords = sorted(set(input.keywords))
    if len(keywords) < 2:
        return ClusterOutput(clusters=[], unclustered=keywords)
    distances = _distances(keywords)
    groups, alone = _groups(distances)
    names = _names([[keywords[index] for index in group] for group in groups], keywords)
    clusters = [
        ClusterDraft(name=name, description=_describe(name, members), keywords=members)
        for name, members in zip(names, ([keywords[i] for i in group] for group in groups), strict=True)
    ]
    clusters.sort(key=lambda draft: (-len(draft.keywords), draft.name))
    return ClusterOutput(clusters=clusters, unclustered=[keywords[index] for index in alone])


def _normal(keyword: str) -> str:
    return unicodedata.normalize("NFKC", keyword).casefold()


def _tokens(keyword: str) -> list[str]:
    """Content words with plural endings cut; for unspaced scripts also the pairs of characters."""
    found = words(_normal(keyword))
    pairs = [a + b for a, b in pairwise(found) if _IDEOGRAPHS.match(a) and _IDEOGRAPHS.match(b)]
    content = [word for word in found if word not in _STOP and not _IDEOGRAPHS.match(word)]
    return [re.sub(r"(?<=\w{3})(?:ies|es|s)$", "", word) for word in content] + pairs or found


def _distances(keywords: list[str]) -> NDArray[np.float32]:
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    # The stubs of scikit-learn are incomplete: its classes are untyped for the checker.
    vectorized: Any = TfidfVectorizer
    by_words = vectorized(analyzer=_tokens, sublinear_tf=True)
    by_letters = vectorized(
        preprocessor=lambda keyword: " ".join(_tokens(keyword)),
        analyzer="char_wb",
        ngram_range=(2, 4),
        sublinear_tf=True,
    )
    similarity = np.zeros((len(keywords), len(keywords)), dtype=np.float32)
    for vectorizer, weight in ((by_words, _WORD_WEIGHT), (by_letters, 1 - _WORD_WEIGHT)):
        try:
            matrix: Any = vectorizer.fit_transform(keywords).astype(np.float32)
        except ValueError:  # no word in any keyword: only punctuation
            continue
        similarity += weight * (matrix @ matrix.T).toarray()
    distances = np.clip(1 - similarity, 0, 1)
    # Equal up to rounding must be equal: ties are then broken by the sorted order alone.
    return np.round(distances, 5).astype(np.float32)


def _groups(distances: NDArray[np.float32]) -> tuple[list[list[int]], list[int]]:
    """Index groups of at least two, and the indices that fit nowhere."""
    import numpy as np
    from sklearn.cluster import AgglomerativeClustering

    clustering: Any = AgglomerativeClustering
    model = clustering(n_clusters=None, metric="precomputed", linkage="average", distance_threshold=_CUT)
    members: dict[int, list[int]] = defaultdict(list)
    for index, label in enumerate(model.fit_predict(distances)):
        members[int(label)].append(index)
    groups = [group for group in members.values() if len(group) > 1]
    cores = [np.array(group) for group in groups]
    alone = []
    for (index,) in (group for group in members.values() if len(group) == 1):
        nearest = min(
            ((float(distances[index, core].mean()), number) for number, core in enumerate(cores)),
            default=(1.0, -1),
        )
        if nearest[0] <= _NEAR:
            groups[nearest[1]].append(index)
        else:
            alone.append(index)
    return sorted(sorted(group) for group in groups), sorted(alone)


def _names(groups: list[list[str]], keywords: list[str]) -> list[str]:
    """A distinct name per group: the phrase most of its members share and other groups share least."""
    everywhere = Counter(phrase for keyword in keywords for phrase in _phrases(keyword))
    taken: set[str] = set()
    names = []
    for group in groups:
        within = Counter(phrase for keyword in group for phrase in _phrases(keyword))
        best = sorted(
            within,
            key=lambda phrase: (
                # The share of the group, the share of the phrase's occurrences, and a longer phrase says more.
                -(within[phrase] / len(group))
                * (within[phrase] / everywhere[phrase]) ** 0.5
                * len(phrase) ** 0.3,
                phrase,
            ),
        )
        candidates = [*best, *sorted(map(_normal, group), key=lambda keyword: (len(keyword), keyword))]
        number = 2
        name = next((phrase for phrase in candidates if phrase not in taken), "")
        while not name:
            numbered = f"{candidates[0]} {number}"
            name, number = ("" if numbered in taken else numbered), number + 1
        taken.add(name)
        names.append(_title(name, group))
    return names


def _phrases(keyword: str) -> set[str]:
    """One to three neighbouring words that neither start nor end with a stop word."""
    found = words(_normal(keyword))
    separator = "" if found and _IDEOGRAPHS.match(found[0]) else " "
    runs = (found[start : start + size] for size in (1, 2, 3) for start in range(len(found) - size + 1))
    phrases = {separator.join(run) for run in runs if run[0] not in _STOP and run[-1] not in _STOP}
    return {phrase for phrase in phrases if len(phrase) > 1} or {_normal(keyword)}


def _title(name: str, group: list[str]) -> str:
    """`name` as its words are written in the keywords (SEO stays SEO), other words capitalised."""
    written = {
        word.casefold(): word for keyword in group for word in words(keyword) if word != word.casefold()
    }
    return " ".join(written.get(word, word[:1].upper() + word[1:]) for word in name.split())


def _describe(name: str, members: list[str]) -> str:
    examples = sorted(members, key=lambda keyword: (len(keyword), keyword))[:3]
    rest = len(members) - len(examples)
    return f"{name}: {', '.join(examples)}" + (f" and {rest} more" if rest else "") + "."
