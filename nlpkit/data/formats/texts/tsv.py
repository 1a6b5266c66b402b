"""Tab-separated texts: a header line, then one text a line, with its label; nothing is quoted.

``columns`` renames header names (``{text: tweet}``), or gives places from 0 where there is no header (``{text: 0}``).
``count`` is how often a word of a frequency list was seen. Other columns are kept.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO

from nlpkit.data.files import Lines, Problem, Report
from nlpkit.data.rows import TextRow, refuse
from nlpkit.errors import InputError

PLACES = ("text", "label", "lang", "id", "count")  # what `columns` may name


def read(lines: Lines, where: str, report: Report, columns: dict[str, int | str]) -> Iterator[TextRow]:
    """Yield rows."""
    return rows(((number, line.split("\t")) for number, line in lines), where, report, columns)


def rows(
    records: Iterable[tuple[int, Sequence[str]]], where: str, report: Report, columns: dict[str, int | str]
) -> Iterator[TextRow]:
    """Yield rows of (line, fields)."""
    records = iter(records)
    head = next(records, None)
    if head is None:
        return
    if any(isinstance(place, int) for place in columns.values()):
        names = [str(place) for place in range(len(head[1]))]
        records = itertools.chain([head], records)
    else:
        names = list(head[1])
    at = {}
    for name in PLACES:
        wanted = str(columns.get(name, name))
        if wanted in names:
            at[name] = names.index(wanted)
        elif name == "text" or name in columns:
            what = f"no column `{wanted}`, there are " + ", ".join(f"`{name}`" for name in names)
            report(Problem(where, head[0], "header", what, f"name it: --column {name}=..., columns: {{{name}: ...}}"))
            return
    others = [(place, name) for place, name in enumerate(names) if place not in at.values()]
    count = 0
    for number, fields in records:
        if len(fields) != len(names):
            what = f"{len(fields)} columns, {len(names)} in the first line"
            report(Problem(where, number, "columns", what, "a tab or line break inside a field? write a blank"))
            continue
        count += 1
        extra = {name: fields[place] for place, name in others}
        if "count" in at:
            if not fields[at["count"]].isdecimal() or int(fields[at["count"]]) < 1:
                what = f"the count `{fields[at['count']]}` is no number above 0"
                report(Problem(where, number, "count", what, "write digits"))
                continue
            extra["count"] = fields[at["count"]]
        label = fields[at["label"]] if "label" in at else None
        if label is not None and label != label.strip():
            what = f"the label {label!r} begins or ends with a blank"
            report(Problem(where, number, "label", what, "read without it", warning=True))
            label = label.strip()
        yield TextRow(
            fields[at["id"]] if "id" in at else str(count),
            fields[at["text"]],
            label or None,
            fields[at["lang"]] if "lang" in at else "",
            extra,
            number,
        )


def write(
    rows: Iterable[TextRow], file: IO[str], *, columns: dict[str, int | str] | None = None, spans: bool = False
) -> None:
    """Write text, label, the score where the first row has one, then the columns the first row came with."""

    def line(row: TextRow, fields: Sequence[str]) -> str:
        refuse(row, [field or "_" for field in fields], "\t\n\0", "tsv")
        return "\t".join(fields) + "\n"

    write_table(rows, file, line)


def write_table(rows: Iterable[TextRow], file: IO[str], line: Callable[[TextRow, Sequence[str]], str]) -> None:
    """Write rows, each made a ``line`` from its fields."""
    rows = iter(rows)
    head = list(itertools.islice(rows, 1))
    scored = bool(head) and head[0].score is not None
    kept = list(head[0].extra) if head else []
    if "json" in kept:
        raise InputError("rows of JSON have keys that a table cannot hold", "use --to jsonl")
    names = ["text", "label", *(["score"] if scored else []), *kept]
    file.write(line(TextRow("header", ""), names))
    for row in itertools.chain(head, rows):
        score = [] if not scored else ["" if row.score is None else f"{row.score:.4f}"]
        file.write(line(row, [row.text, row.label or "", *score, *(row.extra.get(name, "") for name in kept)]))
