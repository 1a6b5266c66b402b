"""``nlpkit evaluate``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nlpkit.cli import options
from nlpkit.cli.streams import print_json, print_lines, printable, stderr, table
from nlpkit.errors import CheckFailed, InputError

if TYPE_CHECKING:
    from nlpkit.data.rows import Row, TokenRow
    from nlpkit.tasks.base import Task


def evaluate(
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="Folder of a model; none with --guess.", show_default=False)
    ] = None,
    card: Annotated[str | None, typer.Option(help="Data card to score on.", show_default=False)] = None,
    split: Annotated[str, typer.Option(help="Split of the card.")] = "test",
    gold: Annotated[
        str | None, typer.Option(help="File with the right tags, instead of a card.", show_default=False)
    ] = None,
    guess: Annotated[
        str | None, typer.Option(help="File with the tags to score, instead of a model.", show_default=False)
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(help="Also by: type (ner), tag (pos), label (classify, langid), lang.", show_default=False),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(help="A second model (or guess file): difference, interval and p value.", show_default=False),
    ] = None,
    fail_under: Annotated[
        str | None,
        typer.Option(metavar="METRIC=VALUE", help="Exit with 1 below this, e.g. f1=0.8.", show_default=False),
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="Task, when no model says it. Default: ner.", show_default=False)
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Draw confusions and reliability (classify) as SVG.", show_default=False),
    ] = None,
    errors: Annotated[
        int, typer.Option(min=0, help="Show so many mistakes, those first of which the model was surest.")
    ] = 0,
    read: Annotated[str | None, options.reads("conll", "conllu", "jsonl", "tsv", "csv", "moses", "tmx")] = None,
    column: options.Columns = None,
    scheme: Annotated[
        str | None,
        typer.Option(help="Tag scheme of the files: iob1, iob2, iobes, bilou. Default: found.", show_default=False),
    ] = None,
    precision: options.Precision = "fp32",
    device: options.Device = None,
    data_dir: options.DataDir = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Score a model on a card or file, or one file against another.

    \b
    nlpkit evaluate runs/ner/default/model --card samples_ner --by type
    nlpkit evaluate --gold gold.conll --guess mine.conll --json
    """
    from nlpkit.config.recipe import Source
    from nlpkit.data import formats
    from nlpkit.jobs import evaluate as job
    from nlpkit.jobs.predict import Predictor
    from nlpkit.jobs.signals import Signals
    from nlpkit.text import spans

    stderr.quiet = quiet
    _one_each(model, guess, card, gold)
    if as_json and errors:
        raise InputError("--errors says nothing beside --json", "leave one of them out")
    if by is not None:
        options.choice(by, ("type", "tag", "label", "lang"), "--by")
    options.choice(precision, ("fp32", "bf16", "int8"), "--precision")
    if model is None and baseline is None and (precision != "fp32" or device is not None):
        raise InputError("no model is run, so --precision and --device say nothing", "leave them out")
    options.choice(scheme or "iob2", spans.SCHEMES, "--scheme")
    options.choice(read or "conll", tuple(name for known in formats.READ.values() for name in known), "--from")
    limit = _limit(fail_under)

    def file_source(path: str, learned: dict[str, int | str]) -> Source:
        usual = formats.DEFAULT[kind]
        fmt = read or formats.guess(path, usual, kind)
        fmt = usual if fmt == "text" else fmt
        places = {**(learned if fmt == "conllu" else {}), **options.columns(column)}
        return Source.model_validate({"files": [path], "format": fmt, "columns": places, "scheme": scheme})

    with Signals() as signals:
        predictor = None
        if model is not None:
            predictor = Predictor(model, task=task, precision=precision, device=device)
            task = str(predictor.info["task"])
        task = task or "ner"
        judge = predictor.task if predictor else job.scorer(task)
        kind = judge.head
        _suits(judge, task, by, scheme)
        learned = predictor.columns if predictor else {}  # the column of CoNLL-U that the model was trained on
        if card:
            places = options.columns(column)
            source = Source.model_validate({"card": card, "split": split, "columns": places, "scheme": scheme})
        else:
            source = file_source(str(gold), learned)
        right = job.load_gold(source, data_dir, stderr.say, task)
        files = [] if model is not None else [str(guess)]
        files += [baseline] if baseline is not None and Path(baseline).is_file() else []
        sides = {
            name: job.load_gold(file_source(name, learned), data_dir, stderr.say, task, "guessed") for name in files
        }
        if predictor is None:
            judge = job.scorer(task, [row for side in (right, *sides.values()) for row in side.rows])
        signals.poll()

        def outputs(name: str, reader: Predictor | None) -> tuple[list[TokenRow], list[TokenRow]]:
            if reader is None:
                return job.compare(right, sides[name], judge, stderr.say)
            return job.run_model(right, reader, signals.poll)

        rows, found = outputs(str(model or guess), predictor)
        scores = job.score(rows, found, judge, by, predictor.seen if predictor else None)
        if baseline is not None:
            other = None
            if not Path(baseline).is_file():
                other = Predictor(baseline, task=task, precision=precision, device=device)
            _, guessed = outputs(baseline, other)
            scores["against"] = {"baseline": baseline, **job.against(rows, found, guessed, judge)}
    if plots is not None:
        _draw(scores, plots, card or Path(str(gold)).name.split(".")[0])
    if as_json:
        print_json(scores)
    else:
        _print(scores, judge, f"{card}/{split}" if card else str(gold), by)
        _print_mistakes(rows, found, errors)
    if limit is not None:
        _hold(scores, *limit)


def _one_each(model: str | None, guess: str | None, card: str | None, gold: str | None) -> None:
    """What is scored, and against what."""
    if (model is None) == (guess is None):
        raise InputError(
            "name a MODEL or a --guess file", "nlpkit evaluate MODEL --card NAME, or nlpkit evaluate --gold F --guess F"
        )
    if (card is None) == (gold is None):
        raise InputError(
            "name a --card or a --gold file", "nlpkit evaluate MODEL --card NAME, or nlpkit evaluate MODEL --gold F"
        )


def _suits(judge: Any, task: str, by: str | None, scheme: str | None) -> None:
    """Options that are for another task are refused."""
    if scheme is not None and not judge.spans:
        raise InputError(f"{task} has no tag scheme", "leave out --scheme")
    if by in ("type", "tag", "label") and by != judge.unit:
        hint = f"--by {judge.unit}, or --by lang" if judge.unit in ("type", "tag", "label") else "--by lang"
        raise InputError(f"`--by {by}` is not for {task}", hint)


def _draw(scores: dict[str, Any], folder: Path, name: str) -> None:
    from nlpkit.jobs import plots

    drawn = plots.of_scores(scores, folder, name)
    if not drawn:
        raise InputError("there is no picture of these scores", "leave out --plots")
    for path in drawn:
        stderr.say(f"note: `{path}`")


def _print(scores: dict[str, Any], judge: Task, name: str, by: str | None) -> None:
    from nlpkit.jobs.model_card import scores_table

    first, *rest = judge.lines(scores)
    print_lines([f"{name}: {first}", *rest])
    if by == judge.unit and f"per_{by}" in scores:
        print_lines(["", *scores_table(scores, judge.unit)])
    print_lines(_more(scores, judge.main_metric))


def _print_mistakes(gold: Sequence[Row], guess: Sequence[Row], most: int) -> None:
    from nlpkit.jobs import mistakes

    for mistake in mistakes.worst(gold, guess, most) if most else ():
        print_lines(["", *map(printable, mistakes.lines(mistake))])


def _more(scores: dict[str, Any], metric: str) -> Iterator[str]:
    """The parts that only some calls ask for."""
    name = {"f1": "F1"}.get(metric, metric)
    if "by_lang" in scores:
        others = {"gold": "support", "macro F1": "macro_f1"} if "macro_f1" in scores else {}
        heads = ["rows", *list(others)[:1], name, *list(others)[1:]]
        keys = ["rows", *list(others.values())[:1], metric, *list(others.values())[1:]]
        body = [[lang, *(part[key] for key in keys)] for lang, part in scores["by_lang"].items()]
        yield from ["", *table(["lang", *heads], body)]
        yield f"macro over languages  {scores[f'macro_lang_{metric}']:.4f}"
    if d := scores.get("against"):
        yield ""
        interval = f"95 %: {d['low']:+.4f} to {d['high']:+.4f}"
        yield f"against {d['baseline']}: {d['difference']:+.4f} {name} ({interval}), p = {d['p']:.4f}"


def _hold(scores: dict[str, Any], name: str, least: float) -> None:
    """Raise CheckFailed when a score is under the limit."""
    value = scores.get(name)
    if not isinstance(value, float):
        known = ", ".join(key for key, found in scores.items() if isinstance(found, float))
        raise InputError(f"--fail-under: no metric `{name}`", f"metrics: {known}")
    if value < least:
        raise CheckFailed(f"{name} is {value:.4f}, under {least}")


def _limit(text: str | None) -> tuple[str, float] | None:
    if text is None:
        return None
    name, sign, value = text.partition("=")
    try:
        if not sign or not math.isfinite(least := float(value)):
            raise ValueError
        return name, least
    except ValueError:
        raise InputError(f"`--fail-under {text}` is not METRIC=VALUE", "for example: --fail-under f1=0.8") from None
