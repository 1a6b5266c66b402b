"""``nlpkit report``."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from nlpkit.cli import options
from nlpkit.cli.streams import print_json, print_lines, stderr, table

_TO = ("text", "md", "csv")
_SURE = 0.05  # a difference with a smaller p value is marked


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Run directories.", show_default=False)],
    split: Annotated[str, typer.Option(help="Rows that were scored: dev or test.")] = "test",
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Compare with this run: difference, interval, p value.", show_default=False),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Also by a column of the rows, e.g. source, or lang.", show_default=False),
    ] = None,
    to: Annotated[str, typer.Option("--to", help="text, md or csv.")] = "text",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Put finished runs in one table; runs that differ in their seed only are one line with mean and deviation.

    \b
    nlpkit report runs/translate/* --baseline runs/translate/mine --by source
    nlpkit report runs/ner/a runs/ner/b --to md
    """
    from nlpkit.jobs import comparison

    stderr.quiet = quiet
    options.choice(split, ("dev", "test"), "--split")
    options.choice(to, _TO, "--to")
    paths = list(dict.fromkeys([*runs, *([baseline] if baseline else [])]))
    found = [comparison.read(path, split) for path in paths]
    base = found[paths.index(baseline)] if baseline else None
    figures = comparison.table(found, base, by, stderr.say)
    if as_json:
        print_json(figures)
        return
    head, body = _cells(figures)
    if to == "csv":
        file = io.StringIO()
        csv.writer(file, lineterminator="\n").writerows([head, *body])
        print_lines(file.getvalue().splitlines())
        return
    print_lines(_markdown(head, body) if to == "md" else table(head, body))
    print_lines(_notes(figures) if to == "text" else ["", *_notes(figures)])


def _cells(figures: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    names = list(figures["rows"][0]["scores"])
    parts = list(figures["parts"])
    compared = any("against" in row for row in figures["rows"])
    head = ["run", "seeds", *names, *parts, *(["difference", "95 %", "p"] if compared else [])]
    scale = 2 if all(row["scores"][names[0]]["mean"] > 1 for row in figures["rows"]) else 4  # percent, or shares of 1

    def number(value: float, sign: str = "") -> str:
        return f"{value:{sign}.{scale}f}"

    body = []
    for row in figures["rows"]:
        cells = [row["name"], str(len(row["runs"]))]
        for name in names:
            score = row["scores"][name]
            cells.append(number(score["mean"]) + (f" ± {number(score['sd'])}" if "sd" in score else ""))
        other = row.get("against")
        for part in parts:
            sure = other and other["parts"][part]["p"] < _SURE
            cells.append(number(row["parts"][part]) + ("*" if sure else ""))
        if compared and other:
            cells += [number(other["difference"], "+"), f"{number(other['low'], '+')} to {number(other['high'], '+')}"]
            cells.append(f"{other['p']:.3f}")
        elif compared:
            cells += ["", "", ""]
        body.append(cells)
    return head, body


def _markdown(head: Sequence[str], body: Iterable[Sequence[str]]) -> list[str]:
    rows = (head, ["---"] * len(head), *body)
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]


def _notes(figures: dict[str, Any]) -> list[str]:
    """What a reader of the table must know."""
    lines = [f"{figures['task']}, {figures['split']} rows; {figures['signature']}"]
    if figures["parts"]:
        rows = ", ".join(f"{part} {count}" for part, count in figures["parts"].items())
        lines.append(f"{figures['metric']} by {figures['by']} (rows: {rows})")
    if figures["baseline"]:
        lines.append(
            f"difference to {figures['baseline']} with its interval (paired bootstrap) and p (paired permutation); "
            f"* p < {_SURE}, of a part"
        )
    return lines
