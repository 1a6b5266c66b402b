"""A page to look at (written only): entities or tags on the text, as displaCy draws them.

Everything that comes from the rows is escaped, and a right-to-left text stands right to left.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from html import escape
from typing import IO

from nlpkit.data.formats.page import FOOT, HEAD
from nlpkit.data.formats.tokens.jsonl import entities
from nlpkit.data.rows import TokenRow, surface

# pastel backgrounds with black letters: a contrast of at least 7 to 1
_COLORS = (
    "#f9d5a7", "#b8e0d2", "#d6c8f0", "#f6b8c4", "#c5e4a8", "#aed6f1", "#f5e29b", "#e3c4a8",
    "#c9d7e8", "#f0c6e6", "#a9e2e8", "#dfe3b4",
)  # fmt: skip


def _color(label: str) -> str:
    return _COLORS[zlib.crc32(label.encode("utf-8", "surrogatepass")) % len(_COLORS)]


def _sure(score: float | None) -> str:
    return "" if score is None else f' title="{score:.2f}"'


def _spans(row: TokenRow) -> str:
    text, _ = surface(row)
    at, parts = 0, []
    for item in entities(row):
        label = escape(str(item["label"]))
        parts.append(escape(text[at : item["start"]]))
        parts.append(
            f'<mark style="background:{_color(item["label"])}"{_sure(item.get("score"))}>'
            f"{escape(item['text'])}<b>{label}</b></mark>"
        )
        at = item["end"]
    return "".join([*parts, escape(text[at:])])


def _tags(row: TokenRow) -> str:
    tags = row.tags if row.tags is not None else [""] * len(row.tokens)
    scores = row.scores if row.scores is not None else [None] * len(row.tokens)
    return "".join(
        f'<ruby{_sure(score)}>{escape(token)}<rt style="background:{_color(tag)}">{escape(tag)}</rt></ruby>'
        for token, tag, score in zip(row.tokens, tags, scores, strict=True)
    )


def write(
    rows: Iterable[TokenRow], file: IO[str], *, columns: dict[str, int | str] | None = None, spans: bool = True
) -> None:
    """One paragraph a row."""
    file.write(HEAD)
    for row in rows:
        lang = f' lang="{escape(row.lang.replace("_", "-"))}"' if row.lang else ""
        body = _spans(row) if spans else _tags(row)
        file.write(f'<p dir="auto"{lang}>{body or "&nbsp;"}</p>\n')
    file.write(FOOT)
