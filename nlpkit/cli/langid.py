"""``nlpkit langid``: texts in, their languages out."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nlpkit.cli import options
from nlpkit.cli.streams import print_json, print_lines, stderr, table
from nlpkit.errors import InputError, counted

if TYPE_CHECKING:
    from nlpkit.data.rows import TextRow
    from nlpkit.jobs.langid import Answer, Identifier

_DEFAULT, _MIN_SCORE = "label,score,name,script", 0.5
_COLUMNS = ("label", "score", "name", "script", "text", "id")


def langid(
    files: options.Files = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="Folder of a model, or a fastText .bin or .ftz. Default: the one that ships with nlpkit.",
            show_default=False,
        ),
    ] = None,
    text: options.Text = None,
    read: options.TextsFrom = None,
    column: options.Columns = None,
    columns: Annotated[str, typer.Option(help="What is printed: label, score, name, script, text, id.")] = _DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    top: Annotated[int, typer.Option(min=1, help="The N best labels, with --json.")] = 1,
    only: Annotated[
        str | None,
        typer.Option(
            help="Say these only: codes, languages, macrolanguages, areas (africa), families.", show_default=False
        ),
    ] = None,
    min_chars: Annotated[int, typer.Option(min=1, help="Fewer letters than this: und.")] = 1,
    min_score: Annotated[
        float, typer.Option(min=0, max=1, help="A lower score than this: und; 0: guess where a script is known.")
    ] = _MIN_SCORE,
    words: Annotated[
        bool, typer.Option("--words", help="The language of each word, and how mixed the line is.")
    ] = False,
    split: Annotated[
        Path | None,
        typer.Option(
            "--split-by-language", metavar="DIR", help="Write each line into DIR/CODE.txt.", show_default=False
        ),
    ] = None,
    keep: Annotated[
        str | None, typer.Option("--filter", metavar="LANG", help="Print the lines in LANG only.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="With --filter: write to this file.", show_default=False)] = None,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Do every N-th line only, from the I-th.", show_default=False)
    ] = None,
    languages: Annotated[bool, typer.Option("--languages", help="List what the model knows.")] = False,
    device: options.Device = None,
    quiet: options.Quiet = False,
) -> None:
    """Name the language of each line: one line out for each line in, und where it cannot tell, zxx for no language.

    \b
    nlpkit langid -t "Habari ya asubuhi"
    nlpkit langid corpus.txt --filter swh --min-score 0.9
    """
    from nlpkit.config.bundle_info import read as read_info
    from nlpkit.data.files import Lenient
    from nlpkit.jobs import corpus
    from nlpkit.jobs import langid as job
    from nlpkit.jobs.predict import CHUNK
    from nlpkit.jobs.signals import Signals
    from nlpkit.text.langcodes import NO_LANGUAGE, UNKNOWN, select

    stderr.quiet = quiet
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy comes: more threads only wait for each other
    given = {
        "--words": words, "--split-by-language": split is not None, "--filter": keep is not None,
        "--languages": languages, "--out": out is not None, "--shard": shard is not None, "--json": as_json,
        "--columns": columns != _DEFAULT, "--top": top > 1, "--only": only is not None,
        "--min-chars": min_chars > 1, "--min-score": min_score != _MIN_SCORE,
        "--text": bool(text), "FILE": bool(files), "--column": bool(column), "--from": read is not None,
    }  # fmt: skip
    _useful(given)
    name = options.model(model, "langid")
    if str(out) == ".":
        raise InputError("--out names no file")
    if languages:
        info = read_info(Path(name)) if Path(name).is_dir() else job.Identifier(name).predictor.info
        _list(job.languages(info), as_json)
        return
    shown = [options.choice(part.strip(), _COLUMNS, "--columns") for part in columns.split(",")]
    part = corpus.Shard.parse(shard) if shard else corpus.Shard()
    report = Lenient()
    rows = part.rows(options.text_rows(files, text, read, column, report))
    at_terminal = not files and not text and sys.stdin.isatty()
    with Signals() as signals:
        identifier = job.Identifier(
            name, only=_names(only), top=top, min_chars=min_chars, min_score=min_score, device=device
        )
        wanted = select(_names(keep), [*identifier.labels, UNKNOWN, NO_LANGUAGE]) if keep is not None else []
        if words:
            _words(signals.waiting(rows), identifier, as_json, at_terminal)
        else:
            found = job.answers(signals.waiting(rows), identifier, signals.poll, 1 if at_terminal else CHUNK)
            if split is not None:
                settings = json.dumps([name, files, text, read, column, only, min_chars, min_score])
                _told(corpus.split(found, split, part, settings), str(split))
            elif out is not None:
                _told(corpus.keep_whole(found, wanted, out, part), str(out))
            elif keep is not None:
                _told(corpus.keep(found, wanted, sys.stdout), "")
            else:
                _print(found, shown, as_json, top > 1, at_terminal)
        sys.stdout.flush()
    for line in report.summary():
        stderr.say(f"note: {line}")


_IGNORED = {
    "--words": ("--columns", "--top", "--min-chars", "--min-score", "--out", "--shard"),
    "--split-by-language": ("--columns", "--top", "--json", "--out"),
    "--filter": ("--columns", "--top", "--json"),
    "--languages": (
        "--columns", "--top", "--only", "--min-chars", "--min-score", "--out", "--shard", "--text", "FILE", "--column",
        "--from",
    ),
    "--json": ("--columns",),
    "--text": ("--column", "--from", "FILE"),
}  # fmt: skip


def _useful(given: dict[str, bool]) -> None:
    """Raise InputError for options that would be ignored."""
    modes = [name for name in ("--words", "--split-by-language", "--filter", "--languages") if given[name]]
    if len(modes) > 1:
        raise InputError(f"{' and '.join(modes)} cannot be asked for at once", "leave all but one of them out")
    for name, others in _IGNORED.items():
        if given[name] and (unused := [other for other in others if given[other]]):
            raise InputError(f"{unused[0]} says nothing beside {name}", "leave one of them out")
    if given["--out"] and not given["--filter"]:
        raise InputError("--out is for --filter", "else: nlpkit langid FILE > OUT")
    if given["--shard"] and not (given["--split-by-language"] or given["--out"]):
        raise InputError("--shard needs --split-by-language DIR, or --filter LANG --out FILE")
    if given["--top"] and not given["--json"]:
        raise InputError("--top is printed as JSON only", "add --json")


def _names(text: str | None) -> list[str]:
    """``swh,eng`` -> its parts; an empty one is refused where they are looked up."""
    return [] if text is None else text.split(",")


def _print(
    found: Iterator[tuple[TextRow, Answer]], shown: list[str], as_json: bool, top: bool, at_terminal: bool
) -> None:
    from nlpkit.jobs.corpus import one_line

    for number, (row, answer) in enumerate(found, 1):
        if as_json:
            data = {"id": row.id, "text": row.text, **answer.facts(top=top)}
            sys.stdout.write(json.dumps(data, ensure_ascii=False) + "\n")
        else:
            cells = {**answer.facts(top=False), "text": row.text, "id": row.id, "score": f"{answer.score:.4f}"}
            sys.stdout.write("\t".join(one_line(str(cells[name])) for name in shown) + "\n")
        if at_terminal or number % 1024 == 0:
            sys.stdout.flush()


def _words(rows: Iterator[TextRow], identifier: Identifier, as_json: bool, at_terminal: bool) -> None:
    from nlpkit.jobs.langid import mixing

    for row in rows:
        found = identifier.words(row.text)
        if as_json:
            data = {
                "id": row.id,
                "text": row.text,
                "cmi": round(mixing(found), 2),
                "words": [
                    {"text": w.text, "start": w.start, "end": w.end, "label": w.label, "score": round(w.score, 4)}
                    for w in found
                ],
            }
            sys.stdout.write(json.dumps(data, ensure_ascii=False) + "\n")
        else:
            sys.stdout.write(f"{mixing(found):.1f}\t" + " ".join(f"{w.text}/{w.label}" for w in found) + "\n")
        if at_terminal:
            sys.stdout.flush()


def _told(counts: Any, where: str) -> None:
    if counts is None:
        stderr.say(f"note: `{where}` is done already, nothing was written")
        return
    stderr.say("note: " + ", ".join(f"{label} {count}" for label, count in counts.most_common(12)))


def _list(found: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    body = [[row[key] if row[key] not in (None, "") else "-" for key in row] for row in found]
    print_lines(table(list(found[0]), body))
    lists = sum(row["texts"] == 0 for row in found)
    few = f"; {lists} {'was' if lists == 1 else 'were'} learned from a word list only" if lists else ""
    stderr.say(f"note: {counted(len(found), 'label')}{few}")
