"""Families that train in one go: the linear CRF, spaCy, the two kinds of n-grams. The run directory is the same."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nlpkit.config.recipe import CrfScratch, HashedScratch, NgramScratch, Recipe
from nlpkit.data.rows import Row, TokenRow
from nlpkit.errors import InputError, RunError
from nlpkit.jobs.finish import finish
from nlpkit.jobs.predict import fill_whole
from nlpkit.jobs.prepare import Data, Tick, begin, load_data, ready
from nlpkit.jobs.rundir import Say, open_run
from nlpkit.jobs.signals import Signals
from nlpkit.tasks.base import Task, probabilities
from nlpkit.tasks.classify import Classify


def train(
    recipe: Recipe,
    out: Path,
    *,
    data_dir: Path | None,
    overwrite: bool,
    say: Say,
    tick: Tick,
    change: Callable[[Data], Data],
) -> Path:
    """As ``jobs.train.train``. A run that was stopped begins again: these families keep no checkpoints."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError(f"the family {recipe.model.family} trains in one process", "leave out accelerate launch")
    began = time.monotonic()
    with Signals() as signals:
        run, continued = open_run(out, recipe, say, overwrite=overwrite)
        try:
            say = run.say
            data = change(load_data(recipe, data_dir, say))
            task = ready(recipe, data, say)
            check(recipe)
            if continued:
                say(f"the family {recipe.model.family} keeps no checkpoints: training begins again")

            def step(done: int, total: int, text: str) -> None:
                begin(run, recipe, data, "cpu", 1)
                tick(done, total, text)

            model = learn(recipe, task, data, run.work(), signals, say, step)
            begin(run, recipe, data, "cpu", 1)  # where nothing was counted
            say(f"model: {model.weights():,} weights")
            return finish(
                run, recipe, task, data, lambda rows: fill_whole(task, rows, model, signals.poll), model.save,
                max_length=0, say=say, metrics={"seconds": round(time.monotonic() - began, 1)},
                adjusted=_adjusted(model),
            )  # fmt: skip
        except (InputError, RunError):
            run.withdraw()
            raise
        finally:
            run.release()


def _adjusted(model: Any) -> dict[str, Any] | None:
    """What the model knows of how sure its answers are; None where dev is to tell."""
    if getattr(model, "confidence", None) is not None:
        return {}
    found: dict[str, Any] | None = getattr(model, "decision", None)
    return found


def check(recipe: Recipe) -> None:
    """Raise InputError where the library lacks what the recipe asks for."""
    if recipe.model.spacy is not None and recipe.model.spacy.base is not None:
        from nlpkit.engine.pipelines import check_base

        check_base(recipe.model.spacy.base)


def learn(recipe: Recipe, task: Task, data: Data, work: Path, signals: Signals, say: Say, tick: Tick) -> Any:
    """Train the model of the recipe's family; ``work`` is a folder for what the library writes on its way."""
    rows = data.train[0]
    if isinstance(recipe.model.scratch, CrfScratch):
        from nlpkit.engine.linear_crf import LinearCrf

        kept = [part for row in rows for part in _stretches(task, row)]
        work.mkdir(exist_ok=True)
        model = LinearCrf.train(
            recipe.model.scratch, task.labels, [words for words, _ in kept], [tags for _, tags in kept],
            work / "weights", tick,
        )  # fmt: skip
        work.rmdir()
        signals.poll()
        return model
    if isinstance(recipe.model.scratch, HashedScratch):
        from nlpkit.engine.hashed_training import train as train_hashed

        return train_hashed(
            recipe.model.scratch, task.labels, rows, data.dev,
            seed=recipe.seed, say=say, tick=tick, poll=signals.poll,
        )  # fmt: skip
    if isinstance(recipe.model.scratch, NgramScratch):
        return _ngrams(recipe.model.scratch, task, rows, recipe.seed, signals, say, tick)
    from nlpkit.engine.pipelines import Pipeline

    assert recipe.model.spacy is not None
    dev = data.dev
    if not dev:
        if len(rows) < 2:
            raise InputError("spaCy needs rows to choose its weights on", "data.dev=FILE")
        dev, rows = rows[::10], [row for number, row in enumerate(rows) if number % 10]
        say(f"no dev rows: spaCy chooses its weights on every tenth training row ({len(dev)}), which it does not learn")
    langs = {row.lang for row in rows}
    lang = langs.pop() if len(langs) == 1 else ""
    learned, tried = ([(row.tokens, task.wanted(row)) for row in part] for part in (rows, dev))
    return Pipeline.train(
        recipe.model.spacy, task.labels, learned, tried, work,
        spans=task.spans, lang=lang, seed=recipe.seed, say=say, tick=tick, poll=signals.poll,
    )  # fmt: skip


def _ngrams(spec: NgramScratch, task: Task, rows: list[Row], seed: int, signals: Signals, say: Say, tick: Tick) -> Any:
    """TF-IDF and logistic regression; temperature and thresholds from parts held out."""
    from nlpkit.engine.ngram_training import train as train_ngrams

    assert isinstance(task, Classify)
    model, tried, logits = train_ngrams(
        spec, task.labels, [row.whole for row in rows], task.matrix(rows),
        seed=seed, say=say, tick=tick, poll=signals.poll,
    )  # fmt: skip
    import numpy as np

    chances = np.array([probabilities(row, multi_label=task.multi_label) for row in logits.tolist()])
    model.decision = task.decide(chances, task.matrix([rows[at] for at in tried]))
    return model


def _stretches(task: Task, row: TokenRow) -> Iterator[tuple[list[str], list[str]]]:
    """(words, tags) of the row, cut where a word is not annotated: this CRF has no missing labels."""
    words: list[str] = []
    tags: list[str] = []
    for word, tag in zip(row.tokens, task.wanted(row), strict=True):
        if tag in task.labels:
            words.append(word)
            tags.append(tag)
        elif words:
            yield words, tags
            words, tags = [], []
    if words:
        yield words, tags
