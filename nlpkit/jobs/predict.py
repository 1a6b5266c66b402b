"""Fill in rows with a model: streaming, every row and word out, in order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from nlpkit.data.features import Feature, Output
from nlpkit.data.files import Report, Strictly
from nlpkit.data.load import read_file
from nlpkit.data.rows import TokenRow
from nlpkit.errors import InputError
from nlpkit.tasks import named
from nlpkit.tasks.base import Task

CHUNK = 1024


Run = Callable[[list[Feature]], list[Output]]


def fill(task: Task, rows: Sequence[TokenRow], tokenizer: Any, max_length: int, run: Run) -> list[TokenRow]:
    """The rows with their tags and scores filled in by ``run``; every row and every word, in order."""
    features = task.encode(rows, tokenizer, max_length, learn=False)
    by_row: dict[int, list[tuple[Feature, Output]]] = {}
    for feature, output in zip(features, run(features), strict=True):
        by_row.setdefault(feature.row, []).append((feature, output))
    return [task.decode(row, by_row.get(number, [])) for number, row in enumerate(rows)]


class Predictor:
    """A loaded model that fills in rows of its task."""

    def __init__(
        self,
        model: str,
        *,
        task: str | None = None,
        precision: str = "fp32",
        device: str | None = None,
        batch_tokens: int = 1024,
    ) -> None:
        from nlpkit.engine import bundle, predict

        self._bundle = bundle.load(model, device)
        self.info = self._bundle.info
        if task is not None and self.info["task"] != task:
            raise InputError(
                f"`{model}` is a model for {self.info['task']}, not for {task}",
                f"nlpkit {self.info['task']} --model {model}",
            )
        task_class = named(self.info["task"])
        self.task: Task = task_class(task_class.Options.model_validate(self.info["options"]), self.info["labels"])
        self._model: Any = predict.lower_precision(self._bundle.model, precision)
        self._batch_tokens = batch_tokens

    def __call__(
        self, rows: Iterable[TokenRow], *, chunk: int = CHUNK, poll: Callable[[], None] = lambda: None
    ) -> Iterator[TokenRow]:
        """Yield the rows filled in; at most ``chunk`` of them are in memory. ``poll`` is called between batches."""
        from nlpkit.engine.predict import scores

        tokenizer = self._bundle.tokenizer

        def run(features: list[Feature]) -> list[Output]:
            return scores(self._model, features, tokenizer.pad, self._batch_tokens * tokenizer.width, poll)

        rows = iter(rows)
        while part := list(itertools.islice(rows, chunk)):
            yield from fill(self.task, part, self._bundle.tokenizer, int(self.info["max_length"]), run)


def read_inputs(
    files: list[str], fmt: str | None, columns: dict[str, int | str], lang: str, report: Report | None = None
) -> Iterator[TokenRow]:
    """Rows of all files in turn; no file is stdin. The format is guessed from the name, else raw text."""
    from nlpkit.data import formats

    for path in files or ["-"]:
        yield from read_file(path, fmt or formats.guess(path, "text"), report or Strictly(), columns, lang)


def predict(
    rows: Iterable[TokenRow], model: str, *, task: str | None = None, precision: str = "fp32", device: str | None = None
) -> Iterator[TokenRow]:
    """Yield ``rows`` with their tags and scores filled in by ``model`` (a folder, or a Hub id when online)."""
    return Predictor(model, task=task, precision=precision, device=device)(rows)
