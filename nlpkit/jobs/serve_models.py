"""What can be asked of the models that are served, and their answers: the rows that the commands write as JSON."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from nlpkit.config import bundle_info, places
from nlpkit.config.decoding import Decoding, changed
from nlpkit.config.explain import Strict, nearest, unknown
from nlpkit.data import formats
from nlpkit.data.rows import PairRow, TextRow, TokenRow
from nlpkit.errors import InputError, NlpkitError, counted
from nlpkit.jobs.langid import Identifier
from nlpkit.jobs.predict import Predictor
from nlpkit.jobs.serve_queue import Poll
from nlpkit.tasks import named, names
from nlpkit.tasks.base_pairs import Noted, PairTask
from nlpkit.text.langcodes import known as languages
from nlpkit.text.langcodes import parse
from nlpkit.text.tokens import words

_ORDER = ("langid", "pos", "ner", "classify", "translate", "g2p")
_BEST = 100  # labels
_SHOWN = 60  # characters of a key in a message


class ModelFault(NlpkitError):
    """A model that is served does not load."""


# -- what is asked


@dataclass(frozen=True, slots=True)
class Question:
    """What is wanted of each text; requests with equal questions are answered together."""

    task: str
    lang: str = ""
    target_lang: str = ""
    beam: int | None = None
    nbest: int = 1
    top: int = 1


class _Asked(Strict, strict=True):
    text: str | None = None
    texts: list[str] | None = None


class _OfTokens(_Asked):
    lang: str = ""


class _OfTexts(_Asked):
    top: int = Field(1, ge=1, le=_BEST)


class _OfPairs(_Asked):
    beam: int | None = Field(None, ge=1, le=64)
    nbest: int = Field(1, ge=1, le=64)
    lang: str = ""
    target_lang: str = ""


class _OfWords(_Asked):
    beam: int | None = Field(None, ge=1, le=64)
    nbest: int = Field(1, ge=1, le=64)
    lang: str = ""


_KINDS: Mapping[str, type[_Asked]] = {"tokens": _OfTokens, "texts": _OfTexts, "pairs": _OfPairs}


def _kind(task: str) -> type[_Asked]:
    return _OfWords if task == "g2p" else _KINDS[named(task).head]


def keys(task: str) -> list[str]:
    """The keys of a request for a task."""
    return list(_kind(task).model_fields)


def read(task: str, data: Any) -> tuple[Question, list[str]]:
    """What a request asks of which texts. Raises InputError that names every fault."""
    kind = _kind(task)
    hint = 'write {"text": "..."} or {"texts": ["...", "..."]}; further keys: ' + ", ".join(keys(task)[2:])
    if not isinstance(data, dict):
        raise InputError("a JSON object is wanted", hint)
    try:
        asked = kind.model_validate(data)
    except ValidationError as error:
        raise InputError("; ".join(_faults(error, keys(task))), hint) from None
    if (asked.text is None) == (asked.texts is None):
        raise InputError("one of `text` and `texts` is wanted", hint)
    texts = [asked.text] if asked.text is not None else asked.texts or []
    given = asked.model_dump(exclude={"text", "texts"})
    strings = [*texts, *(value for value in given.values() if isinstance(value, str))]
    if any("\ud800" <= char <= "\udfff" for text in strings for char in text):
        raise InputError("a text holds half of a surrogate pair", "restore the character")
    if given.get("lang") and named(task).head == "tokens":
        given["lang"] = parse(given["lang"])
        if given["lang"] not in languages():  # a tokenizer is kept for each language: they must not be without number
            raise InputError(f"nothing is known of the language `{given['lang']}`", "leave out `lang`")
    known = {field.name for field in fields(Question)}
    return Question(task, **{name: value for name, value in given.items() if name in known}), texts


def _faults(error: ValidationError, known: Sequence[str]) -> list[str]:
    found = []
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        name = ".".join(str(part) for part in fault["loc"])
        shown = name if len(name) <= _SHOWN else name[:_SHOWN] + "..."
        what = fault["msg"][0].lower() + fault["msg"][1:]
        if fault["type"] == "extra_forbidden":
            what = f"unknown key{nearest(shown, known)}"
        found.append(f"`{shown}`: {what}")
    return found[:5] + ([f"and {counted(len(found) - 5, 'more problem')}"] if len(found) > 5 else [])


# -- which models


def chosen(given: Iterable[str], only: Sequence[str] | None) -> dict[str, str]:
    """Task -> model: those that ship, those ``given`` as ``TASK=MODEL`` or as folder, of them the tasks in ``only``.

    Raises InputError.
    """
    found = {task: str(places.model(task)) for task in names() if places.model(task).is_dir()}
    for text in given:
        task, model = _named_model(text)
        found[task] = model
    for task in only or ():
        if task not in names():
            raise unknown("task", task, names(), "tasks: " + ", ".join(names()))
        if task not in found:
            raise InputError(
                f"no model for {task} ships with nlpkit",
                f"train one: nlpkit train {task}; then add --model {task}=runs/{task}/default/model",
            )
    order = sorted(found, key=lambda task: (_ORDER.index(task) if task in _ORDER else len(_ORDER), task))
    return {task: found[task] for task in order if only is None or task in only}


def _named_model(text: str) -> tuple[str, str]:
    task, sign, model = text.partition("=")
    if sign and task in names():
        if (Path(model) / "bundle.json").is_file() and (own := bundle_info.read(Path(model))["task"]) != task:
            raise InputError(f"`{model}` is a model for {own}, not for {task}", f"--model {own}={model}")
        if not model:
            raise InputError(
                f"`--model {text}` names no model", f"for example: --model {task}=runs/{task}/default/model"
            )
        return task, model
    if (Path(text) / "bundle.json").is_file():
        return str(bundle_info.read(Path(text))["task"]), text
    if sign and not Path(text).exists():
        raise unknown("task", task, names(), "tasks: " + ", ".join(names()))
    raise InputError(
        f"`--model {text}` does not say for which task", "write --model TASK=MODEL, tasks: " + ", ".join(names())
    )


# -- answers


@dataclass(frozen=True, slots=True)
class Answer:
    """A row as the command writes it, and what a reader should know of it."""

    row: dict[str, Any]
    notes: tuple[str, ...] = ()


class _Places(Noted):
    """Which rows were noted, by id."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()

    def add(self, row: PairRow) -> None:
        super().add(row)
        self.ids.add(row.id)


class Models:
    """The models that are served, by task. One thread may ``load`` them and another ``answer`` by those that are."""

    def __init__(self, by_task: Mapping[str, str], *, device: str | None = None) -> None:
        self.by_task, self._device = dict(by_task), device
        self._loaded: dict[str, Predictor | Identifier] = {}
        self._usual: dict[str, Decoding] = {}  # how each model chooses its answers, unless a request says otherwise

    def facts(self) -> list[dict[str, Any]]:
        """What is known of each model without loading it."""
        found = []
        for task, model in self.by_task.items():
            info = bundle_info.read(Path(model)) if (Path(model) / "bundle.json").is_file() else {}
            shipped = Path(model) == places.model(task)
            found.append(
                {
                    "task": task,
                    "model": "shipped" if shipped else model,
                    "languages": info.get("labels" if task == "langid" else "languages", []),
                    "target_languages": info.get("target_languages", []),
                    "labels": [] if task == "langid" else info.get("labels", []),
                    "keys": keys(task),
                    "loaded": task in self._loaded,
                }
            )
        return found

    def ready(self, task: str) -> bool:
        return task in self._loaded

    def load(self, task: str, texts: Sequence[str], poll: Poll) -> list[None]:
        """Load the model of a task, if it is not; None for each text. Raises ModelFault."""
        if task not in self._loaded:
            os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # more threads only wait for each other
            try:
                model = self._load(task)
            except NlpkitError as error:
                raise ModelFault(error.message, error.hint) from error
            with contextlib.suppress(InputError):  # a model of several languages wants to know which
                self._answer(model, Question(task), ["nlpkit"], poll)  # what is imported on use is imported now
            self._loaded[task] = model
        return [None] * len(texts)

    def answer(self, question: Question, texts: Sequence[str], poll: Poll) -> list[Answer]:
        """An answer for each text by a model that is loaded. Raises InputError."""
        return self._answer(self._loaded[question.task], question, texts, poll)

    def _answer(
        self, model: Predictor | Identifier, question: Question, texts: Sequence[str], poll: Poll
    ) -> list[Answer]:
        if isinstance(model, Identifier):
            return _languages(model, question, texts, poll)
        if isinstance(model.task, PairTask):
            return self._pairs(model, question, texts, poll)
        file = io.StringIO()
        if model.task.head == "tokens":
            rows = model((_sentence(text, question.lang) for text in texts), poll=poll)
            formats.named("jsonl").write(rows, file, spans=model.task.spans)
        else:
            found = model((TextRow("", text) for text in texts), poll=poll)
            model.task.write(  # type: ignore[call-arg]
                "jsonl", (replace(row, others=row.others[: question.top]) for row in found), file, best=question.top
            )
        return [Answer(row) for row in _objects(file)]

    def _load(self, task: str) -> Predictor | Identifier:
        model, head = self.by_task[task], named(task).head
        if task == "langid":
            return Identifier(model, top=_BEST, device=self._device)
        loaded = Predictor(
            model, task=task, device=self._device, nbest=_BEST if head == "texts" else 1,
            engine="auto" if task == "translate" else "torch",
        )  # fmt: skip
        self._usual[task] = loaded.decoding
        return loaded

    def _pairs(self, model: Predictor, question: Question, texts: Sequence[str], poll: Poll) -> list[Answer]:
        given = {"beam": question.beam, "nbest": question.nbest if question.nbest > 1 else None}
        task: Any = model.task
        task.strange, unknown_in, odd = set(), _Places(), _Places()  # of these requests only: memory stays constant
        task.unknown, task.odd_rows = unknown_in, odd
        model.choose(changed(self._usual[question.task], {key: value for key, value in given.items() if value}))
        rows = [
            PairRow(str(at), text, lang=question.lang, target_lang=question.target_lang)
            for at, text in enumerate(texts)
        ]
        file = io.StringIO()
        task.write("jsonl", model(rows, poll=poll), file, best=model.decoding.nbest)
        if task.strange:
            raise InputError(
                f"the model writes {', '.join(task.langs[1])}, not {question.target_lang}", "leave out `target_lang`"
            )
        notes = (
            (unknown_in.ids, "the text holds characters that the model has never seen"),
            (odd.ids, "the answer is empty, or much shorter or longer than such texts became in training"),
        )
        return [Answer(row, tuple(note for ids, note in notes if row["id"] in ids)) for row in _objects(file)]


def _sentence(text: str, lang: str) -> TokenRow:
    offsets = words(text)
    return TokenRow("", tuple(text[a:b] for a, b in offsets), lang=lang, text=text, offsets=offsets, raw=True)


def _objects(file: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.getvalue().split("\n")[:-1]]


def _languages(model: Identifier, question: Question, texts: Sequence[str], poll: Poll) -> list[Answer]:
    """As ``nlpkit langid --json`` writes them."""
    model.top = question.top
    answers = zip(texts, model(texts, poll), strict=True)
    return [Answer({"id": "", "text": text, **answer.facts(top=question.top > 1)}) for text, answer in answers]
