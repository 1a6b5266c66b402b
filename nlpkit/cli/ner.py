"""``nlpkit ner``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import typer

from nlpkit.cli import options
from nlpkit.cli.streams import stderr
from nlpkit.errors import InputError


def ner(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE", help="Files to read; none or - is stdin.", show_default=False)
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Folder of a model, or a Hub id when online.", show_default=False),
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option("--text", "-t", help="Tag this text instead of files.", show_default=False)
    ] = None,
    read: options.From = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="Format written: text, conll, conllu, jsonl, tsv, entities. Default: as read.",
            show_default=False,
        ),
    ] = None,
    column: options.Columns = None,
    lang: Annotated[str, typer.Option(help="Language of the rows, e.g. swh_Latn; kept in the output.")] = "",
    batch_tokens: Annotated[int, typer.Option(min=1, help="Padded sub-words a batch.")] = 1024,
    precision: options.Precision = "fp32",
    device: options.Device = None,
    quiet: options.Quiet = False,
) -> None:
    """Find entities: rows in, the same rows with their entities out, in order.

    \b
    nlpkit ner --model runs/ner/default/model -t "Amina alifika Dodoma"
    nlpkit ner --model runs/ner/default/model --to jsonl notes.txt
    """
    from nlpkit.data import formats
    from nlpkit.data.files import Strictly
    from nlpkit.data.rows import TokenRow
    from nlpkit.jobs.predict import CHUNK, Predictor, read_inputs
    from nlpkit.jobs.signals import Signals
    from nlpkit.text.langcodes import parse

    stderr.quiet = quiet
    options.choice(precision, ("fp32", "bf16", "int8"), "--precision")
    if text and files:
        raise InputError("both --text and files are given", "use one of them")
    fmt = read or (formats.guess(files[0], "text") if files else "text")
    options.choice(fmt, formats.READ, "--from")
    columns, language = options.columns(column), parse(lang) if lang else ""
    written = options.choice(to or fmt, formats.WRITE, "--to")
    if model is None:
        raise InputError(
            "no --model is given, and none ships with nlpkit yet",
            "train one: nlpkit train ner; then nlpkit ner --model runs/ner/default/model",
        )
    report = Strictly()
    if text:
        if not all(map(_is_utf8, text)):
            raise InputError("--text is not UTF-8")
        plain = formats.named("text").read(enumerate(text, 1), "--text", report, {})
        rows: Iterator[TokenRow] = (replace(row, lang=language) for row in plain)
    else:
        rows = read_inputs(files or [], read, columns, language, report)
    at_terminal = not files and not text and sys.stdin.isatty()
    chunk = 1 if at_terminal else CHUNK
    with Signals() as signals:
        predictor = Predictor(model, task="ner", precision=precision, device=device, batch_tokens=batch_tokens)

        def filled() -> Iterator[TokenRow]:
            for number, row in enumerate(predictor(signals.waiting(rows), chunk=chunk, poll=signals.poll), 1):
                yield row
                if number % CHUNK == 0 or at_terminal:
                    sys.stdout.flush()

        options.write(written, filled(), sys.stdout, read=fmt, columns=columns, spans=True)
        sys.stdout.flush()
    for line in report.summary():
        stderr.say(f"note: {line}")


def _is_utf8(text: str) -> bool:
    """Bytes of an argument that were not UTF-8 come as lone surrogates."""
    return not any("\ud800" <= char <= "\udfff" for char in text)
