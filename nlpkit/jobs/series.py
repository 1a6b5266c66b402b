"""Several trainings of one recipe: cross-validation, and learning curves. Each is a run of its own."""

from __future__ import annotations

import json
import math
import random
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from nlpkit.config import strict_yaml
from nlpkit.config.recipe import Recipe, to_yaml
from nlpkit.data.files import write_json
from nlpkit.data.overlap import key
from nlpkit.data.rows import Row
from nlpkit.errors import InputError, counted
from nlpkit.jobs import plots
from nlpkit.jobs import train as job
from nlpkit.jobs.finish import brief
from nlpkit.jobs.predict import Predictor
from nlpkit.jobs.prepare import Data, Tick, load_data
from nlpkit.jobs.rundir import DONE, Say, differing
from nlpkit.tasks import named

Change = Callable[[Data], Data]


def folds(recipe: Recipe, out: Path, *, data_dir: Path | None, overwrite: bool, say: Say, tick: Tick) -> Path:
    """Train on all rows, then ``evaluate.folds`` times on all but one part; the answers for those parts are scored.

    The parts hold the labels evenly, and equal texts stand in one part. ``folds.json`` has the scores of all answers
    together and of each part. A command that was stopped goes on where it stood. Returns the folder of the model of
    all rows.
    """
    count = recipe.evaluate.folds or 0
    if len(recipe.stages) != 1:
        raise InputError("evaluate.folds is for recipes of one stage", "leave it out")
    plain = recipe.model_copy(update={"evaluate": recipe.evaluate.model_copy(update={"folds": None})})
    if not overwrite and (out / "folds.json").is_file():
        raise InputError(f"`{out}` holds finished folds", "--overwrite, or another folder: --out DIR")
    data = load_data(plain, data_dir, lambda _: None)
    part_of = _parts(data.train[0], count, recipe.seed)
    model = _run(plain, out, lambda data: data, data, data_dir, overwrite, say, tick)
    gold: list[Row] = []
    guess: list[Row] = []
    each = []
    task = named(recipe.task)
    metric = recipe.evaluate.select or task.main_metric
    for number in range(count):
        say(f"fold {number + 1} of {count}")

        def held_out(found: Data, number: int = number) -> Data:
            return _held_out(found, part_of, number)

        folder = _run(plain, out / "folds" / f"{number + 1:02d}", held_out, data, data_dir, False, say, tick)
        predictor = Predictor(str(folder))
        rows = held_out(data).test
        filled = list(predictor(rows))
        each.append(float(predictor.task.score(rows, filled)[metric]))
        gold, guess = gold + rows, guess + filled
        judge = predictor.task
    scores = judge.score(gold, guess)
    spread = statistics.stdev(each)
    facts = {
        "folds": count,
        "metric": metric,
        "each": each,
        "mean": statistics.fmean(each),
        "stdev": spread,
        "all": {**brief(scores), "interval": scores["interval"]},
    }
    write_json(out / "folds.json", facts)
    say(f"{count} folds: {metric} {facts['mean']:.4f} +- {spread:.4f}, of all answers {scores[metric]:.4f}")
    return model


def curve(
    recipe: Recipe, out: Path, shares: Sequence[int], *, data_dir: Path | None, overwrite: bool, say: Say, tick: Tick
) -> Path:
    """Train on growing shares (in %) of the training rows, each of which holds the one before.

    ``curve.json`` and ``curve.svg`` show dev and test scores by rows. Returns the folder of the last model.
    """
    metric = recipe.evaluate.select or named(recipe.task).main_metric
    if not recipe.evaluate.dev and not recipe.evaluate.test:
        raise InputError("a curve needs rows to score", "data.dev=FILE, or evaluate.test in the recipe")
    data = load_data(recipe, data_dir, lambda _: None)
    points = []
    for share in sorted(set(shares)):
        say(f"{share} % of the training rows")

        def cut(found: Data, share: int = share) -> Data:
            return _share(found, share, recipe.seed)

        folder = out / f"curve-{share:03d}"
        model = _run(recipe, folder, cut, data, data_dir, overwrite, say, tick)
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        facts = json.loads((folder / "data.json").read_text(encoding="utf-8"))
        rows = sum(entry["rows"] for entry in facts if entry["use"].startswith("train"))
        points.append(
            {"share": share, "rows": rows}
            | {
                use: {metric: metrics[use][metric], "interval": metrics[use]["interval"]}
                for use in _USES
                if use in metrics
            }
        )
    write_json(out / "curve.json", {"metric": metric, "points": points})
    plots.write(out / "curve.svg", plots.curve(points, metric))
    for point in points:
        told = "  ".join(f"{use} {point[use][metric]:.4f}" for use in _USES if use in point)
        say(f"{point['share']:>4} %  {point['rows']:>8} rows  {told}")
    return model


_USES = ("dev", "test")


def _run(
    recipe: Recipe,
    folder: Path,
    change: Change,
    data: Data,
    data_dir: Path | None,
    overwrite: bool,
    say: Say,
    tick: Tick,
) -> Path:
    """One training, unless it is done already. What was begun with other rows is refused, not mixed in."""
    if (folder / "data.json").is_file() and not overwrite:
        old = json.loads((folder / "data.json").read_text(encoding="utf-8"))
        if old != json.loads(json.dumps(change(data).record)):
            raise InputError(
                f"`{folder}` was trained on other rows than those asked for",
                "--overwrite, or another folder: --out DIR",
            )
    if (folder / DONE).is_file() and not overwrite:
        before = strict_yaml.loads((folder / "recipe.yaml").read_text(encoding="utf-8"))[0]
        if not differing(before, strict_yaml.loads(to_yaml(recipe))[0]):
            return folder / "model"
    return job.train(recipe, folder, data_dir=data_dir, overwrite=overwrite, say=say, tick=tick, change=change)


def _parts(rows: Sequence[Row], count: int, seed: int) -> list[int]:
    """The part of each row."""
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    names = [key(row.tokens) for row in rows]
    for name, row in zip(names, rows, strict=True):
        labels = tuple(row.tags or ()) if len(row.tags or ()) < 2 else ()  # of sentences and sets of labels: none
        groups[labels].append(name)
    random_ = random.Random(seed)
    part: dict[str, int] = {}
    at = 0
    for labels in sorted(groups):
        for name in random_.sample(groups[labels], len(groups[labels])):
            if name not in part:
                part[name] = at % count
                at += 1
    if at < count:
        raise InputError(
            f"{counted(at, 'different row')} cannot be parted into {count} folds", f"evaluate.folds={max(2, at)}"
        )
    return [part[name] for name in names]


def _held_out(data: Data, part_of: Sequence[int], number: int) -> Data:
    """The data with one part of the training rows as the test rows."""
    kept = [at for at, part in enumerate(part_of) if part != number]
    test = [row for row, part in zip(data.train[0], part_of, strict=True) if part == number]
    learned = [{**entry, "rows": len(kept)} if entry["use"] == "train" else entry for entry in data.record]
    record = [entry for entry in learned if entry["use"] != "test"]
    first = next(entry for entry in record if entry["use"] == "train")
    part = {"held_out": number + 1, "folds": max(part_of) + 1}
    return replace(
        data,
        train=[[data.train[0][at] for at in kept]],
        sources=[[data.sources[0][at] for at in kept]],
        test=test,
        record=[*record, {**first, "use": "test", "rows": len(test), **part}],
    )


def _share(data: Data, share: int, seed: int) -> Data:
    """The data with so many % of the rows of each stage."""
    train, sources = [], []
    for number, rows in enumerate(data.train):
        order = random.Random(f"{seed}-{number}").sample(range(len(rows)), len(rows))
        first: dict[str, int] = {}  # the first row of each label comes first: a small share teaches all of them
        for at in order:
            for tag in rows[at].tags or ():
                first.setdefault(tag, at)
        ahead = set(first.values())
        order = sorted(order, key=ahead.__contains__, reverse=True)
        kept = sorted(order[: math.ceil(len(rows) * share / 100)])
        train.append([rows[at] for at in kept])
        sources.append([data.sources[number][at] for at in kept])
    total, whole = sum(map(len, train)), sum(map(len, data.train))
    record = [
        {**entry, "rows": round(entry["rows"] * total / whole), "share": share}
        if entry["use"].startswith("train")
        else entry
        for entry in data.record
    ]
    return replace(data, train=train, sources=sources, record=record)
