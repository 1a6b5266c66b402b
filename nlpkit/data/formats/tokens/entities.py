"""A table of the entities found (written only): row, start, end, label, score, text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO

from nlpkit.data.formats.tokens.jsonl import entities
from nlpkit.data.rows import TokenRow
from nlpkit.errors import InputError


def write(
    rows: Iterable[TokenRow], file: IO[str], *, columns: dict[str, int | str] | None = None, spans: bool = True
) -> None:
    """One entity a line; ``text[start:end]`` of the row's text is the entity. Raises InputError without ``spans``."""
    if not spans:
        raise InputError("the format entities is for spans; these rows have one tag a word", "use --to tsv or jsonl")
    file.write("row\tstart\tend\tlabel\tscore\ttext\n")
    for row in rows:
        for item in entities(row):
            fields = [row.id, item["start"], item["end"], item["label"], item.get("score", ""), item["text"]]
            file.write("\t".join(str(field).replace("\t", " ").replace("\n", " ") for field in fields) + "\n")
