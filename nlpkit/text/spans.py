"""Tag schemes for spans: IOB1, IOB2, IOBES, BILOU.

Inside nlpkit tags are IOB2: ``B-X`` opens an entity of type X, ``I-X`` continues it, ``O`` is outside.
IOB1 is Ramshaw and Marcus (1995), IOB2 Tjong Kim Sang and Veenstra (1999), IOBES and BILOU mark the last
and the lone token too (Ratinov and Roth, 2009).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

SCHEMES = ("iob1", "iob2", "iobes", "bilou")
_PREFIXES = {"iob1": ("B", "I"), "iob2": ("B", "I"), "iobes": tuple("BIES"), "bilou": tuple("BILU")}
_TO_IOB2 = {"B": "B", "I": "I", "E": "I", "S": "B", "L": "I", "U": "B"}


class Span(NamedTuple):
    """Tokens ``start`` (inclusive) to ``end`` (exclusive) are an entity of type ``label``."""

    label: str
    start: int
    end: int


def split(tag: str) -> tuple[str, str]:
    """``B-creative-work`` -> ``("B", "creative-work")``; ``O`` -> ``("O", "")``."""
    prefix, _, label = tag.partition("-")
    return prefix, label


def detect(rows: Iterable[Sequence[str]]) -> str:
    """The scheme of a corpus, by the majority of what tells two schemes apart.

    E- and S- speak for IOBES, L- and U- for BILOU; between IOB1 and IOB2 it is how entities mostly open.
    """
    marks: Counter[str] = Counter()
    opens_i = opens_b = 0
    for tags in rows:
        before = ""
        for tag in tags:
            prefix, label = split(tag)
            if label:
                marks[prefix] += 1
            opens_b += prefix == "B"
            opens_i += prefix == "I" and before != label
            before = label
    ends = {"iobes": marks["E"] + marks["S"], "bilou": marks["L"] + marks["U"]}
    best = max(ends, key=lambda name: ends[name])
    # every entity of these two has an end or stands alone; a stray S- among many B- is a slip
    if 2 * ends[best] > marks["B"]:
        return best
    return "iob1" if opens_i > opens_b else "iob2"


def fault(before: str, tag: str, scheme: str) -> str:
    """Why ``tag`` may not stand after ``before`` (``O`` at the start), or the empty string."""
    prefix, label = split(tag)
    if tag == "O":
        prefix = "O"
    elif not label or prefix not in _PREFIXES[scheme]:
        return f"`{tag}` is no {scheme.upper()} tag"
    last, last_label = split(before)
    if scheme == "iob1":
        wrong = prefix == "B" and last_label != label
        return f"`{tag}` after `{before}`: IOB1 uses B- only between two entities of one type" if wrong else ""
    inside = prefix in ("I", "E", "L")
    if scheme == "iob2":
        return f"`{tag}` after `{before}` opens an entity without B-" if inside and last_label != label else ""
    open_before = last in ("B", "I")
    if inside and not (open_before and last_label == label):
        return f"`{tag}` after `{before}` continues nothing"
    if not inside and open_before:
        return f"`{tag}` after `{before}` leaves an entity without its end"
    return ""


def faults(tags: Sequence[str], scheme: str) -> list[tuple[int, str]]:
    """Every illegal move in a row: (position, what)."""
    found = []
    before = "O"
    for number, tag in enumerate(tags):
        if what := fault(before, tag, scheme):
            found.append((number, what))
        before = tag
    if scheme in ("iobes", "bilou") and split(before)[0] in ("B", "I"):
        found.append((len(tags) - 1, f"`{before}` at the end leaves an entity without its end"))
    return found


def to_iob2(tags: Sequence[str], scheme: str) -> list[str]:
    """Rewrite tags as IOB2. An illegal move stays one (``mend`` repairs it)."""
    if scheme == "iob2":
        return list(tags)
    result = []
    before = ""
    for tag in tags:
        prefix, label = split(tag)
        if not label:
            result.append("O")
        elif scheme == "iob1":
            result.append(f"{'B' if prefix == 'B' or before != label else 'I'}-{label}")
        else:
            result.append(f"{_TO_IOB2.get(prefix, prefix)}-{label}")
        before = label
    return result


def mend(tags: Sequence[str]) -> list[str]:
    """IOB2 with every I- that opens an entity turned into B-."""
    return to_iob2(tags, "iob1")


def to_spans(tags: Sequence[str], *, strict: bool = True) -> list[Span]:
    """Entities of IOB2 ``tags``.

    Strict: an entity opens with B- only, an I- that continues nothing is no entity (seqeval, mode strict).
    Lenient: such an I- opens an entity (conlleval).
    """
    found: list[Span] = []
    start, label = -1, ""
    for number, tag in enumerate((*tags, "O")):
        prefix, new = split(tag)
        if prefix == "I" and start >= 0 and new == label:
            continue
        if start >= 0:
            found.append(Span(label, start, number))
            start = -1
        if prefix == "B" or (prefix == "I" and not strict):
            start, label = number, new
    return found


def from_spans(spans: Iterable[Span], length: int) -> list[str]:
    """IOB2 tags of ``length`` tokens. Raises ValueError where two spans overlap."""
    tags = ["O"] * length
    for label, start, end in spans:
        if any(tag != "O" for tag in tags[start:end]):
            raise ValueError(f"{label} at tokens {start}-{end} overlaps another entity")
        for number in range(start, end):
            tags[number] = f"{'B' if number == start else 'I'}-{label}"
    return tags


def from_iob2(tags: Sequence[str], scheme: str) -> list[str]:
    """Write legal IOB2 tags in another scheme."""
    if scheme == "iob2":
        return list(tags)
    marks = {"iobes": "BIES", "bilou": "BILU"}
    result = ["O"] * len(tags)
    last: Span | None = None
    for span in to_spans(tags, strict=False):
        for number in range(span.start, span.end):
            first, final = number == span.start, number == span.end - 1
            if scheme == "iob1":
                touches = last is not None and last.end == span.start and last.label == span.label
                mark = "B" if first and touches else "I"
            else:
                opening, inner, closing, lone = list(marks[scheme])
                mark = lone if first and final else opening if first else closing if final else inner
            result[number] = f"{mark}-{span.label}"
        last = span
    return result
