"""Pairs that are dropped before training, and what is odd about a pair."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from nlpkit.config.recipe import Filter
from nlpkit.data.languages import Identify, in_other_language, in_other_script, sides
from nlpkit.data.rows import PairRow
from nlpkit.errors import InputError
from nlpkit.text.normalize import nfc

_HTML = re.compile(
    r"&(?:amp|lt|gt|quot|apos|nbsp|#[0-9]+|#x[0-9a-f]+);"
    r"|</?(?:a|b|br|code|div|em|font|h[1-6]|i|img|li|p|pre|small|span|strong|sub|sup|table|td|tr|u|ul)(?:\s+[\w-]+\s*=[^<>]*|\s*/)?>",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """In NFC, with one blank for each run of them."""
    return " ".join(nfc(text).split())


def copied(row: PairRow) -> bool:
    """Whether source and target are equal but for case and blanks."""
    return row.target is not None and plain(row.text).casefold() == plain(row.target).casefold()


def html(text: str) -> str:
    """The first tag or entity of HTML in the text, or the empty string."""
    found = _HTML.search(text)
    return found[0] if found else ""


def in_common(row: PairRow) -> float:
    """The share of a pair's different words, but for case, that stand on both sides (Jaccard, 1901); 0 to 1."""
    ours, theirs = ({*text.casefold().split()} for text in (row.text, row.target or ""))
    return len(ours & theirs) / max(1, len(ours | theirs))


def apply(
    rows: Sequence[PairRow], spec: Filter, identify: Identify | None = None
) -> tuple[list[PairRow], dict[str, int]]:
    """The pairs that ``spec`` keeps, in their order, and how many were dropped for each reason.

    A pair counts under its first reason, in this order: shortest, longest, ratio, copies, overlap, html, script,
    duplicates, lang. Reasons that dropped none are left out. A missing target is a side without words, unless no row
    has a target: then there is only one side. ``identify`` is needed for ``lang``; InputError where it is not there.
    """
    if spec.lang and identify is None:
        raise InputError("`filter: {lang: true}` needs a model that names languages", "none ships here: leave it out")
    tests = list(_tests(spec, paired=any(row.target is not None for row in rows)))
    dropped: Counter[str] = Counter()
    kept: list[PairRow] = []
    for row in rows:
        reason = next((name for name, test in tests if test(row)), None)
        if reason is None:
            kept.append(row)
        else:
            dropped[reason] += 1
    if spec.lang and identify is not None:
        odd = other_language(kept, identify)
        dropped["lang"] += len(odd)
        kept = [row for at, row in enumerate(kept) if at not in odd]
    return kept, {name: dropped[name] for name in type(spec).model_fields if dropped[name]}


def other_language(rows: Sequence[PairRow], identify: Identify) -> dict[int, tuple[str, str]]:
    """Place of a row -> (the language that a side of it is said to be in, the one it is found to be in)."""
    asked = [(at, text, lang) for at, row in enumerate(rows) for text, lang in sides(row)]
    answers = in_other_language([text for _, text, _ in asked], [lang for _, _, lang in asked], identify)
    odd: dict[int, tuple[str, str]] = {}
    for (at, _, lang), found in zip(asked, answers, strict=True):
        if found:
            odd.setdefault(at, (lang, found))
    return odd


def _tests(spec: Filter, *, paired: bool) -> Iterator[tuple[str, Callable[[PairRow], bool]]]:
    """(reason, whether a row is dropped for it), in their order."""
    shortest, longest, ratio = spec.shortest, spec.longest, spec.ratio

    def texts(row: PairRow) -> list[str]:
        return [row.text, row.target or ""] if paired else [row.text]

    if shortest is not None:
        yield "shortest", lambda row: any(len(text.split()) < shortest for text in texts(row))
    if longest is not None:
        yield "longest", lambda row: any(len(text.split()) > longest for text in texts(row))
    if ratio is not None and paired:
        yield "ratio", lambda row: max(sizes := [len(text.strip()) for text in texts(row)]) > ratio * min(sizes)
    if spec.copies:
        yield "copies", copied
    if (most := spec.overlap) is not None and paired:
        yield "overlap", lambda row: in_common(row) > most
    if spec.html:
        yield "html", lambda row: any(map(html, texts(row)))
    if spec.script:
        yield "script", lambda row: any(in_other_script(text, lang) for text, lang in sides(row))
    if spec.duplicates:
        seen: set[tuple[str, ...]] = set()

        def known(row: PairRow) -> bool:
            name = (*map(plain, texts(row)), row.lang, row.target_lang)
            if name in seen:
                return True
            seen.add(name)
            return False

        yield "duplicates", known
