"""Tab-separated rows: a header line, then one row a line with ``tokens`` and ``tags`` parted by blanks.

Nothing is quoted: a ``"`` is a character like any other. ``lang`` and ``id`` are optional columns. Where there is no
header, ``columns`` gives places from 0 (``{tokens: 0, tags: 1}``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import IO

from nlpkit.data.files import Lines, Problem, Report
from nlpkit.data.formats import table
from nlpkit.data.rows import TokenRow, refuse
from nlpkit.errors import InputError, counted

PLACES = ("tokens", "tags", "lang", "id")  # what `columns` may name


def read(lines: Lines, where: str, report: Report, columns: dict[str, int | str]) -> Iterator[TokenRow]:
    """Yield rows; ``columns`` renames header names, e.g. ``{tokens: words}``."""
    found = table.read(((number, line.split("\t")) for number, line in lines), where, report, columns, PLACES)
    if found is None:
        return
    at = found.at
    for count, (number, fields) in enumerate(found.records, 1):
        tokens = tuple(filter(None, fields[at["tokens"]].split(" ")))
        tags = tuple(filter(None, fields[at["tags"]].split(" "))) if "tags" in at else None
        if tags is not None and len(tags) != len(tokens):
            what = f"{counted(len(tags), 'tag')} for {counted(len(tokens), 'token')}"
            report(Problem(where, number, "columns", what, "give every token one tag"))
            continue
        ident = fields[at["id"]] if "id" in at else str(count)
        yield TokenRow(ident, tokens, tags, fields[at["lang"]] if "lang" in at else "", line=number)


def write(
    rows: Iterable[TokenRow], file: IO[str], *, columns: dict[str, int | str] | None = None, spans: bool = True
) -> None:
    """Write id, lang, tokens, and tags where the first row has some.

    What TSV cannot hold raises InputError: a token or tag with a blank in it, tagged rows among untagged ones.
    """
    rows = iter(rows)
    head = list(itertools.islice(rows, 1))
    tagged = not head or head[0].tags is not None
    file.write("id\tlang\ttokens" + "\ttags" * tagged + "\n")
    for row in itertools.chain(head, rows):
        if (row.tags is not None) != tagged:
            what = "has no tags, the rows before it have" if tagged else "has tags, the rows before it have none"
            raise InputError(f"row {row.id} {what}: a table cannot hold both", "use --to jsonl")
        refuse(row, (*row.tokens, *(row.tags or ())), " \t\n\0", "tsv")
        fields = [row.id, row.lang, " ".join(row.tokens), *([" ".join(row.tags)] if row.tags is not None else [])]
        file.write(table.line(row, fields))
