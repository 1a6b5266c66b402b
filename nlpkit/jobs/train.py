"""Train a recipe into a run directory: load, encode, fit, evaluate, keep the best, save, resume."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from nlpkit.config.recipe import WHOLE, Recipe
from nlpkit.data.rows import Row
from nlpkit.errors import InputError, Preempted, RunError, counted
from nlpkit.jobs import whole
from nlpkit.jobs.finish import brief, finish
from nlpkit.jobs.predict import fill
from nlpkit.jobs.prepare import Data, Tick, begin, load_data, ready
from nlpkit.jobs.rundir import RunDir, Say, open_run
from nlpkit.jobs.signals import Signals
from nlpkit.jobs.slices import language
from nlpkit.tasks.base import Task
from nlpkit.tasks.base_pairs import PairTask


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
    change: Callable[[Data], Data] = lambda data: data,
) -> Path:
    """Run ``recipe`` in the folder ``out`` and return the folder of the model.

    ``change`` makes the data of the run from that of the recipe (``jobs.series`` leaves rows out).
    A folder with an unfinished run of the same recipe is continued. Raises Preempted after a signal, with a
    checkpoint saved; InputError for bad data; RunError when the disk or the memory is full.
    """
    if recipe.model.family in WHOLE:
        return whole.train(recipe, out, data_dir=data_dir, overwrite=overwrite, say=say, tick=tick, change=change)
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
            data = change(load_data(recipe, data_dir, say))
            task = ready(recipe, data, say)
            _build(session, task, data, say)
            _check_languages(session, task, data, say)
            loop = _Training(recipe, run, session, task, data, signals, say, tick)
            loop.resume(continued)
            loop.stages()
            return loop.finish()
        except (InputError, RunError):
            run.withdraw()
            raise
        finally:
            run.release()


def _words(task: Task, data: Data) -> tuple[list[Sequence[str]], list[Sequence[str]]]:
    """The words of the training rows, and those of all rows; of texts the texts themselves."""

    def words(row: Row) -> Sequence[str]:
        if task.head == "tokens":
            found: Sequence[str] = row.tokens
            return found
        return [row.text] if row.text_b is None else [row.text, row.text_b]

    train = [words(row) for stage in data.train for row in stage]
    return train, [*train, *(words(row) for row in (*data.dev, *data.test))]


def _build(session: Any, task: Task, data: Data, say: Say) -> None:
    """Make the session's model."""
    if not isinstance(task, PairTask):
        words, all_words = _words(task, data)
        texts = task.head == "texts"
        session.build(task.labels, words, all_words, say, texts=texts, multi_label=task.multi_label)
        return
    rows = [row for stage in data.train for row in stage]
    both = [task.source(row.text) for row in rows] + [task.target(row.target or "") for row in rows]
    session.decoding = task.options.decoding
    session.build_pairs(task.labels, both, say, symbols=task.symbols, names=getattr(task.options, "codes", {}))


def _check_languages(session: Any, task: Task, data: Data, say: Say) -> None:
    """Tell languages of dev and test pairs that training never shows; InputError where the model cannot be asked."""
    if not isinstance(task, PairTask):
        return
    learned = {(row.lang, row.target_lang) for stage in data.train for row in stage}
    for name, rows in (("dev", data.dev), ("test", data.test)):
        firsts = {languages: row for row in reversed(rows) if (languages := (row.lang, row.target_lang)) not in learned}
        if firsts:
            named = ", ".join(sorted(language(row) for row in firsts.values()))
            say(f"note: {name} has languages that training never shows: {named}")
        try:
            task.encode(list(firsts.values()), session.tokenizer, session.max_length, learn=False)
        except InputError as error:
            raise InputError(f"{name}: {error.message}", "learn these languages, or leave such rows out") from None


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
        self._begin()
        found = self.session.newest(self.folder, self.say)
        if found is None:
            self.say("continuing: no checkpoint yet, starting from the beginning")
            return
        state = State(**self.session.restore(found))
        if state.world != self.session.world:
            raise InputError(
                f"the run was begun with {counted(state.world, 'process')}, this is {self.session.world}",
                "use the same number, or --overwrite",
            )
        self.state = state
        self.say(f"continuing from `{found}`")

    def _begin(self) -> None:
        if self.session.main:
            begin(self.run, self.recipe, self.data, self.session.device, self.session.world)

    def save(self) -> None:
        self.session.checkpoint(self.folder, asdict(self.state))

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
            self.session.end_stage(self.folder, state.best_done, self.recipe.stages[state.stage].last or 1)
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
        sources = self.data.sources[state.stage]
        steps, per_epoch = self.session.plan(features, stage, recipe.seed + state.stage, sources)
        every = stage.eval_every or per_epoch
        save_every = stage.save_every or every
        if state.step == 0:
            rows = self.data.train[state.stage]
            more = len(features) - sum(bool(row.tokens) for row in rows)
            windows = f"; long rows add {counted(more, 'window')}" if more > 0 else ""
            if self.task.head == "pairs" and more < 0:
                count = counted(-more, "pair", "are")
                windows = f"; {count} left out: blank, or over {self.session.max_length} pieces"
            size, length = counted(len(rows), "row"), counted(len(steps), "step")
            self.say(f"stage {stage.name}: {size}, {length}, {per_epoch} an epoch{windows}")
        self.session.begin(stage)
        if state.pending and self._evaluate(stage):
            return
        loss = tokens = 0.0
        for info in self.session.fit(features, steps, state.step, stage, recipe.seed + state.stage, self.say):
            self._begin()
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
                guess = self._fill(self.data.dev)
            except Preempted:
                raise self.stop() from None
            scores = self.task.score(self.data.dev, guess)
            value = scores[self.metric]
            better = state.best is None or value > state.best
            if better:
                state.best, state.best_done, state.without_gain = value, state.done, 0
                self.session.save_best(self.folder, state.done, {self.metric: value})
            else:
                state.without_gain += 1
            self.say(f"{heading}  dev {self.metric} {value:.4f}{' *' if better else ''}")
            if warning := self.task.odd(guess):
                self.say(f"warning: {warning}")
            if self.session.main:
                self.run.record({"step": state.done, "stage": stage.name, "dev": brief(scores)})
        else:
            self.say(heading)
        if (stage.last or 1) > 1:
            self.session.save_last(self.folder, state.done, stage.last)
        state.pending = False
        self.save()
        if stage.patience and state.without_gain >= stage.patience:
            self.say(f"no gain in {counted(stage.patience, 'evaluation')}: stage {stage.name} ends")
            return True
        return False

    def _fill(self, rows: list[Row]) -> list[Row]:
        run = partial(self.session.scores, poll=self.signals.poll)
        return fill(self.task, rows, self.session.tokenizer, self.session.max_length, run)

    # -- the end

    def finish(self) -> Path:
        """Score with the final weights and write what a finished run holds."""
        model = self.run.path / "model"
        self.session.settle()
        if self.session.main:
            metrics = {"best_step": self.state.best_done, "seconds": round(time.monotonic() - self.began, 1)}
            try:
                model = finish(
                    self.run, self.recipe, self.task, self.data, self._fill, self.session.save,
                    max_length=self.session.max_length, say=self.say, metrics=metrics,
                )  # fmt: skip
            except Preempted:
                raise self.stop() from None
            self.session.clear(self.folder)
        self.session.wait()
        return model


def dry_run(recipe: Recipe, *, data_dir: Path | None = None, say: Say = lambda _: None) -> dict[str, Any]:
    """Load the data, build the model, train on one batch in memory; write nothing. Returns what was found."""
    data = load_data(recipe, data_dir, say)
    task = ready(recipe, data, say)
    result: dict[str, Any] = {"labels": task.labels, "data": data.record, "stages": []}
    if recipe.model.family in WHOLE:
        whole.check(recipe)
        return result  # a library trains these in one go; there is no first batch to try
    from nlpkit.engine.session import Session

    session = Session(recipe)
    _build(session, task, data, say)
    _check_languages(session, task, data, say)
    for number, stage in enumerate(recipe.stages):
        features = task.encode(data.train[number], session.tokenizer, session.max_length, learn=True)
        steps, per_epoch = session.plan(features, stage, recipe.seed, data.sources[number])
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
