"""Train a recipe into a run directory: load, encode, fit, evaluate, keep the best, save, resume."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import nlpkit
from nlpkit.config import card as cards
from nlpkit.config import explain
from nlpkit.config import recipe as recipes
from nlpkit.config.recipe import Recipe, Source
from nlpkit.config.strict_yaml import Lines
from nlpkit.data import formats, load, overlap
from nlpkit.data.files import write_whole
from nlpkit.data.rows import TokenRow
from nlpkit.errors import InputError, Preempted
from nlpkit.jobs import report
from nlpkit.jobs.predict import fill
from nlpkit.jobs.rundir import RunDir, Say, environment, open_run
from nlpkit.jobs.signals import Signals
from nlpkit.tasks import named
from nlpkit.tasks.base import Task
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
        found += _unknown_cards(recipe, lines)
    if found or recipe is None:
        raise explain.refuse(
            where, sorted(found, key=_line_number), "keys: docs/reference/recipe.md; cards: `nlpkit data list`"
        )
    return recipes.resolve(recipe)


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
        line = lines.get((*path, "card"), 0)
        try:
            splits = cards.load(source.card).nlpkit.splits
            if source.split not in splits:
                have = ", ".join(f"`{name}`" for name in splits)
                raise InputError(f"card `{source.card}` has no split `{source.split}`, it has {have}")
        except InputError as error:
            yield (f"line {line}" if line else "override") + f": {'.'.join(map(str, path))}: {error.message}"


def _line_number(text: str) -> int:
    head = text.removeprefix("line ").split(":")[0]
    return int(head) if head.isdigit() else 0


@dataclass
class Data:
    """The rows of a run, and what data.json says of them."""

    train: list[list[TokenRow]] = field(default_factory=list)  # one list a stage
    dev: list[TokenRow] = field(default_factory=list)
    test: list[TokenRow] = field(default_factory=list)
    record: list[dict[str, Any]] = field(default_factory=list)


def load_data(recipe: Recipe, data_dir: Path | None, say: Say) -> Data:
    """Read every source of the recipe; notes (licences, odd lines, overlaps) go to ``say``."""
    task = named(recipe.task)
    options = task.Options.model_validate(recipe.options)
    data = Data()
    said: set[str] = set()

    def rows(source: Source, use: str) -> list[TokenRow]:
        loaded = load.rows(source, data_dir)
        scheme = loaded.scheme
        if scheme == "auto":
            scheme = detect(row.tags for row in loaded.rows if row.tags)
        for note in loaded.notes:
            if note not in said:
                said.add(note)
                say(f"note: {note}")
        if (note := _illegal(loaded.rows, scheme)) and not loaded.mend:
            say(f"note: {use}: {note}")
        data.record.append({"use": use, **loaded.record, "scheme": scheme})
        return [task.prepare(row, options, scheme, loaded.mend) for row in loaded.rows]

    for stage in recipe.stages:
        use = "train" if len(recipe.stages) == 1 else f"train {stage.name}"
        data.train.append([row for source in stage.data for row in rows(source, use)])
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
                f"note: {len(twice)} of {len(other)} {name} rows are in the training rows too, "
                f"first row {first.id} (line {first.line})"
            )
    return data


def _illegal(rows: list[TokenRow], scheme: str) -> str:
    """How many tags break the scheme, and where the first one stands; the empty string for none."""
    found = [(row, at, what) for row in rows for at, what in faults(row.tags or (), scheme)]
    if not found:
        return ""
    row, at, what = found[0]
    line = row.lines[at] if row.lines else row.line
    count = "1 tag breaks" if len(found) == 1 else f"{len(found)} tags break"
    return f"{count} {scheme.upper()}, first on line {line}: {what} (`mend: true` on the source repairs it)"


@dataclass
class State:
    """Where a run stands; everything but the tensors of a checkpoint."""

    stage: int = 0
    step: int = 0  # within the stage
    done: int = 0  # optimizer steps over all stages, names the checkpoints
    best: float | None = None
    best_done: int | None = None
    without_gain: int = 0
    pending: bool = False  # the evaluation at this step is still to come
    world: int = 1
    scaler: dict[str, Any] = field(default_factory=dict)


def train(
    recipe: Recipe,
    out: Path,
    *,
    data_dir: Path | None = None,
    overwrite: bool = False,
    say: Say = lambda _: None,
    tick: Tick = lambda done, total, text: None,
) -> Path:
    """Run ``recipe`` in the folder ``out`` and return the folder of the model.

    A folder with an unfinished run of the same recipe is continued. Raises Preempted after a signal, with a
    checkpoint saved; InputError for bad data; RunError when the disk or the memory is full.
    """
    from nlpkit.engine.session import Session

    with Signals() as signals:
        session = Session(recipe)
        run, continued = RunDir(out, lambda _: None), False
        if session.main:
            run, continued = open_run(out, recipe, say, overwrite=overwrite)
        continued = session.shared(continued)
        try:
            say = run.say if session.main else lambda _: None
            for note in session.notes:
                say(f"note: {note}")
            data = load_data(recipe, data_dir, say)
            task = _task_for(recipe, data)
            if recipe.evaluate.select is not None:
                _check_metric(recipe.evaluate.select, task)
            if session.main:
                run.begin(recipe)
                run.write_json("data.json", data.record)
                run.write_json("environment.json", environment(session.device, session.world))
            _warn_unknown_labels(task, data, say)
            session.build(task.labels, [row.tokens for stage in data.train for row in stage], say)
            loop = _Training(recipe, run, session, task, data, signals, say, tick)
            loop.resume(continued)
            loop.stages()
            return loop.finish()
        finally:
            run.release()


def _task_for(recipe: Recipe, data: Data) -> Task:
    """The recipe's task with the labels of its training rows."""
    kind = named(recipe.task)
    options = kind.Options.model_validate(recipe.options)
    return kind(options, kind.find_labels((row for stage in data.train for row in stage), options))


def _check_metric(name: str, task: Task) -> None:
    known = [key for key, value in task.score([], []).items() if isinstance(value, float)]
    if name not in known:
        raise InputError(f"evaluate.select: no metric `{name}`", "metrics: " + ", ".join(known))


def _warn_unknown_labels(task: Task, data: Data, say: Say) -> None:
    for name, rows in (("dev", data.dev), ("test", data.test)):
        unknown = {tag for row in rows for tag in row.tags or ()} - set(task.labels)
        if unknown:
            say(f"note: {name} has labels that training never shows: {', '.join(sorted(unknown))}")


class _Training:
    """The moving parts of one run."""

    def __init__(
        self, recipe: Recipe, run: RunDir, session: Any, task: Task, data: Data, signals: Signals, say: Say, tick: Tick
    ) -> None:
        self.recipe, self.run, self.session, self.task, self.data = recipe, run, session, task, data
        self.signals, self.say, self.tick = signals, say, tick
        self.state = State(world=session.world)
        self.folder = run.path / "checkpoints"
        self.metric = recipe.evaluate.select or task.main_metric
        self.began = time.monotonic()

    # -- saving and resuming

    def resume(self, continued: bool) -> None:
        """Go on from the newest whole checkpoint whose best weights are whole too."""
        if not continued:
            return
        found = self.session.newest(self.folder, self.say)
        if found is None:
            self.say("continuing: no checkpoint yet, starting from the beginning")
            return
        state = State(**self.session.restore(found))
        if state.world != self.session.world:
            raise InputError(
                f"the run was begun with {state.world} processes, this is {self.session.world}",
                "use the same number, or --overwrite",
            )
        self.state = state
        self.say(f"continuing from `{found}`")

    def save(self) -> None:
        self.session.save(self.folder, asdict(self.state))

    def stop(self) -> Preempted:
        self.save()
        return self.signals.stop(
            f"stopped after step {self.state.done}", f"saved in `{self.folder}`; the same command goes on from there"
        )

    # -- the stages

    def stages(self) -> None:
        state = self.state
        while state.stage < len(self.recipe.stages):
            self._stage()
            self.session.end_stage(self.folder, state.best_done)
            state.stage, state.step, state.without_gain, state.pending = state.stage + 1, 0, 0, False
            if state.stage < len(self.recipe.stages):
                state.best = state.best_done = None
            self.save()

    def _stage(self) -> None:
        state, recipe = self.state, self.recipe
        stage = recipe.stages[state.stage]
        features = self.task.encode(
            self.data.train[state.stage], self.session.tokenizer, self.session.max_length, learn=True
        )
        steps, per_epoch = self.session.plan(features, stage, recipe.seed + state.stage)
        every = stage.eval_every or per_epoch
        save_every = stage.save_every or every
        if state.step == 0:
            rows = self.data.train[state.stage]
            more = len(features) - sum(bool(row.tokens) for row in rows)
            windows = f"; long rows add {more} windows" if more else ""
            self.say(f"stage {stage.name}: {len(rows)} rows, {len(steps)} steps, {per_epoch} an epoch{windows}")
        self.session.begin(stage)
        if state.pending and self._evaluate(stage):
            return
        loss = tokens = 0.0
        for info in self.session.fit(features, steps, state.step, stage, recipe.seed + state.stage, self.say):
            state.step, state.done = info.step, state.done + 1
            loss, tokens = loss + info.loss * info.tokens, tokens + info.tokens
            self.tick(info.step, len(steps), f"loss {info.loss:.4f}")
            last = info.step == len(steps)
            due = info.step % every == 0 or last
            state.pending = due and bool(self.data.dev)
            if due and self.session.main:
                self.run.record(
                    {
                        "step": state.done,
                        "stage": stage.name,
                        "loss": loss / max(1, tokens),
                        "lr": info.lr,
                        "grad_norm": info.norm,
                    }
                )
            if self.session.any(self.signals.caught is not None):
                raise self.stop()
            if due:
                enough = self._evaluate(stage, loss / max(1, tokens))
                loss = tokens = 0.0
                if enough and not last:
                    return
            elif info.step % save_every == 0:
                self.save()

    def _evaluate(self, stage: Any, loss: float | None = None) -> bool:
        """Score dev, keep the best, save. True when patience has run out."""
        state = self.state
        heading = f"step {state.done}" + (f"  loss {loss:.4f}" if loss is not None else "")
        if self.data.dev:
            try:
                scores = self._score(self.data.dev)[1]
            except Preempted:
                raise self.stop() from None
            value = scores[self.metric]
            better = state.best is None or value > state.best
            if better:
                state.best, state.best_done, state.without_gain = value, state.done, 0
                self.session.save_best(self.folder, state.done, {self.metric: value})
            else:
                state.without_gain += 1
            self.say(f"{heading}  dev {self.metric} {value:.4f}{' *' if better else ''}")
            if self.session.main:
                self.run.record({"step": state.done, "stage": stage.name, "dev": _brief(scores)})
        else:
            self.say(heading)
        state.pending = False
        self.save()
        if stage.patience and state.without_gain >= stage.patience:
            self.say(f"no gain in {stage.patience} evaluations: stage {stage.name} ends")
            return True
        return False

    def _score(self, rows: list[TokenRow]) -> tuple[list[TokenRow], dict[str, Any]]:
        run = partial(self.session.scores, poll=self.signals.poll)
        guess = fill(self.task, rows, self.session.tokenizer, self.session.max_length, run)
        return guess, self.task.score(rows, guess)

    # -- the end

    def finish(self) -> Path:
        """Score dev and test with the final weights, write predictions, metrics, the bundle and DONE."""
        model = self.run.path / "model"
        if self.session.main:
            scores: dict[str, Any] = {}
            for name, rows in (("dev", self.data.dev), ("test", self.data.test)):
                if rows:
                    try:
                        guess, scores[name] = self._score(rows)
                    except Preempted:
                        raise self.stop() from None
                    fmt = next(entry["format"] for entry in self.data.record if entry["use"] == name)
                    with write_whole(self.run.path / "predictions" / f"{name}.{fmt}") as file:
                        formats.named(fmt).write(guess, file)
                    low, high = scores[name]["interval"]
                    self.say(f"{name} {self.metric} {scores[name][self.metric]:.4f} (95 %: {low:.4f} to {high:.4f})")
            info = self._info(scores)
            command = "nlpkit train " + str(self.run.path / "recipe.yaml")
            card = report.model_card(self.recipe, info, self.data.record, scores, command)
            self.session.save_bundle(model, info, card)
            self.run.write_json(
                "metrics.json",
                {"best_step": self.state.best_done, **scores, "seconds": round(time.monotonic() - self.began, 1)},
            )
            self.run.done()
            self.session.clear(self.folder)
        self.session.wait()
        return model

    def _info(self, scores: dict[str, Any]) -> dict[str, Any]:
        langs = sorted({row.lang for stage in self.data.train for row in stage if row.lang})
        return {
            "nlpkit": nlpkit.__version__,
            "task": self.recipe.task,
            "head": self.task.head,
            "options": self.recipe.options,
            "labels": self.task.labels,
            "max_length": self.session.max_length,
            "languages": langs,
            "base_model": self.recipe.model.base,
            "data": [
                {key: entry[key] for key in ("use", "card", "split", "licence", "rows") if key in entry}
                for entry in self.data.record
            ],
            "metrics": {name: _brief(score) for name, score in scores.items()},
        }


def _brief(scores: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 6) for key, value in scores.items() if isinstance(value, float)} | {
        "signature": scores["signature"]
    }


def dry_run(recipe: Recipe, *, data_dir: Path | None = None, say: Say = lambda _: None) -> dict[str, Any]:
    """Load the data, build the model, train on one batch in memory; write nothing. Returns what was found."""
    from nlpkit.engine.session import Session

    session = Session(recipe)
    data = load_data(recipe, data_dir, say)
    task = _task_for(recipe, data)
    session.build(task.labels, [row.tokens for stage in data.train for row in stage], say)
    result: dict[str, Any] = {"labels": task.labels, "data": data.record, "stages": []}
    for number, stage in enumerate(recipe.stages):
        features = task.encode(data.train[number], session.tokenizer, session.max_length, learn=True)
        steps, per_epoch = session.plan(features, stage, recipe.seed)
        session.begin(stage)
        info = next(iter(session.fit(features, steps[:1], 0, stage, recipe.seed, say)))
        result["stages"].append(
            {
                "name": stage.name,
                "windows": len(features),
                "steps": len(steps),
                "steps_per_epoch": per_epoch,
                "first_loss": round(info.loss, 4),
            }
        )
    result["weights"] = session.weights()
    return result
