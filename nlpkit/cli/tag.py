"""``nlpkit pos`` and ``nlpkit ner``: rows in, the same rows with their tags out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Annotated

import typer

from nlpkit.cli import options
from nlpkit.cli.streams import stderr
from nlpkit.errors import InputError

Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="Folder of a model, spacy:NAME, or a Hub id when online. Default: the one that ships with nlpkit.",
        show_default=False,
    ),
]
To = Annotated[
    str | None,
    typer.Option(
        "--to",
        help="Format written: text, conll, conllu, jsonl, tsv, entities, html. Default: as read.",
        show_default=False,
    ),
]
Lang = Annotated[str, typer.Option(help="Language of the rows, e.g. swh_Latn; kept in the output.")]


def _command(task: str, doc: str) -> Callable[..., None]:
    def tag(
        files: options.Files = None,
        model: Model = None,
        text: options.Text = None,
        read: Annotated[str | None, options.reads("text", "conll", "conllu", "jsonl", "tsv")] = None,
        to: To = None,
        column: options.Columns = None,
        lang: Lang = "",
        nbest: Annotated[int, typer.Option(min=1, help="Also the N best tag sequences of each row, in JSONL.")] = 1,
        batch_tokens: options.BatchTokens = None,
        precision: options.Precision = "fp32",
        device: options.Device = None,
        quiet: options.Quiet = False,
    ) -> None:
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
        options.choice(fmt, formats.READ["tokens"], "--from")
        if text and read not in (None, "text"):
            raise InputError("--text is raw text, so --from says nothing", "leave one of them out")
        columns, language = options.columns(column), parse(lang) if lang else ""
        written = options.choice(to or fmt, formats.WRITE["tokens"], "--to")
        if nbest > 1 and written != "jsonl":
            raise InputError(f"--nbest cannot be written as {written}", "add --to jsonl")
        report = Strictly()
        if text:
            options.utf8(text)
            plain = formats.named("text").read(enumerate(text, 1), "--text", report, {})
            rows: Iterator[TokenRow] = (replace(row, lang=language) for row in plain)
        else:
            rows = read_inputs(files or [], read, columns, language, report)
        at_terminal = not files and not text and sys.stdin.isatty()
        chunk = 1 if at_terminal else CHUNK
        with Signals() as signals:
            predictor = Predictor(
                options.model(model, task), task=task, precision=precision, device=device,
                batch_tokens=batch_tokens, nbest=nbest,
            )  # fmt: skip

            def filled() -> Iterator[TokenRow]:
                for number, row in enumerate(predictor(signals.waiting(rows), chunk=chunk, poll=signals.poll), 1):
                    yield row
                    if number % CHUNK == 0 or at_terminal:
                        sys.stdout.flush()

            options.write(
                written, filled(), sys.stdout, read=fmt, columns=columns,
                spans=predictor.task.spans, learned=predictor.columns,
            )  # fmt: skip
            sys.stdout.flush()
        for line in report.summary():
            stderr.say(f"note: {line}")

    tag.__doc__ = doc
    return tag


ner = _command(
    "ner",
    """Find entities: rows in, the same rows with their entities out, in order.

    \b
    nlpkit ner -t "Amina moved from Nairobi to Kisumu"
    nlpkit ner --model runs/ner/default/model --to jsonl notes.txt
    """,
)
pos = _command(
    "pos",
    """Tag parts of speech: rows in, the same rows with a tag for each word out, in order.

    \b
    nlpkit pos -t "Amina moved from Nairobi to Kisumu"
    nlpkit pos --model runs/pos/default/model --to conllu notes.txt
    """,
)
