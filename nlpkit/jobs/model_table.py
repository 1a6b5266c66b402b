"""Several models on several sets of rows: one table, and which model is best by more than chance."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from nlpkit.config import bundle_info
from nlpkit.errors import InputError
from nlpkit.jobs import leaks, slices, systems
from nlpkit.jobs.evaluate import Gold, run_model
from nlpkit.jobs.leaks import Leaks
from nlpkit.jobs.predict import Predictor
from nlpkit.jobs.rundir import Say
from nlpkit.metrics.significance import Array
from nlpkit.tasks.base import Task


@dataclass(frozen=True, slots=True)
class Data:
    """Rows to score, and what they are called."""

    name: str
    gold: Gold


def look(models: Sequence[str], task: str) -> None:
    """Raise InputError where a model is not there, or is for another task; its weights are not read."""
    from nlpkit.engine.bundle import ENDINGS, SPACY
    from nlpkit.engine.hub import folder_of

    for model in models:
        if model.startswith(SPACY) or model.endswith(ENDINGS):
            continue
        folder = folder_of(model)
        found = bundle_info.read(folder)["task"] if (folder / "bundle.json").is_file() else task
        if found != task:
            raise InputError(f"`{model}` is a model for {found}, not for {task}", "compare models of one task")


def table(
    models: Sequence[str],
    sets: Sequence[Data],
    by: str | None,
    open_model: Callable[[str], Predictor],
    found_leaks: Leaks,
    say: Say,
    poll: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Scores of each model on each set of rows; with ``by`` on each part of each set (``slices.parts``).

    Keys: task, metric, tested (the metric of the tests), columns (name and rows), models (model, scores: value and
    interval by column, macro: the mean over columns, leaks), pairs (by column, see ``systems.pairs``), best (by column,
    the number of the model that beats all others, or null), macro_pairs and macro_best of the mean, signature. Where
    there is nothing to find in the rows of a column, its values are None, and it is in no mean.
    Models are loaded one after the other. Raises InputError where they cannot be compared.
    """
    found: list[dict[str, Any]] = []
    counts: list[dict[str, Array]] = []
    right: list[Any] = []
    sizes: dict[str, int] = {}
    for model in models:
        predictor = open_model(model)
        judge = predictor.task
        scores: dict[str, Any] = {}
        mine: dict[str, Array] = {}
        wanted = []
        leaked = {}
        for data in sets:
            rows, said = run_model(data.gold, predictor, poll)
            wanted.append([row.tags for row in rows])
            leaked[data.name] = found_leaks.of(predictor.info, rows)
            leaks.tell(model, data.name, leaked[data.name], len(rows), say)
            groups = slices.parts(rows, by, predictor.seen) if by else {"": range(len(rows))}
            for part, numbers in groups.items():
                name = " ".join(([data.name] if len(sets) > 1 or not part else []) + ([part] if part else []))
                gold, guess = ([side[at] for at in numbers] for side in (rows, said))
                scored = judge.score(gold, guess, predictor.seen)
                some = scored.get("support", 1) > 0
                scores[name] = {
                    "value": scored[judge.main_metric] if some else None, "interval": list(scored["interval"])
                }  # fmt: skip
                mine[name] = judge.counts(gold, guess)
                sizes[name] = len(gold)
        if right and wanted != right:
            raise InputError(
                f"`{model}` and `{models[0]}` were trained for other labels, so their scores say different things",
                "score them apart",
            )
        right = wanted
        told = [entry["value"] for entry in scores.values() if entry["value"] is not None]
        macro = statistics.fmean(told) if told else 0.0
        found.append({"model": model, "scores": scores, "macro": macro, "leaks": leaked})
        counts.append(mine)
    return {
        "task": predictor.info["task"],
        "metric": judge.main_metric,
        "tested": judge.compared or judge.main_metric,
        "columns": [{"name": name, "rows": size} for name, size in sizes.items()],
        "models": found,
        **_compared(found, counts, list(sizes), judge),
        "signature": scored["signature"],
    }


def _compared(
    found: Sequence[dict[str, Any]], counts: Sequence[dict[str, Array]], columns: Sequence[str], judge: Task
) -> dict[str, Any]:
    """What sets each two models apart, and the best model, of each column and of the mean over them."""
    pairs: dict[str, Any] = {}
    best: dict[str, int | None] = {}
    names = [name for name in columns if found[0]["scores"][name]["value"] is not None]
    for name in names:
        pairs[name] = systems.pairs([mine[name] for mine in counts], judge.statistic)
        best[name] = systems.best([entry["scores"][name]["value"] for entry in found], pairs[name])
    result: dict[str, Any] = {"pairs": pairs, "best": best, "macro_pairs": [], "macro_best": None}
    if len(names) > 1:
        ends = list(accumulate(counts[0][name].shape[1] for name in names))
        blocks = [_beside([mine[name] for name in names]) for mine in counts]
        result["macro_pairs"] = systems.pairs(blocks, lambda totals: _mean(totals, ends, judge.statistic))
        result["macro_best"] = systems.best([entry["macro"] for entry in found], result["macro_pairs"])
    return result


def _beside(parts: Sequence[Array]) -> Array:
    """Counts of several sets of rows as one, (all rows, sum of n): each set has columns of its own, else 0."""
    import numpy as np

    found: Array = np.zeros((sum(map(len, parts)), sum(part.shape[1] for part in parts)), parts[0].dtype)
    row = column = 0
    for part in parts:
        found[row : row + len(part), column : column + part.shape[1]] = part
        row, column = row + len(part), column + part.shape[1]
    return found


def _mean(totals: Array, ends: Sequence[int], statistic: Callable[[Array], Array]) -> Array:
    """The mean over sets of the statistic of each, from the totals of ``_beside``; ``ends`` of the sets' columns."""
    parts = [statistic(totals[:, start:end]) for start, end in pairwise([0, *ends])]
    found: Array = sum(parts) / len(parts)
    return found


def cells(figures: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table; the best of a column has a star where it beats every other by more than chance."""
    names = [column["name"] for column in figures["columns"]]
    several = len(names) > 1
    values = [entry["value"] or 0.0 for one in figures["models"] for entry in one["scores"].values()]
    digits = 2 if max(values) > 1 else 4  # percent, or shares of 1

    def cell(value: float | None, sure: bool) -> str:
        return "-" if value is None else f"{value:.{digits}f}" + ("*" if sure else "")

    body = []
    for number, one in enumerate(figures["models"]):
        row = [cell(one["scores"][name]["value"], figures["best"].get(name) == number) for name in names]
        row += [cell(one["macro"], figures["macro_best"] == number)] if several else []
        body.append([one["model"], *row])
    return ["model", *names, *(["macro"] if several else [])], body


def notes(figures: dict[str, Any]) -> list[str]:
    """What a reader of the table must know."""
    rows = ", ".join(f"{column['name']} {column['rows']}" for column in figures["columns"])
    lines = [f"{figures['task']}: {figures['metric']}; rows: {rows}"]
    if len(figures["models"]) > 1:
        other = f" of the {figures['tested']}" if figures["tested"] != figures["metric"] else ""
        lines.append(
            f"* better than every other model: p < {systems.SURE}, paired permutation{other}, "
            "corrected for the number of pairs (Holm)"
        )
    return [*lines, figures["signature"]]
