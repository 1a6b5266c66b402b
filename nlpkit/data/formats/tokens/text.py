"""Raw text: one row a line, empty lines too.

Written with entities in brackets, ``[PER Rais Samia] alifika``, or with a tag after each word, ``alifika/VERB``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO

from nlpkit.data.files import Lines, Report
from nlpkit.data.formats.tokens.jsonl import entities
from nlpkit.data.rows import TokenRow, surface
from nlpkit.text.tokens import words

PLACES = ()  # what `columns` may name


def read(lines: Lines, where: str, report: Report, columns: dict[str, int | str]) -> Iterator[TokenRow]:
    """Yield one row a line, cut into words."""
    for number, line in lines:
        offsets = words(line)
        tokens = tuple(line[start:end] for start, end in offsets)
        yield TokenRow(str(number), tokens, text=line, offsets=offsets, line=number, raw=True)


def write(
    rows: Iterable[TokenRow], file: IO[str], *, columns: dict[str, int | str] | None = None, spans: bool = True
) -> None:
    """One line a row."""
    for row in rows:
        if not spans and row.tags is not None:
            line = " ".join(f"{token}/{tag}" for token, tag in zip(row.tokens, row.tags, strict=True))
            file.write(line.replace("\n", " ") + "\n")
            continue
        text, _ = surface(row)
        at, parts = 0, []
        for item in entities(row):
            parts += [text[at : item["start"]], f"[{item['label']} {item['text']}]"]
            at = item["end"]
        file.write("".join([*parts, text[at:]]).replace("\n", " ") + "\n")
