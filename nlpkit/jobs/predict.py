"""Fill in rows with a model: streaming, every row and word out, in order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nlpkit.config import bundle_info
from nlpkit.config.decoding import Decoding
from nlpkit.data.features import Feature, Output, WordTagger
from nlpkit.data.files import Report, Strictly
from nlpkit.data.load import read_file
from nlpkit.data.rows import Row, TextRow, TokenRow
from nlpkit.data.seen import Seen
from nlpkit.data.tokenize import for_language
from nlpkit.errors import InputError
from nlpkit.tasks import named
from nlpkit.tasks.base import Task
from nlpkit.text.langcodes import UNKNOWN

CHUNK = 1024


Run = Callable[[list[Feature]], list[Output]]


def fill(task: Task, rows: Sequence[Row], tokenizer: Any, max_length: int, run: Run) -> list[Row]:
    """The rows with their tags and scores filled in by ``run``; every row and every word, in order."""
    features = task.encode(rows, tokenizer, max_length, learn=False)
    by_row: dict[int, list[tuple[Feature, Output]]] = {}
    for feature, output in zip(features, run(features), strict=True):
        by_row.setdefault(feature.row, []).append((feature, output))
    return [task.decode(row, by_row.get(number, [])) for number, row in enumerate(rows)]


def fill_words(
    task: Task, rows: Sequence[Row], tagger: WordTagger, poll: Callable[[], None] = lambda: None
) -> list[Row]:
    """The same by a model that takes words."""
    outputs = tagger.tag_words([row.tokens for row in rows], poll)
    filled = []
    for number, (row, output) in enumerate(zip(rows, outputs, strict=True)):
        feature = Feature(number, [], None, [], list(range(len(row.tokens))), [], 0)
        filled.append(task.decode(row, [(feature, output)]))
    return filled


def fill_whole(task: Task, rows: Sequence[Any], model: Any, poll: Callable[[], None] = lambda: None) -> list[Any]:
    """The same by a model that needs no sub-words: one that takes words, or texts."""
    if task.head == "tokens":
        return fill_words(task, rows, model, poll)
    return decoded(task, rows, model.tag_texts([row.whole for row in rows], poll))


def decoded(task: Task, rows: Sequence[Any], outputs: Sequence[Output]) -> list[Any]:
    """Texts with the answers of a model filled in; an output without labels is no answer."""
    feature = Feature(0, [], None, [0], [0], [], 0)
    return [
        task.decode(row, [(feature, output)] if output.labels else [])
        for row, output in zip(rows, outputs, strict=True)
    ]


class Predictor:
    """A loaded model that fills in rows of its task."""

    def __init__(
        self,
        model: str,
        *,
        task: str | None = None,
        precision: str = "fp32",
        device: str | None = None,
        batch_tokens: int | None = None,
        nbest: int = 1,
        decoding: Callable[[Decoding], Decoding] = lambda usual: usual,
        engine: str = "torch",
        also: Sequence[str] = (),
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """The rest is for models that write texts.

        ``decoding`` makes of the model's own way to choose an answer that which is wanted; ``engine`` is torch, ct2, or
        auto (ct2 on a CPU where it serves); ``also`` are models that answer together with the first.
        """
        from nlpkit.engine import bundle

        self._wanted = model, precision, device
        found = None
        if engine == "ct2" or (engine == "auto" and device in (None, "cpu")):
            wanted = decoding(_usual(model))
            found = bundle.converted(
                model, task or "translate", wanted, device=device, precision=precision, ensemble=bool(also),
                must=engine == "ct2", say=say,
            )  # fmt: skip
        self._bundle = found or bundle.load(model, device, task)
        self.info = self._bundle.info
        if task is not None and self.info["task"] != task:
            raise InputError(
                f"`{model}` is a model for {self.info['task']}, not for {task}",
                f"nlpkit {self.info['task']} --model {model}",
            )
        try:
            task_class = named(self.info["task"])
        except InputError as error:
            raise InputError(f"`{model}`: `task` in bundle.json: {error.message}", error.hint) from None
        try:
            options = task_class.Options.model_validate(self.info["options"])
        except ValidationError:
            raise InputError(
                f"`{model}`: `options` in bundle.json is damaged", "copy or train the model again"
            ) from None
        self.task: Task = task_class(options, self.info["labels"])
        self.columns: dict[str, int | str] = self.info.get("columns", {})
        self._model = self._bundle.model if found else bundle.prepared(self._bundle, precision)
        self._batch_tokens = batch_tokens or (4096 if self.task.head == "pairs" else 1024)
        self._nbest = nbest
        if nbest > 1 and self._bundle.tokenizer is None and self.task.head == "tokens":
            raise InputError(f"`{model}` gives one answer only", "--nbest is for models with sub-words or a BiLSTM")
        if batch_tokens is not None and self._bundle.tokenizer is None:
            raise InputError(f"`{model}` reads row by row", "leave out --batch-tokens")
        try:
            self.task.use(self.info)
            self._longest = int(self.info["max_length"])
        except (TypeError, ValueError, IndexError, AttributeError):
            raise InputError(f"`{model}`: bundle.json is damaged", "copy or train the model again") from None
        self._check_room(model)
        self.decoding = decoding(getattr(options, "decoding", Decoding()))
        self._others = [self._alike(name, precision, device) for name in also]

    def _check_room(self, model: str) -> None:
        """Raise InputError where no piece fits into ``max_length``, or the numbers of a word are torn apart."""
        pieces = self._bundle.tokenizer
        if pieces is None:
            return
        marks = len(getattr(pieces, "prefix", ())) + len(getattr(pieces, "suffix", ()))
        if self._longest < marks + pieces.width or self._longest % pieces.width:
            raise InputError(f"`{model}`: `max_length` in bundle.json is damaged", "copy or train the model again")

    def choose(self, decoding: Decoding) -> None:
        """Choose answers in another way from now on; by torch, where CTranslate2 cannot."""
        from nlpkit.engine import bundle, ct2

        if hasattr(self._model, "write") and ct2.unable(decoding, ensemble=False):
            precision, device = self._wanted[1:]
            self._bundle = bundle.load(self._wanted[0], device, self.info["task"])
            self._model = bundle.prepared(self._bundle, precision)
        self.decoding = decoding

    def _alike(self, name: str, precision: str, device: str | None) -> Any:
        """Another model that reads and writes the same pieces."""
        from nlpkit.engine import bundle

        other = bundle.load(name, device, self.info["task"])
        if other.info["task"] != self.info["task"]:
            raise InputError(f"`{name}` is a model for {other.info['task']}, not for {self.info['task']}")
        mine, its = self._bundle.tokenizer, other.tokenizer
        if not hasattr(mine, "pieces") or not hasattr(its, "pieces") or mine.pieces() != its.pieces():
            raise InputError(
                f"`{name}` has other pieces than the first model", "models that answer together share them"
            )
        return bundle.prepared(other, precision)

    @cached_property
    def seen(self) -> Seen | None:
        """Which words stood in the model's training rows, where the model knows."""
        return Seen.load(self._bundle.path) if self._bundle.path is not None else None

    def answers(
        self,
        texts: Sequence[str],
        *,
        top: int = 1,
        allowed: Sequence[str] | None = None,
        poll: Callable[[], None] = lambda: None,
    ) -> list[list[tuple[str, float]]]:
        """The ``top`` labels of each text with their probabilities, best first; none where nothing can be told.

        A text of a language that the model was not trained on, where it can tell that, begins with ``und``, one more.

        Only the labels ``allowed`` are given, where named; not every kind of model can do that.
        """
        found: list[list[tuple[str, float]]] = []
        if hasattr(self._model, "tag_texts"):
            names = self.task.labels
            for output in self._model.tag_texts(texts, poll, top=top, allowed=allowed):
                pairs = output.others or [(output.labels, score) for score in output.scores]
                best = [(names[label[0]], score) for label, score in pairs]
                found.append([(UNKNOWN, output.unknown), *best] if output.unknown >= 0.5 else best)
        elif allowed is not None:
            raise InputError(
                "this kind of model cannot be told which labels to give",
                "leave out --only and --words, or take n-grams",
            )
        else:
            for row in self._filled([TextRow("", text) for text in texts], poll):
                best = sorted(row.others, key=lambda entry: -entry[1])[:top]
                one = [(row.label, 1.0 if row.score is None else row.score)]
                found.append([] if row.label is None else best or one)
        if (scaling := self.task.scaling) is not None:
            found = [[(label, scaling([score])[0]) for label, score in best] for best in found]
        return found

    def shares(self, texts: Sequence[str], allowed: Sequence[str]) -> list[list[float]]:
        """How the probability of each text is shared among the labels ``allowed``, in their order."""
        if hasattr(self._model, "shares"):
            given: list[list[float]] = self._model.shares(texts, allowed)
            return given
        found = []
        for best in self.answers(texts, top=len(allowed), allowed=allowed):
            chances = dict(best)
            total = sum(chances.values()) or 1.0
            found.append([chances.get(label, 0.0) / total for label in allowed])
        return found

    @property
    def model(self) -> Any:
        """What answers: a torch module, or one of the engine's own models."""
        return self._model

    def replace_model(self, model: Any) -> None:
        """Answer with another model of the same inputs and outputs."""
        self._model = model

    def cut(self, row: Row) -> Row:
        """A row of raw text cut into words as the model's data were: by its own tokenizer, or that of the language.

        The language is the row's, or the model's where it has learned one only.
        """
        if not isinstance(row, TokenRow) or not row.raw or row.text is None:
            return row
        own = getattr(self._model, "words", None)
        langs = self.info.get("languages", [])
        words = own or for_language(row.lang or (langs[0] if len(langs) == 1 else ""))
        offsets = words(row.text)
        return replace(row, tokens=tuple(row.text[start:end] for start, end in offsets), offsets=offsets)

    def __call__(
        self, rows: Iterable[Row], *, chunk: int = CHUNK, poll: Callable[[], None] = lambda: None
    ) -> Iterator[Row]:
        """Yield the rows filled in; at most ``chunk`` of them are in memory. ``poll`` is called between batches."""
        rows = iter(rows)
        while part := [self.cut(row) for row in itertools.islice(rows, chunk)]:
            yield from self.task.adjusted(self._filled(part, poll), self._nbest if self._nbest > 1 else 0)

    def _filled(self, part: list[Row], poll: Callable[[], None]) -> list[Row]:
        tokenizer = self._bundle.tokenizer
        if tokenizer is None:
            return fill_whole(self.task, part, self._model, poll)
        if self.task.head == "pairs":
            return fill(self.task, part, tokenizer, self._longest, partial(self._written, poll=poll))
        from nlpkit.engine.predict import scores

        def run(features: list[Feature]) -> list[Output]:
            tokens = self._batch_tokens * tokenizer.width
            return scores(self._model, features, tokenizer.pad, tokens, poll, self._nbest)

        return fill(self.task, part, tokenizer, self._longest, run)

    def _written(self, features: list[Feature], poll: Callable[[], None]) -> list[Output]:
        if hasattr(self._model, "write"):
            return list(
                self._model.write(
                    features, self.decoding, longest=self._longest, batch_tokens=self._batch_tokens,
                    poll=poll,
                )
            )  # fmt: skip
        from nlpkit.engine import generate

        return generate.outputs(
            [self._model, *self._others], features, self._bundle.tokenizer, self.decoding,
            longest=self._longest, batch_tokens=self._batch_tokens, poll=poll,
        )  # fmt: skip


def _usual(model: str) -> Decoding:
    """How a model chooses its answers, read without loading it."""
    path = Path(model) / "bundle.json"
    if not path.is_file():
        return Decoding()
    try:
        return Decoding.model_validate(bundle_info.read(path.parent)["options"].get("decoding", {}))
    except ValidationError:
        raise InputError(f"`{path}`: `decoding` is damaged", "copy or train the model again") from None


def read_inputs(
    files: list[str],
    fmt: str | None,
    columns: dict[str, int | str],
    lang: str,
    report: Report | None = None,
    kind: str = "tokens",
) -> Iterator[Row]:
    """Rows of all files in turn; no file is stdin. The format is guessed from the name, else raw text."""
    from nlpkit.data import formats

    for path in files or ["-"]:
        yield from read_file(path, fmt or formats.guess(path, "text", kind), report or Strictly(), columns, lang, kind)


def predict(
    rows: Iterable[Row], model: str, *, task: str | None = None, precision: str = "fp32", device: str | None = None
) -> Iterator[Row]:
    """Yield ``rows`` with their tags and scores filled in by ``model`` (a folder, or a Hub id when online)."""
    return Predictor(model, task=task, precision=precision, device=device)(rows)
