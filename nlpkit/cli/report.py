"""``nlpkit report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nlpkit.cli import options, tables
from nlpkit.cli.streams import print_json, print_lines, stderr
from nlpkit.errors import InputError


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Run directories.", show_default=False)],
    split: Annotated[str, typer.Option(help="Rows that were scored: dev or test.")] = "test",
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Compare with this run: difference, interval, p value.", show_default=False),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="HOW", help="Also by lang, length, or a column, e.g. source.", show_default=False),
    ] = None,
    to: tables.To = "text",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE.html", help="Write a page with pictures and mistakes.", show_default=False
        ),
    ] = None,
    errors: Annotated[int, typer.Option(min=0, help="Mistakes shown of each run on the page.")] = 20,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Put finished runs in one table; runs that differ in their seed only are one line with mean and deviation.

    \b
    nlpkit report runs/translate/* --baseline runs/translate/mine --by source
    nlpkit report runs/ner/a runs/ner/b -o report.html
    """
    from nlpkit.jobs import comparison

    stderr.quiet = quiet
    options.choice(split, ("dev", "test"), "--split")
    tables.check(to)
    if as_json and to != "text":
        raise InputError("both --json and --to are given", "use one of them")
    paths = list({path.resolve(): path for path in [*runs, *([baseline] if baseline else [])]}.values())
    found = [comparison.read(path, split) for path in paths]
    base = next(run for run in found if run.path.resolve() == baseline.resolve()) if baseline else None
    figures = comparison.table(found, base, by, stderr.say)
    if out is not None:
        from nlpkit.data.files import write_whole
        from nlpkit.jobs import report_page

        with write_whole(out) as file:
            file.writelines(report_page.page(found, figures, errors))
        stderr.say(f"note: `{out}`")
        return
    if as_json:
        print_json(figures)
        return
    head, body = comparison.cells(figures)
    print_lines([*tables.render(head, body, to), *tables.notes(comparison.notes(figures), to)])
