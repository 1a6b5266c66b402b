"""After training: score dev and test, calibrate, write predictions, metrics, the bundle and DONE."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nlpkit
from nlpkit.config.recipe import Recipe
from nlpkit.data import formats
from nlpkit.data.files import write_whole
from nlpkit.data.rows import Row
from nlpkit.data.seen import Seen
from nlpkit.engine import bundle
from nlpkit.jobs import model_card, plots
from nlpkit.jobs.evaluate import score
from nlpkit.jobs.prepare import Data
from nlpkit.jobs.rundir import RunDir, Say
from nlpkit.metrics import calibration
from nlpkit.tasks.base import Task

Fill = Callable[[list[Row]], list[Row]]


def finish(
    run: RunDir,
    recipe: Recipe,
    task: Task,
    data: Data,
    fill: Fill,
    save: Callable[[Path], None],
    *,
    max_length: int,
    say: Say,
    metrics: dict[str, Any],
    adjusted: dict[str, Any] | None = None,
) -> Path:
    """Write all that a finished run holds and return the folder of the model.

    ``fill`` answers for rows with the final weights, ``save`` writes the model into a folder; ``metrics`` are kept
    beside the scores. ``adjusted`` is what the model itself has learned of its answers; else they are adjusted on dev.
    """
    model = run.path / "model"
    seen = Seen.of(row.tokens for stage in data.train for row in stage) if task.head == "tokens" else None
    scores: dict[str, Any] = {}
    facts = adjusted
    metric = recipe.evaluate.select or task.main_metric
    for name, rows in (("dev", data.dev), ("test", data.test)):
        if not rows:
            continue
        guess = fill(rows)
        before = task.confidences(rows, guess)
        if name == "dev" and facts is None:
            facts = task.adjust(rows, guess)
        guess = task.adjusted(guess)
        several = not task.by_language and len({(row.lang, getattr(row, "target_lang", "")) for row in rows}) > 1
        scores[name] = score(rows, guess, task, "lang" if several else None, seen)
        if before[0] and adjusted is None:
            scores[name]["ece_before"] = calibration.ece(*before)
        fmt = next(entry["format"] for entry in data.record if entry["use"] == name)
        fmt = fmt if fmt in formats.WRITE[task.head] else "jsonl"
        for path, answers in ((f"gold/{name}.jsonl", rows), (f"predictions/{name}.{fmt}", guess)):
            with write_whole(run.path / path) as file:
                task.write(Path(path).suffix[1:], answers, file)
        plots.of_scores(scores[name], run.path / "plots", name)
        low, high = scores[name]["interval"]  # of the task's main metric
        interval = f" (95 %: {low:.4f} to {high:.4f})" if metric == task.main_metric else ""
        say(f"{name} {metric} {scores[name][metric]:.4f}{interval}")
    info = _info(recipe, task, data, scores, max_length)
    info |= facts or {}
    command = "nlpkit train recipe.yaml"  # as it lies in the run directory
    card = model_card.model_card(recipe, info, data.record, scores, command)
    bundle.save(model, save, info, card, seen.to_bytes() if seen else None)
    run.write_json("metrics.json", {**metrics, **scores})
    run.done()
    return model


def _info(recipe: Recipe, task: Task, data: Data, scores: dict[str, Any], max_length: int) -> dict[str, Any]:
    info: dict[str, Any] = {
        "nlpkit": nlpkit.__version__,
        "task": recipe.task,
        "head": task.head,
        "options": recipe.options,
        "labels": task.labels,
        "max_length": max_length,
        "languages": sorted({row.lang for stage in data.train for row in stage if row.lang}),
        "rows_by_language": dict(Counter(row.lang for stage in data.train for row in stage if row.lang)),
        "base_model": model_card.base_name(recipe.model.base) if recipe.model.base else None,
        "data": [
            {key: entry[key] for key in ("use", "card", "split", "licence", "rows") if key in entry}
            for entry in data.record
        ],
        "metrics": {name: brief(score) for name, score in scores.items()},
    }
    info |= task.facts((row for stage in data.train for row in stage), scores)
    pooling = recipe.model.pooling or ("mean" if task.head == "texts" else "first")
    if task.head == "texts":
        if recipe.model.family in ("pretrained", "bert"):
            info["pooling"] = pooling
    elif pooling != "first" or recipe.model.crf:
        info["tagger"] = {"pooling": pooling, "crf": recipe.model.crf}
    if data.tokenizer:
        info["tokenizer"] = data.tokenizer
    if task.head == "pairs":
        info["pieces"] = "pretrained" if recipe.model.base else "joint"
    places = {row.extra["conllu:tag"] for stage in data.train for row in stage if "conllu:tag" in row.extra}
    if len(places) == 1:
        info["columns"] = {"tag": places.pop()}  # where CoNLL-U is to hold what this model says
    return info


def brief(scores: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 6) for key, value in scores.items() if isinstance(value, float)} | {
        "signature": scores["signature"]
    }
