"""``nlpkit translate`` and ``nlpkit g2p``: texts in, for each a text out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nlpkit.cli import options
from nlpkit.cli.streams import stderr
from nlpkit.errors import InputError, counted

if TYPE_CHECKING:
    from nlpkit.data.rows import PairRow
    from nlpkit.jobs.predict import Predictor

Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        help="Folder of a model, or a Hub id when online; several answer together. Default: the one that ships.",
        show_default=False,
    ),
]
From = Annotated[str | None, options.reads("text", "tsv", "jsonl", "moses", "tmx")]
To = Annotated[
    str | None,
    typer.Option(
        "--to", help="Format written: text, tsv, jsonl. Default: text; jsonl and tsv for those.", show_default=False
    ),
]
Lang = Annotated[str | None, typer.Option(help="Language of the texts, as the model calls it.", show_default=False)]
Beam = Annotated[
    int | None, typer.Option(min=1, max=64, help="Beam width; 1 is greedy. Default: the model's.", show_default=False)
]
Nbest = Annotated[int, typer.Option(min=1, max=64, help="Give the N best answers, with their scores.")]
Engine = Annotated[str, typer.Option(help="auto, torch, or ct2 (CTranslate2, faster on a CPU).")]
BatchTokens = Annotated[
    int | None, typer.Option(min=1, help="Pieces a batch, of all hypotheses. Default: 4096.", show_default=False)
]


def translate(
    files: options.Files = None,
    model: Models = None,
    text: options.Text = None,
    read: From = None,
    to: To = None,
    column: options.Columns = None,
    lang: Lang = None,
    target_lang: Annotated[
        str | None, typer.Option(help="Language wanted, for a model of several.", show_default=False)
    ] = None,
    beam: Beam = None,
    greedy: Annotated[bool, typer.Option("--greedy", help="The same as --beam 1.")] = False,
    sample: Annotated[bool, typer.Option("--sample", help="Draw instead of searching.")] = False,
    top_k: Annotated[int | None, typer.Option(min=1, help="Draw from the K best pieces.", show_default=False)] = None,
    top_p: Annotated[
        float | None, typer.Option(min=0, max=1, help="Draw from the best pieces up to P.", show_default=False)
    ] = None,
    temperature: Annotated[float | None, typer.Option(help="Of the draws; 1 as learned.", show_default=False)] = None,
    nbest: Nbest = 1,
    groups: Annotated[
        int | None, typer.Option(min=1, help="Groups of a diverse beam search.", show_default=False)
    ] = None,
    diversity: Annotated[
        float | None, typer.Option(min=0, help="How diverse, with --groups.", show_default=False)
    ] = None,
    length_penalty: Annotated[
        float | None, typer.Option(min=0, help="Larger: longer answers. Default: the model's.", show_default=False)
    ] = None,
    no_repeat_ngram: Annotated[
        int | None, typer.Option(min=0, help="No N pieces in a row twice.", show_default=False)
    ] = None,
    min_length: Annotated[int | None, typer.Option(min=0, help="Least pieces.", show_default=False)] = None,
    max_length: Annotated[int | None, typer.Option(min=1, help="Most pieces.", show_default=False)] = None,
    force: Annotated[
        list[str] | None, typer.Option(metavar="WORD", help="Every answer must hold this word.", show_default=False)
    ] = None,
    script: Annotated[
        str | None, typer.Option(help="Letters of this script only, e.g. Latn, Deva.", show_default=False)
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of --sample.", show_default=False)] = None,
    engine: Engine = "auto",
    batch_tokens: BatchTokens = None,
    precision: options.Precision = "fp32",
    device: options.Device = None,
    quiet: options.Quiet = False,
) -> None:
    """Translate texts: one line out for each line in, in order; at a terminal, line by line as you type.

    \b
    nlpkit translate -m runs/translate/default/model -t "Call me at seven" --nbest 3
    nlpkit translate -m runs/translate/default/model book.txt --beam 8 > book.out
    """
    changes: dict[str, Any] = {
        "beam": 1 if greedy else beam, "sample": sample or None, "top_k": top_k, "top_p": top_p,
        "temperature": temperature, "groups": groups, "diversity": diversity, "length_penalty": length_penalty,
        "no_repeat_ngram": no_repeat_ngram, "min_length": min_length, "max_length": max_length,
        "force": force or None, "script": script, "seed": seed, "nbest": nbest if nbest > 1 else None,
    }  # fmt: skip
    if greedy and (beam not in (None, 1) or sample):
        raise InputError("--greedy is neither --beam nor --sample", "leave one of them out")
    _run(
        "translate", files, model, text, read, to, column, lang, target_lang, changes, engine, batch_tokens, precision,
        device, quiet,
    )  # fmt: skip


def g2p(
    files: options.Files = None,
    model: Models = None,
    text: options.Text = None,
    read: From = None,
    to: To = None,
    column: options.Columns = None,
    lang: Lang = None,
    beam: Beam = None,
    nbest: Nbest = 1,
    batch_tokens: BatchTokens = None,
    device: options.Device = None,
    quiet: options.Quiet = False,
) -> None:
    """Pronounce words: letters in, phones out, one line for each; several models answer together.

    \b
    nlpkit g2p -m runs/g2p/default/model --lang fre -t bonjour
    nlpkit g2p -m runs/a/model -m runs/b/model words.tsv --column src=word --to tsv
    """
    changes = {"beam": beam, "nbest": nbest if nbest > 1 else None}
    _run(
        "g2p", files, model, text, read, to, column, lang, None, changes, "torch", batch_tokens, "fp32", device, quiet
    )  # fmt: skip


def _run(
    task: str, files: list[str] | None, models: list[str] | None, text: list[str] | None, read: str | None,
    to: str | None, column: list[str] | None, lang: str | None, target_lang: str | None, changes: dict[str, Any],
    engine: str, batch_tokens: int | None, precision: str, device: str | None, quiet: bool,
) -> None:  # fmt: skip
    from nlpkit.data import formats
    from nlpkit.data.files import Lenient
    from nlpkit.jobs.predict import Predictor
    from nlpkit.jobs.signals import Signals

    stderr.quiet = quiet
    tables = [path for path in files or [] if read is None and formats.guess(path, "text", "texts") == "csv"]
    if tables:
        raise InputError(f"`{tables[0]}`: pairs are not read from csv", "write TSV or JSON Lines; else --from text")
    options.choice(engine, ("auto", "torch", "ct2"), "--engine")
    options.choice(precision, ("fp32", "bf16", "int8"), "--precision")
    options.one_source(text, files, read, column)
    fmt = read or (formats.guess(files[0], "text", "pairs") if files else "text")
    options.choice(fmt, formats.READ["pairs"], "--from")
    written = options.choice(to or (fmt if fmt in ("tsv", "jsonl") else "text"), formats.WRITE["pairs"], "--to")
    changed = _changed(changes)
    report = Lenient()
    asks = not files and not text and sys.stdin.isatty()
    first, *also = models or [options.model(None, task)]

    def loaded() -> Predictor:
        return Predictor(
            first, task=task, precision=precision, device=device, batch_tokens=batch_tokens, decoding=changed,
            engine=engine, also=also, say=stderr.say,
        )  # fmt: skip

    if asks:
        from nlpkit.cli.prompt import ask

        ask(loaded(), lang or "", target_lang or "")
        return
    with Signals() as signals:
        predictor = loaded()
        rows = _in_languages(_rows(files, text, read, column, report), lang, target_lang)
        answers = predictor(signals.waiting(rows), poll=signals.poll)
        predictor.task.write(written, _flushed(answers), sys.stdout, best=predictor.decoding.nbest)  # type: ignore[call-arg]
        sys.stdout.flush()
    for line in [*report.summary(), *_oddities(predictor)]:
        stderr.say(f"note: {line}")


def _changed(changes: dict[str, Any]) -> Callable[[Any], Any]:
    """What the options make of a model's own decoding. A beam is as wide as the answers wanted."""
    from nlpkit.config.decoding import changed

    given = {name: value for name, value in changes.items() if value is not None}
    return lambda usual: changed(usual, given)


def _rows(
    files: list[str] | None, text: list[str] | None, read: str | None, column: list[str] | None, report: Any
) -> Iterator[PairRow]:
    from nlpkit.data.rows import PairRow
    from nlpkit.jobs.predict import read_inputs

    if text:
        options.utf8(text)
        return (PairRow(str(number), line, line=number) for number, line in enumerate(text, 1))
    return read_inputs(files or [], read, options.columns(column), "", report, "pairs")


def _in_languages(rows: Iterable[PairRow], lang: str | None, target_lang: str | None) -> Iterator[PairRow]:
    """Rows with the languages that the options name, which are stronger than those of the file."""
    for row in rows:
        yield replace(row, lang=lang or row.lang, target_lang=target_lang or row.target_lang)


def _flushed(rows: Iterator[PairRow]) -> Iterator[PairRow]:
    from nlpkit.jobs.predict import CHUNK

    for number, row in enumerate(rows, 1):
        yield row
        if number % CHUNK == 0:
            sys.stdout.flush()


def _oddities(predictor: Predictor) -> Iterator[str]:
    """What a reader should look at: characters never learned, lengths never seen."""
    task: Any = predictor.task
    if task.unknown:
        row = task.unknown[0]
        hold = counted(len(task.unknown), "text", "hold")
        yield f"{hold} characters that the model has never seen, first row {row.id} (line {row.line})"
    if task.strange:
        yield f"the model writes {', '.join(task.langs[1])}, not {', '.join(sorted(task.strange))}: the name is ignored"
    if task.odd_rows:
        row = task.odd_rows[0]
        are = counted(len(task.odd_rows), "answer", "are")
        yield (
            f"{are} empty, or much shorter or longer than such texts became in training, "
            f"first that of row {row.id} (line {row.line}): {counted(len(row.text.strip()), 'character')} became "
            f"{len(row.target or '')}"
        )
