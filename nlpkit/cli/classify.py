"""``nlpkit classify``: texts in, the same texts with their labels out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nlpkit.cli import options
from nlpkit.cli.streams import stderr
from nlpkit.errors import InputError, counted

if TYPE_CHECKING:
    from nlpkit.data.rows import TextRow
    from nlpkit.jobs.predict import Predictor

_TASK = "classify"


def classify(
    files: options.Files = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Folder of a model, or a Hub id when online.", show_default=False),
    ] = None,
    text: options.Text = None,
    read: options.TextsFrom = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="Format written: tsv, csv, jsonl; with --explain text, jsonl, html. Default: tsv, jsonl for JSON.",
            show_default=False,
        ),
    ] = None,
    column: options.Columns = None,
    top: Annotated[int, typer.Option(min=1, help="Also the N best labels with their probabilities.")] = 1,
    min_score: Annotated[float, typer.Option(min=0, max=1, help="A label less probable than this is not given.")] = 0.0,
    explain: Annotated[bool, typer.Option("--explain", help="Show which words or n-grams moved the label.")] = False,
    batch_tokens: options.BatchTokens = None,
    precision: options.Precision = "fp32",
    device: options.Device = None,
    quiet: options.Quiet = False,
) -> None:
    """Label texts: one row out for each row in, in order, with its label and the probability of that.

    \b
    nlpkit classify -m runs/classify/default/model -t "What a lovely day"
    nlpkit classify -m runs/classify/default/model tweets.txt --top 3 --to jsonl
    """
    from nlpkit.data import formats
    from nlpkit.data.explanations import FORMATS, write
    from nlpkit.data.files import Lenient
    from nlpkit.jobs.explain import explain as job
    from nlpkit.jobs.predict import Predictor
    from nlpkit.jobs.signals import Signals
    from nlpkit.tasks.base import TextTask

    stderr.quiet = quiet
    options.choice(precision, ("fp32", "bf16", "int8"), "--precision")
    options.one_source(text, files, read, column)
    fmt = read or (formats.guess(files[0], "text", "texts") if files else "text")
    options.choice(fmt, formats.READ["texts"], "--from")
    if explain and (top > 1 or min_score):
        raise InputError("--top and --min-score say nothing beside --explain", "leave one of them out")
    usual = "jsonl" if fmt == "jsonl" else "text" if explain else "tsv"
    written = options.choice(to or usual, FORMATS if explain else formats.WRITE["texts"], "--to")
    report = Lenient()
    rows = options.text_rows(files, text, read, column, report)
    at_terminal = not files and not text and sys.stdin.isatty()
    with Signals() as signals:
        predictor = Predictor(
            options.model(model, _TASK), task=_TASK, precision=precision, device=device, batch_tokens=batch_tokens,
            nbest=1_000_000 if explain else top,
        )  # fmt: skip
        waiting = signals.waiting(rows)
        if explain:
            write(job(waiting, predictor, signals.poll), written, sys.stdout)
        else:
            filled = _filled(waiting, predictor, signals.poll, min_score, at_terminal)
            tabled = _Tabled(filled)
            task = predictor.task
            assert isinstance(task, TextTask)
            task.write(written, filled if written == "jsonl" else tabled, sys.stdout, best=top)
            if tabled.changed:
                held = f"{counted(tabled.changed, 'text')} held tabs or line breaks"
                stderr.say(f"note: {held}, written as blanks: --to jsonl keeps them")
        sys.stdout.flush()
    for line in report.summary():
        stderr.say(f"note: {line}")


def _filled(
    rows: Iterator[TextRow], predictor: Predictor, poll: Any, min_score: float, at_terminal: bool
) -> Iterator[TextRow]:
    """Rows with their labels, less those that are not probable enough."""
    from nlpkit.jobs.predict import CHUNK

    for number, row in enumerate(predictor(rows, chunk=1 if at_terminal else CHUNK, poll=poll), 1):
        if min_score and row.labels:
            kept = [
                (label, score) for label, score in zip(row.labels, row.scores or (), strict=True) if score >= min_score
            ]
            row = replace(row, labels=tuple(label for label, _ in kept), scores=tuple(score for _, score in kept))
        yield row
        if number % CHUNK == 0 or at_terminal:
            sys.stdout.flush()


class _Tabled:
    """Rows as a table can hold them: tabs and line breaks in texts are written as blanks, and counted."""

    def __init__(self, rows: Iterator[TextRow]) -> None:
        self.rows, self.changed = rows, 0

    def __iter__(self) -> Iterator[TextRow]:
        for row in self.rows:
            text, text_b = _flat(row.text), None if row.text_b is None else _flat(row.text_b)
            self.changed += (text, text_b) != (row.text, row.text_b)
            extra = {name: _flat(value) for name, value in row.extra.items()}
            yield replace(row, text=text, text_b=text_b, extra=extra)


def _flat(text: str) -> str:
    return text.translate(_BLANKS)


_BLANKS = dict.fromkeys(map(ord, "\t\n\r\0"), " ")
