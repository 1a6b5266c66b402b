"""Finished runs side by side: their scores, those of parts of the rows, and which differences are more than chance."""

from __future__ import annotations

import json
import re
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from nlpkit.config import bundle_info, strict_yaml
from nlpkit.config.recipe import Source
from nlpkit.data.rows import PairRow, Row
from nlpkit.errors import InputError
from nlpkit.jobs import slices
from nlpkit.jobs.evaluate import compare, load_gold
from nlpkit.jobs.rundir import DONE, Say
from nlpkit.jobs.systems import SURE
from nlpkit.metrics import significance
from nlpkit.tasks import named
from nlpkit.tasks.base import Task

_SEED = re.compile(r"(?<=.)[-_.]?(seed)?[-_.]?\d+$")


@dataclass
class Run:
    """A finished run directory."""

    path: Path
    split: str
    recipe: dict[str, Any]
    metrics: dict[str, Any]

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @cached_property
    def info(self) -> dict[str, Any]:
        """What bundle.json says of its model."""
        return bundle_info.read(self.path / "model")

    @cached_property
    def judge(self) -> Task:
        kind = named(self.recipe["task"])
        return kind(kind.Options.model_validate(self.recipe.get("options", {})), self.info["labels"])

    @property
    def has_answers(self) -> bool:
        """Whether the run kept right answers; older versions did not."""
        return any((self.path / "gold").glob(f"{self.split}.*"))

    @cached_property
    def answers(self) -> tuple[list[Row], list[Row]]:
        """(gold, guess) rows. Raises InputError where the run kept none."""
        sides = []
        for folder in ("gold", "predictions"):
            found = sorted((self.path / folder).glob(f"{self.split}.*"))
            if not found:
                raise InputError(f"`{self.path}` holds no {folder} of {self.split}", "train it again with this version")
            fmt = found[0].suffix[1:]
            columns = self.info.get("columns", {}) if fmt == "conllu" else {}
            source = Source.model_validate({"files": [str(found[0])], "format": fmt, "columns": columns})
            what = "gold" if folder == "gold" else "guessed"
            sides.append(load_gold(source, None, lambda _: None, self.recipe["task"], what))
        gold, guess = compare(sides[0], sides[1], self.judge, lambda _: None)
        return gold, _scored(guess, found[0]) if found[0].suffix == ".jsonl" else guess

    @cached_property
    def counts(self) -> Any:
        return self.judge.counts(*self.answers)


def _scored(rows: Sequence[Row], path: Path) -> list[Row]:
    """Answers with the scores that stand beside them in their file; readers leave these to writers."""
    with path.open(encoding="utf-8") as file:
        found = [json.loads(line) for line in file if line.strip()]
    scored = []
    for row, data in zip(rows, found, strict=True):
        score, scores = data.get("score"), data.get("scores")
        if isinstance(row, PairRow):
            row = replace(row, score=score)
        elif scores is not None or score is not None:
            row = row.with_scores([score] if scores is None else scores)
        scored.append(row)
    return scored


def read(path: Path, split: str) -> Run:
    """The run in a folder. Raises InputError where there is none, or it is not finished or not scored."""
    if not (path / "recipe.yaml").is_file():
        raise InputError(f"`{path}` is no run directory", "name what `nlpkit train` wrote: runs/TASK/NAME")
    if not (path / DONE).is_file():
        raise InputError(f"the run `{path}` is not finished", f"nlpkit train {path / 'recipe.yaml'} --out {path}")
    recipe = strict_yaml.loads((path / "recipe.yaml").read_text(encoding="utf-8"))[0]
    try:
        metrics = json.loads((path / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(f"`{path / 'metrics.json'}` is damaged or missing", "train the run again") from None
    if split not in metrics:
        raise InputError(
            f"the run `{path}` was not scored on {split} rows", "--split dev, or evaluate.test in its recipe"
        )
    return Run(path, split, recipe, metrics)


def grouped(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs of one recipe but for its seed, together under their name without its last number."""
    groups: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        same = {key: value for key, value in run.recipe.items() if key != "seed"}
        groups[json.dumps(same, sort_keys=True)].append(run)
    found: dict[str, list[Run]] = {}
    for group in groups.values():
        names = {_SEED.sub("", run.name) if len(group) > 1 else run.name for run in group}
        name = names.pop() if len(names) == 1 else group[0].name
        name = str(group[0].path) if name in found else name
        found[name] = group
    return found


def table(runs: Sequence[Run], baseline: Run | None, by: str | None, say: Say) -> dict[str, Any]:
    """The figures of runs, of each recipe the mean over its seeds.

    ``rows`` has for each recipe its ``scores`` (mean, sd) and with ``by`` (see ``slices.parts``) the mean metric of
    each part. Against the ``baseline`` the counts of the seeds are added row by row before rows are drawn or swapped,
    so that a sentence is one observation however many seeds there are.
    """
    tasks = {run.recipe["task"] for run in runs}
    if len(tasks) > 1:
        raise InputError(f"these runs are of several tasks: {', '.join(sorted(tasks))}", "compare runs of one task")
    groups = grouped(runs)
    judge = runs[0].judge
    metric = judge.compared or judge.main_metric
    first = runs[0]
    if by or baseline:
        for run in runs[1:]:
            if [row.tokens for row in run.answers[0]] != [row.tokens for row in first.answers[0]]:
                raise InputError(f"`{run.path}` and `{first.path}` were scored on different rows", "compare them apart")
    parts = slices.parts(first.answers[0], by) if by else {}
    base = next((group for group in groups.values() if baseline in group), None)
    found = []
    for name, group in groups.items():
        shown = [key for key in judge.reported if all(key in run.metrics[run.split] for run in group)]
        entry: dict[str, Any] = {
            "name": name,
            "runs": [str(run.path) for run in group],
            "seeds": sorted(run.recipe["seed"] for run in group),
            "scores": {key: _spread([run.metrics[run.split][key] for run in group]) for key in shown},
        }
        if parts:
            entry["parts"] = {part: _mean(group, rows) for part, rows in parts.items()}
        if base is not None and group is not base:
            entry["against"] = _against(group, base, judge)
            entry["against"]["parts"] = {part: _against(group, base, judge, rows) for part, rows in parts.items()}
        found.append(entry)
    if len({json.dumps(run.recipe.get("evaluate", {}).get(run.split), sort_keys=True) for run in runs}) > 1:
        say("note: these runs were scored on different data, so their scores say different things")
    signatures = sorted({run.metrics[run.split]["signature"] for run in runs})
    if len(signatures) > 1:
        say("note: these runs were not scored alike: " + "; ".join(signatures))
    return {
        "task": first.recipe["task"], "split": first.split, "metric": metric, "baseline": baseline and baseline.name,
        "by": by, "parts": {part: len(rows) for part, rows in parts.items()}, "rows": found, "signature": signatures[0],
    }  # fmt: skip


def _spread(values: Sequence[float]) -> dict[str, float]:
    """Mean and standard deviation of a sample."""
    return {"mean": statistics.fmean(values)} | ({"sd": statistics.stdev(values)} if len(values) > 1 else {})


def _mean(group: Sequence[Run], rows: Sequence[int]) -> float:
    return statistics.fmean(float(run.judge.statistic(run.counts[rows].sum(0)[None])[0]) for run in group)


def _against(
    group: Sequence[Run], base: Sequence[Run], judge: Task, rows: Sequence[int] | None = None
) -> dict[str, Any]:
    """``significance.paired`` on the counts of all seeds; only as many of either side as both have."""
    count = min(len(group), len(base))
    ours, theirs = (sum(run.counts for run in side[:count]) for side in (group, base))
    found: Mapping[str, float] = significance.paired(
        ours if rows is None else ours[rows], theirs if rows is None else theirs[rows], judge.statistic
    )
    return {**found, "seeds": count}


def cells(figures: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table that ``table`` has the figures of; a part with a sure difference has a star."""
    names = list(figures["rows"][0]["scores"])
    parts = list(figures["parts"])
    compared = any("against" in row for row in figures["rows"])
    head = ["run", "seeds", *names, *parts, *(["difference", "95 %", "p"] if compared else [])]
    scale = 2 if all(row["scores"][names[0]]["mean"] > 1 for row in figures["rows"]) else 4  # percent, or shares of 1

    def number(value: float, sign: str = "") -> str:
        return f"{value:{sign}.{scale}f}"

    body = []
    for row in figures["rows"]:
        cells = [row["name"], str(len(row["runs"]))]
        for name in names:
            score = row["scores"][name]
            cells.append(number(score["mean"]) + (f" ± {number(score['sd'])}" if "sd" in score else ""))
        other = row.get("against")
        for part in parts:
            sure = other and other["parts"][part]["p"] < SURE
            cells.append(number(row["parts"][part]) + ("*" if sure else ""))
        if compared and other:
            cells += [number(other["difference"], "+"), f"{number(other['low'], '+')} to {number(other['high'], '+')}"]
            cells.append(f"{other['p']:.3f}")
        elif compared:
            cells += ["", "", ""]
        body.append(cells)
    return head, body


def notes(figures: dict[str, Any]) -> list[str]:
    """What a reader of the table must know."""
    lines = [f"{figures['task']}, {figures['split']} rows; {figures['signature']}"]
    if figures["parts"]:
        rows = ", ".join(f"{part} {count}" for part, count in figures["parts"].items())
        lines.append(f"{figures['metric']} by {figures['by']} (rows: {rows})")
    if figures["baseline"]:
        lines.append(
            f"difference to {figures['baseline']} with its interval (paired bootstrap) and p (paired permutation); "
            f"* p < {SURE}, of a part"
        )
    return lines
