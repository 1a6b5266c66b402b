"""A text cut into sentences, and what is still too long into parts, so that joining gives the text again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import regex

# ends of sentences in the scripts that nlpkit meets: Latin, Arabic, Devanagari, Ethiopic, CJK, Khmer, Armenian, Myanmar
_END = regex.compile(r"(?:[.!?…؟۔।॥።፧։។៕။。！？]+[\"'”’»)\]]*)(?=\s)\s*|[。！？]+[”’」』）]*")
_CLAUSE = regex.compile(r"[,;:،؛፣፤၊、，；：–—]+\s+|[、，；：]+")
_BLANK = regex.compile(r"\s+")
_LINES = regex.compile(r"\s*[\n\r\u2028\u2029]\s*")


def parts(text: str, fits: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    """(what stands before it, part) of each part of ``text`` that is not blank; each ``fits``, if one character does.

    Lines are always apart. A line that fits is one part; else its sentences are, and a sentence that does not fit is
    cut in two near its middle: behind a comma, else at a blank, else anywhere.
    """
    before = ""
    for line, gap in _cut(text.strip(), _LINES):
        found = [(line, "")] if fits(line) else _cut(line, _END)
        for sentence, blank in found:
            for part, inner in _halved(sentence, fits):
                if part:
                    yield before, part
                    before = ""
                before += inner
            before += blank
        before += gap


def _cut(text: str, at: regex.Pattern[str]) -> list[tuple[str, str]]:
    """(part, the white space behind it), cut behind each match; signs of a match belong to the part before it."""
    result, start = [], 0
    for match in at.finditer(text):
        piece = text[start : match.end()]
        result.append((piece.rstrip(), piece[len(piece.rstrip()) :]))
        start = match.end()
    if start < len(text):
        result.append((text[start:], ""))
    return result


def _halved(text: str, fits: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    """(part, white space behind it)."""
    waiting = [(text, "")]
    while waiting:
        part, behind = waiting.pop()
        if len(part) < 2 or fits(part):
            yield part, behind
            continue
        middle = len(part) / 2
        places = [match.end() for match in _CLAUSE.finditer(part)] or [match.end() for match in _BLANK.finditer(part)]
        places = [place for place in places if 0.1 * len(part) < place < 0.9 * len(part)]
        if not places:
            places = [match.end() for match in _BLANK.finditer(part) if match.start() > 0 and match.end() < len(part)]
        at = min(places or [len(part) // 2], key=lambda place: abs(place - middle))
        left, right = part[:at], part[at:]
        waiting += [(right, behind), (left.rstrip(), left[len(left.rstrip()) :])]
