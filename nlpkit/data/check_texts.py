"""What is odd about texts with labels: names of labels, texts that contradict each other, copies in another split."""

from __future__ import annotations

import difflib
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from nlpkit.data.files import Problem
from nlpkit.data.overlap import key
from nlpkit.data.rows import BAR, TextRow
from nlpkit.errors import counted
from nlpkit.text.normalize import nfc

_RARE = 10  # a label is taken for a typo only where another one stands so many times as often
_NOISE = re.compile(r"https?://\S+|@\w+|[^\w\s]|_")
_GRAM = 5  # characters
_HASHES, _BANDS = 64, 16
_CROWD = 50  # texts of one bucket that are looked at: more are all copies of each other
NEAR = 0.8  # share of n-grams that two near copies have in common


def problems(where: str, rows: Sequence[TextRow]) -> Iterator[Problem]:
    """Warnings about one file."""
    yield from _empty(where, rows)
    yield from _typos(where, rows)
    yield from _contradictions(where, rows)


def _empty(where: str, rows: Sequence[TextRow]) -> Iterator[Problem]:
    bare = [row for row in rows if not row.whole.strip()]
    if bare:
        what = f"{counted(len(bare), 'text', 'are')} empty, first that of line {bare[0].line}"
        yield Problem(where, bare[0].line, "empty-text", what, "nothing can be learned or told of them", warning=True)


def _typos(where: str, rows: Sequence[TextRow]) -> Iterator[Problem]:
    """Rare labels whose names are nearly those of frequent ones."""
    counts = Counter(label for row in rows for label in row.labels or ())
    first: dict[str, int] = {}
    for row in rows:
        for label in row.labels or ():
            first.setdefault(label, row.line)
    for label, count in sorted(counts.items()):
        for other in sorted(counts, key=lambda name: -counts[name]):
            if other == label or counts[other] < count or (counts[other] == count and other > label):
                continue
            same = _plain(other) == _plain(label) != ""
            if same or (counts[other] >= _RARE * count and _alike(label, other)):
                what = f"the label `{label}` ({counted(count, 'text')}) looks like `{other}` ({counts[other]})"
                fix = f"one label? rename: {{{label}: {other}}}"
                yield Problem(where, first[label], "label-typo", what, fix, warning=True)
                break


def _plain(label: str) -> str:
    return re.sub(r"[\s_-]+", "", nfc(label).casefold())


def _alike(a: str, b: str) -> bool:
    """One letter too many, missing or wrong; not ``irony`` and ``non_irony``, nor ``class1`` and ``class2``."""
    a, b = _plain(a), _plain(b)
    if min(len(a), len(b)) < 4 or abs(len(a) - len(b)) > 1:
        return False
    changes = [op for op in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes() if op[0] != "equal"]
    changed = "".join(a[i:j] + b[k:m] for _, i, j, k, m in changes)
    swapped = len(a) == len(b) and sorted(a) == sorted(b) and sum(x != y for x, y in zip(a, b, strict=True)) == 2
    return swapped or (len(changed) <= 2 and not any(char.isdigit() for char in changed))


def _contradictions(where: str, rows: Sequence[TextRow]) -> Iterator[Problem]:
    """Equal texts with different labels."""
    seen: dict[str, TextRow] = {}
    found: list[tuple[TextRow, TextRow]] = []
    for row in rows:
        if row.labels is None or not row.whole.strip():
            continue
        before = seen.setdefault(key(row.tokens), row)
        if set(before.labels or ()) != set(row.labels):
            found.append((before, row))
    if found:
        a, b = found[0]
        labels = f"`{_named(b)}` here and `{_named(a)}` on line {a.line}"
        what = f"{counted(len(found), 'text', 'stand')} with other labels too, first {labels}"
        yield Problem(where, b.line, "contradiction", what, "decide for one label", warning=True)


def _named(row: TextRow) -> str:
    return BAR.join(row.labels or ())


def across(files: Sequence[tuple[str, Sequence[TextRow]]]) -> Iterator[tuple[str, Problem]]:
    """(file, warning) where texts of a file are, nearly, in an earlier file too: a score on them says little."""
    for at, (where, rows) in enumerate(files):
        for other, before in files[:at]:
            pairs = near(before, rows)
            if not pairs:
                continue
            row, copy, share = pairs[0]
            exact = sum(key(a.tokens) == key(b.tokens) for a, b, _ in pairs)
            what = (
                f"{counted(len(pairs), 'text', 'are', of=len(rows))} nearly (or, {exact}, quite) in `{other}` too, "
                f"first the one of line {copy.line} there ({share:.0%} alike)"
            )
            yield where, Problem(where, row.line, "near-copy", what, "leave them out of one split", warning=True)


def near(first: Sequence[TextRow], second: Sequence[TextRow]) -> list[tuple[TextRow, TextRow, float]]:
    """(row of ``second``, its copy in ``first``, similarity) where two texts share 80 % of their n-grams.

    The similarity is Jaccard's over n-grams of five characters, without case, punctuation, names and addresses.
    Candidates are found by MinHash (Broder, 1997) in 16 bands of 4: of pairs just at 80 %
    two in ten thousand are missed.
    """
    buckets: dict[tuple[int, bytes], list[int]] = {}
    grams = [_grams(row.whole) for row in first]
    for number, own in enumerate(grams):
        for band in _bands(own):
            buckets.setdefault(band, []).append(number)
    found = []
    for row in second:
        own = _grams(row.whole)
        best, share = -1, 0.0
        for number in sorted({number for band in _bands(own) for number in buckets.get(band, ())[:_CROWD]}):
            alike = len(own & grams[number]) / len(own | grams[number])
            if alike > share:
                best, share = number, alike
        if share >= NEAR:
            found.append((row, first[best], share))
    return found


def _grams(text: str) -> frozenset[int]:
    plain = " ".join(_NOISE.sub(" ", nfc(text).casefold()).split())
    if len(plain) < 2 * _GRAM:  # too short to be copied rather than said again
        return frozenset()
    return frozenset(zlib.crc32(plain[at : at + _GRAM].encode()) for at in range(len(plain) - _GRAM + 1))


@cache
def _factors() -> Any:
    """(64) odd numbers that each make a hash of their own."""
    import numpy as np

    return np.random.default_rng(12345).integers(1, 1 << 61, _HASHES, dtype=np.uint64) | np.uint64(1)


def _bands(grams: frozenset[int]) -> list[tuple[int, bytes]]:
    import numpy as np

    if not grams:
        return []
    values = np.fromiter(grams, np.uint64, len(grams))
    least = ((values[:, None] * _factors()) >> np.uint64(32)).min(0).astype(np.uint32)
    size = _HASHES // _BANDS
    return [(band, least[band * size : (band + 1) * size].tobytes()) for band in range(_BANDS)]
