"""What moved a classifier's answer: words, and n-grams where the model has them, as text, JSON or a page."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import IO, Any

from nlpkit.data.formats.page import FOOT, HEAD
from nlpkit.data.rows import TextRow

FORMATS = ("text", "jsonl", "html")
_SHOWN = 10  # words and n-grams listed


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the text, and how far it moved the log-odds of the label: up where ``weight`` is above 0."""

    text: str
    start: int
    end: int
    weight: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why ``row`` has ``label``. Offsets of ``words`` are those in ``row.whole``; ``grams`` are cleaned text."""

    row: TextRow
    label: str | None
    score: float
    words: list[Part]
    grams: list[tuple[str, str, float]]  # (words or chars, n-gram, weight), the strongest first


def _strongest(words: list[Part]) -> list[Part]:
    return sorted((part for part in words if part.weight), key=lambda part: -abs(part.weight))[:_SHOWN]


def write(found: Iterable[Explanation], fmt: str, file: IO[str]) -> None:
    """Write explanations in one of ``FORMATS``."""
    if fmt == "html":
        file.write(HEAD)
    for entry in found:
        file.write({"text": _text, "jsonl": _json, "html": _html}[fmt](entry))
    if fmt == "html":
        file.write(FOOT)


def _text(entry: Explanation) -> str:
    if entry.label is None:
        return f"-\t{_one_line(entry.row.whole)}\n"
    lines = [f"{entry.label} {entry.score:.4f}\t{_one_line(entry.row.whole)}"]
    if strong := _strongest(entry.words):
        lines.append("  words    " + "  ".join(f"{part.weight:+.2f} {_one_line(part.text)}" for part in strong))
    if entry.grams:
        shown = "  ".join(f"{weight:+.2f} {_seen(kind, gram)}" for kind, gram, weight in entry.grams[:_SHOWN])
        lines.append(f"  n-grams  {shown}")
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _seen(kind: str, gram: str) -> str:
    """An n-gram: words in quotation marks, characters in brackets with their blanks to be seen."""
    return f'"{gram}"' if kind == "words" else "[" + gram.replace(" ", "␣") + "]"


def _json(entry: Explanation) -> str:
    data: dict[str, Any] = {"id": entry.row.id, "text": entry.row.text}
    if entry.row.text_b is not None:
        data["text_b"] = entry.row.text_b
    data |= {
        "label": entry.label,
        "score": round(entry.score, 4),
        "words": [
            {"text": part.text, "start": part.start, "end": part.end, "weight": round(part.weight, 4)}
            for part in entry.words
        ],
    }
    if entry.grams:
        data["ngrams"] = [{"kind": kind, "text": gram, "weight": round(w, 4)} for kind, gram, w in entry.grams]
    return json.dumps(data, ensure_ascii=False) + "\n"


def _html(entry: Explanation) -> str:
    """The text with words that spoke for the label on green and those against it on red, the stronger the deeper."""
    text = entry.row.whole
    most = max((abs(part.weight) for part in entry.words), default=0.0) or 1.0
    at, parts = 0, []
    for part in entry.words:
        parts.append(escape(text[at : part.start]))
        depth = round(min(1.0, abs(part.weight) / most) * 0.75, 2)
        color = f"rgba(60,170,90,{depth})" if part.weight > 0 else f"rgba(225,90,70,{depth})"
        word = escape(text[part.start : part.end])
        parts.append(f'<mark style="background:{color}" title="{part.weight:+.2f}">{word}</mark>')
        at = part.end
    parts.append(escape(text[at:]))
    lang = f' lang="{escape(entry.row.lang.replace("_", "-"))}"' if entry.row.lang else ""
    heading = "no label" if entry.label is None else f"{escape(entry.label)} {entry.score:.2f}"
    page = f'<p dir="auto"{lang}>{"".join(parts) or "&nbsp;"}<br><b class="small">{heading}</b></p>\n'
    strong = _strongest(entry.words)
    if strong:
        items = "".join(f"<li><bdi>{escape(part.text)}</bdi> {part.weight:+.2f}</li>" for part in strong)
        page += f"<ol>{items}</ol>\n"
    if entry.grams:
        shown = ", ".join(
            f"<bdi>{escape(_seen(kind, gram))}</bdi> {weight:+.2f}" for kind, gram, weight in entry.grams[:_SHOWN]
        )
        page += f'<p class="small">n-grams: {shown}</p>\n'
    return page
