"""Tables of translations: from a lexicon, from vectors in one space, or learned from sentences and their translations.

A table gives for an n-gram (lower-cased words, blanks between) its translations with a score, best first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from nlpkit.data.files import Problem, Strictly, read_lines
from nlpkit.engine.vectors import read as read_vectors
from nlpkit.errors import InputError
from nlpkit.text.normalize import nfc

Table = dict[str, list[tuple[str, float]]]
_BLOCK = 2048  # rows of a matrix of similarities at once


def lexicon(path: str) -> Table:
    """``word TAB translation|translation``, best first: the score of rank r is 1 / r. Raises InputError.

    Words are compared in lower case and NFC; what later lines say of a word ranks after the earlier ones.
    """
    said: dict[str, list[str]] = {}
    report = Strictly()
    for number, line in read_lines(path, report):
        if not line.strip():
            continue
        word, tab, rest = line.partition("\t")
        choices = [part.strip() for part in rest.split("\t")[0].split("|") if part.strip()]
        if not tab or not word.strip() or not choices:
            report(Problem(path, number, "lexicon", "no word and translation", "write WORD, a tab, TRANSLATION|..."))
            continue
        known = said.setdefault(" ".join(nfc(word).lower().split()), [])
        known += [choice for choice in choices if choice not in known]
    return {word: [(choice, 1 / rank) for rank, choice in enumerate(known, 1)] for word, known in said.items()}


def from_vectors(source: str, target: str, *, limit: int = 50000, neighbors: int = 5, least: float = 0.3) -> Table:
    """The nearest words of two files of vectors in one space (word2vec's text format), scored by CSLS.

    Of a word's forms the one in lower case counts, or else the first. Raises InputError.
    """
    words, ours = read_vectors(source, limit)
    others, theirs = read_vectors(target, limit)
    if ours.shape[1] != theirs.shape[1]:
        what = f"`{source}` has {ours.shape[1]} numbers a word, `{target}` {theirs.shape[1]}"
        raise InputError(what, "take vectors of one space")
    kept: dict[str, int] = {}
    for at, word in enumerate(words):
        low = nfc(word).lower()
        if low not in kept or (word == low and words[kept[low]] != low):
            kept[low] = at
    return nearest(list(kept), ours[list(kept.values())], others, theirs, neighbors=neighbors, least=least)


def learned(
    pairs: Sequence[tuple[Sequence[str], Sequence[str]]],
    *,
    longest: int = 1,
    count: int = 3,
    width: int = 200,
    neighbors: int = 5,
    least: float = 0.3,
) -> Table:
    """Translations from vectors of n-grams of both languages in one space, learned from sentences in both.

    An n-gram is known by the sentences that it stands in, reduced by SVD (inverted indexing, Søgaard et al., 2015);
    those that stand in fewer than ``count`` are left out. Their order says nothing.
    """
    from scipy.sparse import csr_matrix
    from sklearn.decomposition import TruncatedSVD

    pairs = sorted((list(first), list(second)) for first, second in pairs)
    sides = []
    for side in (0, 1):
        seen: Counter[str] = Counter()
        rows = [sorted(_grams([word.lower() for word in pair[side]], longest)) for pair in pairs]
        for row in rows:
            seen.update(row)
        kept = {gram: at for at, gram in enumerate(sorted(gram for gram, times in seen.items() if times >= count))}
        sides.append((rows, kept))
    sizes = [len(kept) for _, kept in sides]
    if not all(sizes):
        return {}
    entries = [
        (kept[gram] + offset, number)
        for (rows, kept), offset in zip(sides, (0, sizes[0]), strict=True)
        for number, row in enumerate(rows)
        for gram in row
        if gram in kept
    ]
    places = np.array(entries).T
    matrix = csr_matrix((np.ones(len(entries)), (places[0], places[1])), shape=(sum(sizes), len(pairs)))
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(1)).ravel())
    weights = 1 / np.log2(2 + np.asarray(matrix.sum(0)).ravel())  # long sentences tell less
    matrix = csr_matrix(matrix.multiply(1 / lengths[:, None]).multiply(weights[None]))
    width = min(width, min(matrix.shape) - 1)
    with np.errstate(divide="ignore", invalid="ignore"):  # of pairs that are all alike nothing varies
        vectors = TruncatedSVD(width, random_state=0).fit_transform(matrix)
    names = [list(kept) for _, kept in sides]
    return nearest(
        names[0], vectors[: sizes[0]], names[1], vectors[sizes[0] :], neighbors=neighbors, least=least, same_length=True
    )


def _grams(words: Sequence[str], longest: int) -> set[str]:
    return {
        " ".join(words[start : start + size])
        for size in range(1, longest + 1)
        for start in range(len(words) - size + 1)
        if all(word[0].isalpha() for word in words[start : start + size])
    }


def nearest(
    words: Sequence[str], ours: np.ndarray, others: Sequence[str], theirs: np.ndarray, *, neighbors: int, least: float,
    same_length: bool = False,
) -> Table:  # fmt: skip
    """For each word the ``neighbors`` of highest CSLS (Conneau et al., 2018), 10 neighbors, of cosine ``least``.

    With ``same_length`` a phrase is not explained by one word, nor a word by a phrase of more than two.
    """
    a, b = _unit(ours), _unit(theirs)
    dense_b = _density(b, a)
    dense_a = _density(a, b)
    lengths = np.array([name.count(" ") + 1 for name in others])
    found: Table = {}
    for start in range(0, len(words), _BLOCK):
        cosine = a[start : start + _BLOCK] @ b.T
        scores = 2 * cosine - dense_a[start : start + _BLOCK, None] - dense_b[None]
        if same_length:
            own = np.array([name.count(" ") + 1 for name in words[start : start + _BLOCK]])
            scores = np.where(np.abs(lengths[None] - own[:, None]) <= 1, scores, -np.inf)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :neighbors]
        for row, columns in enumerate(best.tolist()):
            choices = [
                (others[column], round(float(scores[row, column]), 4))
                for column in columns
                if cosine[row, column] >= least and np.isfinite(scores[row, column])
            ]
            if choices:
                found[words[start + row]] = choices
    return found


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def _density(a: np.ndarray, b: np.ndarray, count: int = 10) -> np.ndarray:
    """The mean cosine of each row of ``a`` with its ``count`` nearest rows of ``b``."""
    count = min(count, len(b))
    parts = [
        np.sort(np.partition(a[start : start + _BLOCK] @ b.T, -count, axis=1)[:, -count:]).mean(1)
        for start in range(0, len(a), _BLOCK)
    ]
    return np.concatenate(parts)
