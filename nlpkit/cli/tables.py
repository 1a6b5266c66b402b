"""A table as text, Markdown, CSV or LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

from nlpkit.cli import options
from nlpkit.cli.streams import cell, numeric, table

FORMATS = ("text", "md", "csv", "latex")
To = Annotated[str, typer.Option("--to", help="Table as text, md, csv or latex (booktabs).")]

_LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}",
    **{char: f"\\{char}" for char in "&%$#_{}"},
}  # fmt: skip


def check(to: str) -> str:
    """``to``, if it is a format. Raises InputError."""
    return options.choice(to, FORMATS, "--to")


def render(head: Sequence[str], rows: Iterable[Sequence[Any]], to: str) -> list[str]:
    """The lines of a table."""
    if to == "text":
        return table(head, rows)
    body = [[cell(value) for value in row] for row in rows]
    return {"md": _markdown, "csv": _csv, "latex": _latex}[to](head, body)


def notes(lines: Sequence[str], to: str) -> list[str]:
    """What a reader of a table must know, under it: as text, a paragraph, or comments; CSV has no place for it."""
    shown = [cell(line) for line in lines]
    if to == "md":
        return ["", *(line.replace("*", "\\*") + "  " for line in shown)]
    return {"text": shown, "latex": [f"% {line}" for line in shown], "csv": []}[to]


def _csv(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([head, *body])
    return file.getvalue().removesuffix("\n").split("\n")


def _markdown(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    rows = (head, ["---"] * len(head), *body)
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]


def _latex(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    columns = "".join("r" if number else "l" for number in numeric(body, len(head)))

    def line(row: Sequence[str]) -> str:
        return " & ".join("".join(_LATEX.get(char, char) for char in cell) for cell in row) + r" \\"

    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", line(head), r"\midrule", *map(line, body)]
    return [*lines, r"\bottomrule", r"\end{tabular}"]
