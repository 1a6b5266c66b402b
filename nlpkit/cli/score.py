"""``nlpkit score``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from nlpkit.cli import options
from nlpkit.cli.streams import print_json, print_lines, stderr, table
from nlpkit.errors import CheckFailed, InputError, counted


def score(
    metric: Annotated[str, typer.Argument(metavar="METRIC", help="bleu, chrf, chrf++, ter, wer, cer, per, or g2p.")],
    guess: Annotated[list[str], typer.Argument(metavar="GUESS", help="Files to score, a segment a line; - is stdin.")],
    gold: Annotated[
        list[str], typer.Option(metavar="FILE", help="File with right answers; again for other right answers.")
    ],
    lang: Annotated[
        str | None,
        typer.Option(
            help="Language of the texts, which chooses the tokenizer of bleu: swh, zho_Hans.", show_default=False
        ),
    ] = None,
    tokenize: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Tokenizer of bleu: 13a, intl, char, zh, ja-mecab, ko-mecab, none. Default: by --lang, else 13a.",
            show_default=False,
        ),
    ] = None,
    lower: Annotated[bool, typer.Option("--lower", help="Score lower-cased texts only.")] = False,
    read: Annotated[str | None, options.reads("text", "tsv", "jsonl")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=PLACE", help="Where a table holds what: tgt=phones, src_lang=0.", show_default=False
        ),
    ] = None,
    fail_under: Annotated[
        float | None,
        typer.Option(
            metavar="N", help="Exit with 1 if a score is under this (bleu, chrf, chrf++).", show_default=False
        ),
    ] = None,
    fail_over: Annotated[
        float | None,
        typer.Option(
            metavar="N", help="Exit with 1 if a rate is over this (ter, wer, cer, per, g2p).", show_default=False
        ),
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Score files of translations, transcriptions or pronunciations, and compare the later ones with the first.

    \b
    nlpkit score bleu mine.txt --gold gold.txt --lang swh
    nlpkit score chrf theirs.txt mine.txt --gold gold.txt --gold other.txt --json
    """
    from nlpkit.jobs import score as job

    stderr.quiet = quiet
    options.choice(metric, job.METRICS, "METRIC")
    if read is not None:
        options.choice(read, job.READ, "--from")
    if tokenize is not None and metric != "bleu":
        raise InputError(f"{metric} has no tokenizer to choose", "leave out --tokenize")
    if lower and metric not in job.CASED:
        why = "ter is lower-cased already" if metric == "ter" else "phones have no case"
        raise InputError(f"--lower says nothing here: {why}", "leave it out")
    if lang is not None:
        job.check_lang(lang)
    _limits(fail_under, fail_over, metric in job.ERRORS, metric)
    if [*guess, *gold].count("-") > 1:
        raise InputError("stdin can be read once only", "name files for the others")
    columns = options.columns(column)
    golds = [job.read(path, read, columns, stderr.say) for path in gold]
    guesses = [job.read(path, read, columns, stderr.say) for path in guess]
    found = job.score(metric, golds, guesses, lang=lang, tokenize=tokenize, lower=lower, say=stderr.say)
    if as_json:
        print_json(found)
    else:
        print_lines(_lines(found, job.TITLES[metric]))
    _hold(found["systems"], job.TITLES[metric], fail_under, fail_over)


def _limits(under: float | None, over: float | None, errors: bool, metric: str) -> None:
    """Raise InputError for a limit that is no number, or on the wrong side of the metric."""
    for option, value, wrong in (("--fail-under", under, errors), ("--fail-over", over, not errors)):
        if value is None:
            continue
        if not math.isfinite(value):
            raise InputError(f"`{option} {value}` is no finite number", f"for example: {option} 30")
        if wrong:
            better, other = ("lower", "--fail-over") if errors else ("higher", "--fail-under")
            raise InputError(f"{option} is not for {metric}, where {better} is better", f"use {other}")


def _hold(systems: list[dict[str, Any]], title: str, under: float | None, over: float | None) -> None:
    """Raise CheckFailed at the first guess beyond the limit."""
    for found in systems:
        if under is not None and found["score"] < under:
            raise CheckFailed(f"{title} of `{found['guess']}` is {found['score']:.2f}, under {under:g}")
        if over is not None and found["score"] > over:
            raise CheckFailed(f"{title} of `{found['guess']}` is {found['score']:.2f}, over {over:g}")


def _lines(found: dict[str, Any], title: str) -> Iterator[str]:
    several = f", up to {found['references']} references" if found["references"] > 1 else ""
    yield f"{', '.join(found['gold'])}: {counted(found['rows'], 'row')}{several}"
    systems = found["systems"]
    yield from _table(systems, title) if len(systems) > 1 else _details(systems[0], title)
    yield found["signature"]


def _details(one: dict[str, Any], title: str) -> Iterator[str]:
    """The scores of a lone file, and what they come from."""
    low, high = one["interval"]
    small = f"  lower-cased {one['score_lower']:.2f}" if "score_lower" in one else ""
    yield f"{title} {one['score']:.2f}  (95 %: {low:.2f} to {high:.2f}){small}"
    if "precisions" in one:
        precisions = "/".join(f"{value:.1f}" for value in one["precisions"])
        yield f"precisions {precisions}  brevity penalty {one['brevity_penalty']:.3f}  length {one['length_ratio']:.3f}"
    if "per_lang" in one:
        yield f"PER {one['per']:.2f}  (official {one['per_official']:.2f})  accuracy {one['accuracy']:.4f}"
        body = [
            [lang, s["rows"], *(f"{s[name]:.2f}" for name in ("wer", "per", "per_official"))]
            for lang, s in one["per_lang"].items()
        ]
        yield from table(["lang", "rows", "WER", "PER", "official PER"], body)
    yield f"exact {one['exact']:.4f}  empty {one['empty']}"


def _table(systems: list[dict[str, Any]], title: str) -> list[str]:
    """A line a file; differences and p values are against the first."""
    cased = "score_lower" in systems[0]
    pronounced = "per" in systems[0]
    head = [
        "file",
        title,
        *(["lower-cased"] if cased else []),
        "low",
        "high",
        *(["PER"] if pronounced else []),
        "exact",
    ]

    def line(one: dict[str, Any]) -> list[str]:
        numbers = [one["score"], *([one["score_lower"]] if cased else []), *one["interval"]]
        numbers += [one["per"]] if pronounced else []
        against = [f"{one['difference']:+.2f}", f"{one['p']:.4f}"] if "p" in one else ["", ""]
        return [one["guess"], *(f"{number:.2f}" for number in numbers), f"{one['exact']:.4f}", *against]

    return table([*head, "difference", "p"], map(line, systems))
