"""``nlpkit train``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nlpkit.cli import options
from nlpkit.cli.streams import print_json, stderr
from nlpkit.errors import InputError


def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="TASK, TASK/NAME (see `nlpkit recipe list`), or a recipe file.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE", help="Change the recipe; data.train=FILE uses own files.", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Run directory. Default: runs/TASK/NAME.", show_default=False)
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew where a run already stands.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Load, encode, train one batch in memory; write nothing.")
    ] = False,
    curve: Annotated[
        str | None,
        typer.Option(
            metavar="PERCENT,...", help="Train on so many % of the rows each: a learning curve.", show_default=False
        ),
    ] = None,
    data_dir: options.DataDir = None,
    quiet: options.Quiet = False,
) -> None:
    """Train a recipe into a run directory and print the path of the model.

    \b
    nlpkit train ner
    nlpkit train ner data.train=my.conll data.dev=my_dev.conll --out runs/mine
    """
    from nlpkit.config.recipe import path_of
    from nlpkit.jobs import series
    from nlpkit.jobs import train as job
    from nlpkit.jobs.prepare import load_recipe

    stderr.quiet = quiet
    checked = load_recipe(recipe, overrides)
    shares = _shares(curve)
    if shares and (dry_run or checked.evaluate.folds):
        raise InputError("--curve says nothing beside --dry-run or evaluate.folds", "leave one of them out")
    if dry_run:
        print_json(job.dry_run(checked, data_dir=data_dir, say=stderr.say))
        return
    own = next((text.partition("=")[2] for text in overrides or [] if text.startswith("data.train=")), None)
    name = Path(own).name.split(".")[0] if own else path_of(recipe).stem
    folder = out or Path("runs") / checked.task / name
    common: dict[str, Any] = {
        "data_dir": data_dir, "overwrite": overwrite, "say": stderr.say, "tick": stderr.tick
    }  # fmt: skip
    if shares:
        model = series.curve(checked, folder, shares, **common)
    elif checked.evaluate.folds:
        model = series.folds(checked, folder, **common)
    else:
        model = job.train(checked, folder, **common)
    stderr.say(f"next: nlpkit {checked.task} --model {model} FILE")
    sys.stdout.write(f"{model}\n")


def _shares(text: str | None) -> list[int]:
    """``10,50,100`` -> [10, 50, 100]."""
    if text is None:
        return []
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = [0]
    if not all(0 < share <= 100 for share in found):
        raise InputError(f"`--curve {text}` is no list of whole percents", "for example: --curve 10,25,50,100")
    return found
