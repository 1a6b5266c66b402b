"""Tab-separated texts: a header line, then one text a line, with its label; nothing is quoted.

``columns`` renames header names (``{text: tweet}``), or gives places from 0 where there is no header (``{text: 0}``).
``label`` holds one label, ``labels`` any number of them, parted by ``|``; ``text_b`` is the second text of a pair.
``count`` is how often a word of a frequency list was seen. Other columns are kept.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO

from nlpkit.data.files import Lines, Problem, Report
from nlpkit.data.formats import table
from nlpkit.data.rows import BAR, TextRow, control

PLACES = ("text", "text_b", "label", "labels", "lang", "id", "count")  # what `columns` may name


def read(lines: Lines, where: str, report: Report, columns: dict[str, int | str]) -> Iterator[TextRow]:
    """Yield rows."""
    return rows(((number, line.split("\t")) for number, line in lines), where, report, columns)


def rows(
    records: Iterable[tuple[int, Sequence[str]]], where: str, report: Report, columns: dict[str, int | str]
) -> Iterator[TextRow]:
    """Yield rows of (line, fields)."""
    found = table.read(records, where, report, columns, PLACES)
    if found is None:
        return
    at = found.at
    # id and lang are also written back
    others = found.others(place for name, place in at.items() if name not in ("id", "lang"))
    count = 0
    for number, fields in found.records:
        count += 1
        extra = {name: fields[place] for place, name in others}
        if "count" in at:
            if not fields[at["count"]].isdecimal() or int(fields[at["count"]]) < 1:
                what = f"the count `{fields[at['count']]}` is no number above 0"
                report(Problem(where, number, "count", what, "write digits"))
                continue
            extra["count"] = fields[at["count"]]
        several = "labels" in at
        label = fields[at["labels"]] if several else fields[at["label"]] if "label" in at else ""
        labels = label.split(BAR) if several else [label]
        if any(label != label.strip() for label in labels):
            what = f"the label {label!r} begins or ends with a blank"
            report(Problem(where, number, "label", what, "read without it", warning=True))
            labels = [label.strip() for label in labels]
        if not any(labels):
            labels = []  # in a column `labels` a text that has none of them, in `label` one that nobody labeled
        if not all(labels) or any(map(control, labels)):
            what = f"the labels {label!r} hold an empty one or a control character"
            report(Problem(where, number, "label", what, f"write names, with one {BAR} between two"))
            continue
        yield TextRow(
            fields[at["id"]] if "id" in at else str(count),
            fields[at["text"]],
            tuple(dict.fromkeys(labels)) if labels or several else None,
            fields[at["lang"]] if "lang" in at else "",
            extra,
            number,
            text_b=fields[at["text_b"]] if "text_b" in at else None,
        )


def write(rows: Iterable[TextRow], file: IO[str], *, multi_label: bool = False, best: int | None = None) -> None:
    """Write text, label and the columns that the first row came with.

    ``best`` says that labels are answers: the score stands beside them, and with more than 1 so many of the best.
    Columns of those names that rows came with are then older answers and left out. ``multi_label``: a row has any
    number of labels, parted by ``|``, and so are their scores.
    """
    write_table(rows, file, table.line, multi_label=multi_label, best=best)


def write_table(
    rows: Iterable[TextRow],
    file: IO[str],
    line: Callable[[TextRow, Sequence[str]], str],
    *,
    multi_label: bool,
    best: int | None,
) -> None:
    """Write rows, each made a ``line`` from its fields."""
    rows = iter(rows)
    head = list(itertools.islice(rows, 1))
    first = head[0] if head else TextRow("", "")
    paired, shown = first.text_b is not None, best if best is not None and best > 1 else 0
    names = ["text", *(["text_b"] if paired else []), "labels" if multi_label else "label"]
    names += ["score"] if best is not None else []
    names += table.best_names("label", shown)
    kept = table.kept(first, names)
    file.write(line(TextRow("header", ""), [*names, *kept]))
    for row in itertools.chain(head, rows):
        fields = [row.text, *([row.text_b or ""] if paired else []), BAR.join(row.labels or ())]
        if best is not None:
            fields.append(BAR.join(map(table.score_field, row.scores or ())))
        fields += table.best_fields(row.others, shown)
        file.write(line(row, [*fields, *(row.extra.get(name, "") for name in kept)]))
