"""``nlpkit bpe``: vocabularies of sub-words. ``stats`` and ``inspect`` are in ``bpe_stats``."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nlpkit.cli import bpe_stats, options
from nlpkit.cli.streams import stderr, table

if TYPE_CHECKING:
    from nlpkit.data.files import Strictly

_HELP = """Learn sub-words (BPE, byte-level BPE, WordPiece, unigram), and cut texts into them.

\b
nlpkit bpe train swahili.txt:swh yoruba.txt:yor vocab_size=16000 --out pieces
nlpkit bpe encode pieces swahili.txt > swahili.pieces
"""
app = typer.Typer(help=_HELP, no_args_is_help=True, rich_markup_mode=None)
Folder = Annotated[str, typer.Argument(metavar="FOLDER", help="Folder with a tokenizer.json, or that file.")]
Out = Annotated[Path, typer.Option(metavar="FOLDER", help="Where the tokenizer goes.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a tokenizer that is there.")]
_MOST_LANGUAGES = 60


@app.command()
def train(
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE|KEY=VALUE",
            help="Texts: FILE, FILE:CODE in one language, - for stdin; and settings, see below.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where the tokenizer goes. Default: runs/bpe/NAME.", show_default=False),
    ] = None,
    overwrite: Overwrite = False,
    card: Annotated[str | None, typer.Option(help="Learn from this data card too.", show_default=False)] = None,
    split: Annotated[str, typer.Option(help="Split of the card.")] = "train",
    dev: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE", help="The same texts in all languages, for parity; FILE:CODE too.", show_default=False
        ),
    ] = None,
    read: options.TextsFrom = None,
    column: options.Columns = None,
    data_dir: options.DataDir = None,
    quiet: options.Quiet = False,
) -> None:
    """Learn sub-words from texts into a folder that transformers can load, and print its path.

    \b
    nlpkit bpe train corpus.txt vocab_size=16000 --out pieces
    nlpkit bpe train corpus.tsv.gz algorithm=unigram temperature=3 --out pieces

    \b
    algorithm=bpe          or byte-bpe, wordpiece, unigram
    vocab_size=32000       pieces, with marks, tags and single characters
    pre_tokenizer=         metaspace, whitespace (bpe, wordpiece) or byte-level (bpe, byte-bpe)
    byte_fallback=false    256 pieces for the bytes of unseen characters
    form=NFC               or NFKC, none
    lower=false            lower case
    split_digits=false     each digit by itself
    protected=[]           words that are never cut, nor found inside words
    language_tags=false    a piece <swh> for each language
    min_frequency=2        of a pair that is merged
    temperature=1          languages get shares ~ lines^(1/temperature)
    sample=                learn from at most so many lines
    parity=none            or window, base: merges go to the language worst off
    seed=13                of what is drawn

    Languages come from FILE:CODE or a column `lang` of a table. The same texts and settings give the same bytes,
    whatever the order of lines or the number of threads.
    """
    from nlpkit.config.subwords import keys_and_files, parse
    from nlpkit.data import formats
    from nlpkit.jobs import bpe as job

    stderr.quiet = quiet
    keys, files = keys_and_files(texts or [])
    spec = parse(keys)
    if read is not None:
        options.choice(read, formats.READ["texts"], "--from")
    columns = options.columns(column)
    sources = [job.source(text, read, columns) for text in files or ([] if card else ["-"])]
    sources += [job.of_card(card, split, data_dir)] if card else []
    name = card or ("stdin" if sources[0].path == "-" else Path(sources[0].path).name.split(".")[0])
    folder = out or Path("runs") / "bpe" / name
    tried = [job.source(text, read, columns) for text in dev or []]
    facts = job.train(sources, spec, folder, dev=tried, overwrite=overwrite, say=stderr.say, tick=stderr.tick)
    _tell_languages(facts["languages"])
    stderr.say(f"next: nlpkit bpe encode {folder} FILE")
    sys.stdout.write(f"{folder}\n")


def _tell_languages(found: dict[str, dict[str, float]]) -> None:
    """The lines of each language and their shares, on stderr."""
    if len(found) < 2:
        return
    body = [
        [lang, row["lines"], row["used"], f"{100 * row['share']:.2f}", f"{100 * row['learned']:.2f}"]
        for lang, row in list(found.items())[:_MOST_LANGUAGES]
    ]
    for line in table(["language", "lines", "used", "% of used", "% learned"], body):
        stderr.say(line)
    if (more := len(found) - _MOST_LANGUAGES) > 0:
        stderr.say(f"... and {more} more languages, in subwords.json")


@app.command()
def encode(
    folder: Folder,
    files: options.Files = None,
    ids: Annotated[bool, typer.Option("--ids", help="Numbers of pieces.")] = False,
    dropout: Annotated[
        float, typer.Option(min=0, max=1, help="Chance that a merge is passed over (BPE-dropout).")
    ] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the dropout: the same text is cut the same.")] = 13,
    check: Annotated[bool, typer.Option("--check", help="Count lines that decode to another text.")] = False,
    processes: Annotated[int, typer.Option(min=1, help="Work in so many processes.")] = 1,
    quiet: options.Quiet = False,
) -> None:
    """Cut texts into sub-words: one line of pieces out for each line in, in order.

    \b
    nlpkit bpe encode pieces corpus.txt > corpus.pieces
    nlpkit bpe encode pieces/tokenizer.json --ids --dropout 0.1 < corpus.txt
    """
    from nlpkit.data.files import Strictly
    from nlpkit.jobs.bpe_coding import Asked, Encoder, lines_of
    from nlpkit.jobs.signals import Signals

    stderr.quiet = quiet
    encoder, report = Encoder(Asked(folder, ids, dropout, seed), check=check, processes=processes), Strictly()
    paths = files or ["-"]
    with Signals() as signals:
        texts = (text for _, _, text in signals.waiting(lines_of(paths, report)))
        _write(encoder(texts, **_chunk(paths)), paths, report)
    if check and encoder.differ:
        stderr.say(f"warning: {encoder.differ} of {encoder.count} lines do not decode to the same text")
    elif check:
        stderr.say(f"all {encoder.count} lines decode to the same text")


@app.command()
def decode(
    folder: Folder,
    files: options.Files = None,
    ids: Annotated[bool, typer.Option("--ids", help="The lines hold numbers of pieces.")] = False,
    quiet: options.Quiet = False,
) -> None:
    """Join sub-words to texts again: one line out for each line in, in order.

    \b
    nlpkit bpe decode pieces corpus.pieces > corpus.txt
    nlpkit bpe decode pieces --ids < corpus.ids
    """
    from nlpkit.data.files import Strictly
    from nlpkit.jobs.bpe_coding import Decoder, lines_of
    from nlpkit.jobs.signals import Signals

    stderr.quiet = quiet
    decoder, report = Decoder(folder, ids=ids), Strictly()
    paths = files or ["-"]
    with Signals() as signals:
        _write(decoder(signals.waiting(lines_of(paths, report)), **_chunk(paths)), paths, report)
    if decoder.lost:
        stderr.say(f"warning: {decoder.lost} of {decoder.count} lines hold the unknown piece: characters are lost")


@app.command()
def export(
    folder: Folder,
    to: Annotated[str, typer.Option("--to", help="subword-nmt, sentencepiece, or vocab: a piece a line.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The file to write.")],
    quiet: options.Quiet = False,
) -> None:
    """Write a tokenizer as a file for another tool.

    \b
    nlpkit bpe export pieces --to sentencepiece -o pieces.model
    nlpkit bpe export pieces --to vocab -o vocab.txt
    """
    from nlpkit.jobs import bpe_export as job

    stderr.quiet = quiet
    job.export(folder, options.choice(to, job.TARGETS, "--to"), out, stderr.say)
    sys.stdout.write(f"{out}\n")


@app.command("import")
def import_(
    codes: Annotated[str, typer.Argument(metavar="CODES", help="Codes that `subword-nmt learn-bpe` wrote.")],
    out: Out,
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE", help="Texts whose letters are pieces too.", show_default=False),
    ] = None,
    overwrite: Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Make a tokenizer of the codes of subword-nmt, which cuts as they do.

    \b
    nlpkit bpe import codes.bpe --out pieces
    nlpkit bpe import codes.bpe corpus.txt --out pieces
    """
    from nlpkit.jobs.bpe_export import import_codes

    stderr.quiet = quiet
    stderr.say(f"{import_codes(codes, texts or [], out, overwrite=overwrite):,} pieces")
    sys.stdout.write(f"{out}\n")


app.command()(bpe_stats.stats)
app.command()(bpe_stats.inspect)


@app.command()
def extend(
    name: Annotated[str, typer.Argument(metavar="TOKENIZER|MODEL", help="A folder, or a tokenizer.json.")],
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Texts of the new language; - is stdin.")],
    out: Out,
    add: Annotated[int, typer.Option(min=1, help="New pieces, at most.")] = 2000,
    overwrite: Overwrite = False,
    read: options.TextsFrom = None,
    column: options.Columns = None,
    quiet: options.Quiet = False,
) -> None:
    """Add pieces of a new language to a pretrained tokenizer, and rows to the embeddings of a model.

    \b
    nlpkit bpe extend xlm-roberta-base wolof.txt --add 2000 --out xlmr-wolof
    nlpkit bpe extend llama/tokenizer.json wolof.txt --out pieces

    A new row is the mean of those of the old pieces of the new one. Weights are read from safetensors only.
    """
    from nlpkit.data import formats
    from nlpkit.jobs.bpe import source
    from nlpkit.jobs.bpe_extend import extend as job

    stderr.quiet = quiet
    if read is not None:
        options.choice(read, formats.READ["texts"], "--from")
    sources = [source(text, read, options.columns(column)) for text in files]
    count = job(name, sources, add, out, overwrite=overwrite, say=stderr.say)
    stderr.say(f"{count:,} new pieces")
    sys.stdout.write(f"{out}\n")


def _at_terminal(paths: list[str]) -> bool:
    return "-" in paths and sys.stdin.isatty()


def _chunk(paths: list[str]) -> dict[str, int]:
    """Line by line where a person types."""
    return {"chunk": 1} if _at_terminal(paths) else {}


def _write(lines: Iterable[str], paths: list[str], report: Strictly) -> None:
    """Lines to stdout, then what was reported of the files they were made from."""
    at_terminal = _at_terminal(paths)
    for line in lines:
        sys.stdout.write(line + "\n")
        if at_terminal:
            sys.stdout.flush()
    sys.stdout.flush()
    for line in report.summary():
        stderr.say(f"note: {line}")
