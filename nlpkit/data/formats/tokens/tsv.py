"""Tab-separated rows: a header line, then one row a line with ``tokens`` and ``tags`` parted by blanks.

Nothing is quoted: a ``"`` is a character like any other. ``lang`` and ``id`` are optional columns.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import IO

from nlpkit.data.files import Lines, Problem, Report
from nlpkit.data.rows import TokenRow, refuse
from nlpkit.errors import InputError

PLACES = ("tokens", "tags", "lang", "id")  # what `columns` may name


def read(lines: Lines, where: str, report: Report, columns: dict[str, int | str]) -> Iterator[TokenRow]:
    """Yield rows; ``columns`` renames header names, e.g. ``{tokens: words}``."""
    head = next(iter(lines), None)
    if head is None:
        return
    names = head[1].split("\t")
    wanted = {name: str(columns.get(name, name)) for name in ("tokens", "tags", "lang", "id")}
    if wanted["tokens"] not in names:
        what = f"no column `{wanted['tokens']}` in the header"
        report(Problem(where, head[0], "header", what, "name it: columns: {tokens: my_column}"))
        return
    at = {name: names.index(wanted[name]) for name in wanted if wanted[name] in names}
    for count, (number, line) in enumerate(lines, 1):
        fields = line.split("\t")
        if len(fields) != len(names):
            what = f"{len(fields)} columns, {len(names)} in the header"
            report(Problem(where, number, "columns", what, "a tab inside a field? write a blank"))
            continue
        tokens = tuple(filter(None, fields[at["tokens"]].split(" ")))
        tags = tuple(filter(None, fields[at["tags"]].split(" "))) if "tags" in at else None
        if tags is not None and len(tags) != len(tokens):
            report(
                Problem(
                    where, number, "columns", f"{len(tags)} tags for {len(tokens)} tokens", "give every token one tag"
                )
            )
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
        refuse(row, (row.id or "_", row.lang or "_"), "\t\n\0", "tsv")
        fields = [row.id, row.lang, " ".join(row.tokens), *([" ".join(row.tags)] if row.tags is not None else [])]
        file.write("\t".join(fields) + "\n")
