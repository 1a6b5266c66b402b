"""What is odd about pairs: sides that are empty, copied, too long or in another language, pairs that come again."""

from __future__ import annotations

import math
import statistics
import unicodedata
from collections.abc import Iterator, Sequence

from nlpkit.data.files import Problem
from nlpkit.data.filters import copied, html, other_language, plain
from nlpkit.data.languages import Identify, sides
from nlpkit.data.rows import PairRow, control
from nlpkit.errors import counted
from nlpkit.text.normalize import nfc

_LONG = 20  # characters: the ratio of shorter texts says nothing,
_LEAST = 20  # and neither does what is usual in so few pairs
_TIMES = 3.0  # a pair is odd where its ratio of lengths is so many times the usual one,
_WIDTH = 4.0  # and so many standard deviations from it


def problems(where: str, rows: Sequence[PairRow], identify: Identify | None = None) -> Iterator[Problem]:
    """Warnings about one file: one of a kind, with its count and its first line."""
    if any(row.target is not None for row in rows):
        none = [row for row in rows if not (row.text.strip() and (row.target or "").strip())]
        yield from _problem(where, "empty-side", none, "are", "empty on a side", _drop("shortest: 1"))
        yield from _ratios(where, rows)
        same = [row for row in rows if row.text.strip() and copied(row)]
        fix = "names may stay; " + _drop("copies: true")
        yield from _problem(where, "copy", same, "have", "two equal sides", fix)
        yield from _repeated(where, rows)
    tags = [(row, tag) for row in rows if (tag := next(filter(None, (html(text) for text, _ in sides(row))), ""))]
    held, more = [row for row, _ in tags], f": `{tags[0][1]}`" if tags else ""
    yield from _problem(where, "html", held, "hold", "HTML", _drop("html: true"), more)
    signs = [row for row in rows if any(control(text) for text, _ in sides(row))]
    yield from _problem(where, "control", signs, "hold", "a control character", "write a blank for it")
    if identify is not None and (odd := other_language(rows, identify)):
        own, found = next(iter(odd.values()))
        what = "a side that is not in its language"
        bad, more = [rows[at] for at in odd], f": `{found}`, not `{own}`"
        yield from _problem(where, "other-language", bad, "have", what, "look at them; " + _drop("lang: true"), more)


def _drop(key: str) -> str:
    return f"to drop them: transforms: [{{filter: {{{key}}}}}]"


def _problem(
    where: str,
    code: str,
    rows: Sequence[PairRow],
    verb: str,
    what: str,
    fix: str,
    more: str = "",
    of: int | None = None,
) -> Iterator[Problem]:
    """One warning about rows, where there are any."""
    if rows:
        line = rows[0].line
        text = f"{counted(len(rows), 'pair', verb, of=of)} {what}, first that of line {line}{more}"
        yield Problem(where, line, code, text, fix, warning=True)


def _ratios(where: str, rows: Sequence[PairRow]) -> Iterator[Problem]:
    """Pairs whose lengths, in characters, differ far more than is usual in the file (median and its deviation)."""
    found = [
        (row, math.log(len(row.target.strip()) / len(row.text.strip())))
        for row in rows
        if row.target and row.target.strip() and row.text.strip() and max(len(row.text), len(row.target)) >= _LONG
    ]
    if len(found) < _LEAST:
        return
    usual = statistics.median(ratio for _, ratio in found)
    deviation = 1.4826 * statistics.median(abs(ratio - usual) for _, ratio in found)  # of a normal distribution
    odd = [row for row, ratio in found if abs(ratio - usual) > max(math.log(_TIMES), _WIDTH * deviation)]
    what = f"sides whose lengths do not go together (usual is {math.exp(usual):.2f} characters to 1)"
    yield from _problem(where, "length-ratio", odd, "have", what, "are they translations? " + _drop("ratio: 3"))


def _repeated(where: str, rows: Sequence[PairRow]) -> Iterator[Problem]:
    """Pairs that come again, and sources that come again with another target."""
    pairs: set[tuple[str, ...]] = set()
    sources: set[tuple[str, ...]] = set()
    again: list[PairRow] = []
    other: list[PairRow] = []
    for row in rows:
        if row.target is None:
            continue
        source = (plain(row.text), row.lang, row.target_lang)
        pair = (*source, plain(row.target))
        if pair in pairs:
            again.append(row)
        elif source in sources:
            other.append(row)
        pairs.add(pair)
        sources.add(source)
    yield from _problem(where, "repeated", again, "repeat", "an earlier one", _drop("duplicates: true"))
    fix = "no fault in training rows; in test rows they are `references`"
    yield from _problem(where, "other-target", other, "have", "the source of an earlier one and another target", fix)


def across(files: Sequence[tuple[str, Sequence[PairRow]]]) -> Iterator[tuple[str, Problem]]:
    """(file, warning) where a side of a pair stands in an earlier file too: a score on it says little.

    Compared are letters, marks and digits without case, sources and targets of one language in one pool.
    """
    known: list[tuple[str, set[tuple[str, str]]]] = []
    for where, rows in files:
        names = [_names(row) for row in rows]
        for other, before in known:
            shared = [row for row, own in zip(rows, names, strict=True) if not own.isdisjoint(before)]
            what, fix = f"a side that stands in `{other}` too", "leave them out of one split"
            for problem in _problem(where, "overlap", shared, "have", what, fix, of=len(rows)):
                yield where, problem
        known.append((where, set().union(*names)))


def _names(row: PairRow) -> set[tuple[str, str]]:
    """What the sides are known by, each with its language; empty ones have no name."""
    targets = [row.target or "", *row.references]
    texts = [(row.lang, row.text), *((row.target_lang, text) for text in targets)]
    return {(lang.partition("_")[0], name) for lang, text in texts if (name := _name(text))}


def _name(text: str) -> str:
    return "".join(char for char in nfc(text).casefold() if unicodedata.category(char)[0] in "LMN")
