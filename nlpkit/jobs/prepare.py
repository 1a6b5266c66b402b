"""Before a run: the recipe checked with its task, the rows read, the labels found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nlpkit.config import card as cards
from nlpkit.config import explain
from nlpkit.config import recipe as recipes
from nlpkit.config.recipe import Recipe, Source
from nlpkit.config.strict_yaml import Lines
from nlpkit.data import load, overlap
from nlpkit.data.rows import Row
from nlpkit.errors import InputError, counted
from nlpkit.jobs.rundir import RunDir, Say, environment
from nlpkit.jobs.transforms import transformed
from nlpkit.tasks import named
from nlpkit.tasks.base import Task
from nlpkit.tasks.base_pairs import PairTask
from nlpkit.text.spans import detect, faults

Tick = Callable[[int, int, str], None]


def load_recipe(name: str, overrides: list[str] | None = None) -> Recipe:
    """Read, override and check a recipe with its task's options; one error names every fault."""
    data, lines, where = recipes.raw(name, overrides)
    found: list[str] = []
    recipe: Recipe | None = None
    try:
        recipe = Recipe.model_validate(data)
    except ValidationError as error:
        found += explain.problems(error, Recipe, data, lines)
    task, options = data.get("task"), data.get("options") or {}
    if isinstance(task, str) and isinstance(options, dict):
        try:
            checked = named(task).Options.model_validate(options)
            if recipe is not None:
                recipe = recipe.model_copy(update={"options": checked.model_dump(mode="json", exclude_none=True)})
        except ValidationError as error:
            inner = {path[1:]: line for path, line in lines.items() if path[:1] == ("options",)}
            found += [
                text.replace(": ", ": options.", 1)
                for text in explain.problems(error, named(task).Options, options, inner)
            ]
        except InputError as error:
            line = lines.get(("task",), 1)
            found.append((f"line {line}" if line else "override") + f": task: {error.message}")
    if recipe is not None:
        found += _wrong_family(recipe, lines)
        found += _unused(recipe, lines)
        found += _unknown_cards(recipe, lines)
    if found or recipe is None:
        raise explain.refuse(
            where, sorted(found, key=_line_number), "keys: docs/reference/recipe.md; cards: `nlpkit data list`"
        )
    return recipes.resolve(recipe)


def _wrong_family(recipe: Recipe, lines: Lines) -> Iterator[str]:
    try:
        families = named(recipe.task).families
    except InputError:  # told elsewhere
        return
    if recipe.model.family not in families:
        where = _where(lines, "model")
        yield f"{where}: model: {recipe.task} has no family {recipe.model.family}, it has {', '.join(families)}"


def _unused(recipe: Recipe, lines: Lines) -> Iterator[str]:
    """What the task's use of the model's family would ignore."""
    try:
        kind = named(recipe.task)
    except InputError:  # told elsewhere
        return
    head = kind.head
    texts = head == "texts"
    family, model = recipe.model.family, recipe.model
    crf = head == "tokens" and (family == "bilstm" or model.crf)
    ignored = {"label_smoothing", "class_weights"} if crf else set()
    ignored |= {"layer_decay"} if family == "bilstm" or head == "pairs" else set()
    ignored |= set() if texts else {"focal"}
    ignored |= {"class_weights"} if head == "pairs" else {"rdrop"}
    what = "a CRF on top" if model.crf else f"the family {family} of {recipe.task}"
    for number, stage in enumerate(recipe.stages):
        given = {name for name in ignored if getattr(stage, name) not in (None, "none", 0.0, 1.0)}
        for name in sorted(given):
            yield f"{_where(lines, 'stages', number, name)}: stages.{number}: {what} has no {name}"
    if head == "pairs" and model.freeze == "body":
        where = _where(lines, "model", "freeze")
        yield f"{where}: model.freeze: {recipe.task} has no head beside the body, it has embeddings or none"
    if issubclass(kind, PairTask) and kind.symbols and getattr(model.scratch, "tokenizer", None) is not None:
        where = _where(lines, "model", "scratch", "tokenizer")
        yield f"{where}: model.scratch.tokenizer: {recipe.task} reads symbols parted by blanks, it cuts no sub-words"
    told = [name for name in ("prefix", "codes") if recipe.options.get(name)]
    if head == "pairs" and family != "pretrained" and told:
        yield f"options.{told[0]}: this is for a pretrained model (`base`)"
    if head == "pairs" and (model.pooling is not None or model.crf or model.trim_vocabulary):
        yield f"model: {recipe.task} has no pooling, crf or trim_vocabulary"
        return
    wrong = [] if model.pooling is None else ["first"] if texts else ["cls", "attention"]
    if model.pooling in wrong:
        right = "mean, attention or cls" if texts else "first or mean"
        where = _where(lines, "model", "pooling")
        yield f"{where}: model.pooling: {recipe.task} has no {model.pooling}, it has {right}"
    if texts and model.crf:
        yield "model.crf: a CRF is for labels of words"


def _unknown_cards(recipe: Recipe, lines: Lines) -> Iterator[str]:
    places: list[tuple[tuple[str | int, ...], Source]] = [
        (("stages", number, "data", at), source)
        for number, stage in enumerate(recipe.stages)
        for at, source in enumerate(stage.data)
    ]
    for name in ("dev", "test"):
        places += [(("evaluate", name, at), source) for at, source in enumerate(getattr(recipe.evaluate, name))]
    for path, source in places:
        if source.card is None:
            continue
        try:
            splits = cards.load(source.card).nlpkit.splits
            if source.split not in splits:
                have = ", ".join(f"`{name}`" for name in splits)
                raise InputError(f"card `{source.card}` has no split `{source.split}`, it has {have}")
        except InputError as error:
            yield f"{_where(lines, *path, 'card')}: {'.'.join(map(str, path))}: {error.message}"


def _where(lines: Lines, *path: str | int) -> str:
    """The line of a key, as errors begin with it."""
    line = lines.get(path, 0)
    return f"line {line}" if line else "override"


def _line_number(text: str) -> int:
    head = text.removeprefix("line ").split(":")[0]
    return int(head) if head.isdigit() else 0


@dataclass
class Data:
    """The rows of a run, and what data.json says of them."""

    train: list[list[Row]] = field(default_factory=list)  # one list a stage
    sources: list[list[int]] = field(default_factory=list)  # for each of them, the number of its source in the stage
    dev: list[Row] = field(default_factory=list)
    test: list[Row] = field(default_factory=list)
    record: list[dict[str, Any]] = field(default_factory=list)
    tokenizer: dict[str, str] = field(default_factory=dict)  # ``name`` and ``sha256`` of that which the recipe names


def load_data(recipe: Recipe, data_dir: Path | None, say: Say) -> Data:
    """Read every source of the recipe; notes (licences, odd lines, overlaps) go to ``say``."""
    task = named(recipe.task)
    options = task.Options.model_validate(recipe.options)
    data = Data(tokenizer=_tokenizer(recipe))
    said: set[str] = set()

    def rows(source: Source, use: str) -> list[Row]:
        loaded = load.rows(source, data_dir, kind=task.head)
        scheme = loaded.scheme
        loaded.rows = transformed(loaded.rows, source, data_dir, say)
        load.require_tags(loaded.rows, use)
        for note in loaded.notes:
            if note not in said:
                said.add(note)
                say(f"note: {note}")
        record = {"use": use, **loaded.record, **load.counts(loaded.rows)}
        if task.spans:
            if scheme == "auto":
                scheme = detect(row.tags for row in loaded.rows if row.tags)
            if (note := _illegal(loaded.rows, scheme)) and not loaded.mend:
                say(f"note: {use}: {note}")
            record["scheme"] = scheme
        data.record.append(record)
        return [task.prepare(row, options, scheme, loaded.mend) for row in loaded.rows]

    for stage in recipe.stages:
        use = "train" if len(recipe.stages) == 1 else f"train {stage.name}"
        found = [rows(source, use) for source in stage.data]
        data.train.append([row for part in found for row in part])
        data.sources.append([at for at, part in enumerate(found) for _ in part])
    data.dev = [row for source in recipe.evaluate.dev for row in rows(source, "dev")]
    data.test = [row for source in recipe.evaluate.test for row in rows(source, "test")]
    seen = [row for stage in data.train for row in stage]
    for name, other in (("dev", data.dev), ("test", data.test)):
        twice = overlap.shared(seen, other)
        for entry in data.record:
            if entry["use"] == name:
                entry["rows_in_train"] = len(twice)
        if twice:
            first = twice[0]
            say(
                f"note: {counted(len(twice), f'{name} row', 'are', of=len(other))} in the training rows too, "
                f"first row {first.id} (line {first.line})"
            )
    return data


def _tokenizer(recipe: Recipe) -> dict[str, str]:
    """Name and SHA-256 of the tokenizer that the recipe names. Raises InputError where it is not there."""
    name = getattr(recipe.model.scratch, "tokenizer", None)
    if name is None:
        return {}
    from nlpkit.engine.subword_coding import path_of

    try:
        path = path_of(name)
    except InputError as error:
        raise InputError(f"model.scratch.tokenizer: {error.message}", error.hint) from None
    called = path.parent.resolve().name if path.name == "tokenizer.json" else path.name  # not where it lies
    return {"name": called, "sha256": load.sha256(path)}


def _illegal(rows: list[Row], scheme: str) -> str:
    """How many tags break the scheme, and where the first one stands; the empty string for none."""
    found = [(row, at, what) for row in rows for at, what in faults(row.tags or (), scheme)]
    if not found:
        return ""
    row, at, what = found[0]
    line = row.lines[at] if row.lines else row.line
    count = counted(len(found), "tag", "break")
    return f"{count} {scheme.upper()}, first on line {line}: {what} (`mend: true` on the source repairs it)"


def task_for(recipe: Recipe, data: Data) -> Task:
    """The recipe's task with the labels of its training rows."""
    kind = named(recipe.task)
    options = kind.Options.model_validate(recipe.options)
    rows = [row for stage in data.train for row in stage]
    task = kind(options, kind.find_labels(rows, options))
    task.begin(rows)
    return task


def _check_metric(name: str, task: Task) -> None:
    known = [key for key, value in task.score([], []).items() if isinstance(value, float)]
    if name not in known:
        raise InputError(f"evaluate.select: no metric `{name}`", "metrics: " + ", ".join(known))


def _warn_unknown_labels(task: Task, data: Data, say: Say) -> None:
    for name, rows in (("dev", data.dev), ("test", data.test)) if task.head != "pairs" else ():
        unknown = {tag for row in rows for tag in row.tags or ()} - set(task.labels)
        if unknown:
            say(f"note: {name} has labels that training never shows: {', '.join(sorted(unknown))}")


def ready(recipe: Recipe, data: Data, say: Say) -> Task:
    """The task, once its metric and labels are known to be good."""
    task = task_for(recipe, data)
    if recipe.evaluate.select is not None:
        _check_metric(recipe.evaluate.select, task)
    _warn_unknown_labels(task, data, say)
    return task


def begin(run: RunDir, recipe: Recipe, data: Data, device: str, world: int) -> None:
    """From now on the folder is a run: what it is made of is written down, once.

    This is for the first step of training. Whatever is refused before leaves the folder, and an old run, as it was.
    """
    if run.begun:
        return
    run.begin(recipe)
    about = run.path / "environment.json"
    before = json.loads(about.read_text(encoding="utf-8")) if about.is_file() else {}
    if before and before.get("tokenizer", {}) != data.tokenizer:
        raise InputError("the tokenizer is not the one that the run was begun with", "put it back, or --overwrite")
    run.write_json("data.json", data.record)
    more = {"tokenizer": data.tokenizer} if data.tokenizer else {}
    run.write_json("environment.json", {**environment(device, world), **more})
