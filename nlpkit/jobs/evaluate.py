"""Score a model on a card or file, or two files against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlpkit.config.recipe import Source
from nlpkit.data import load
from nlpkit.data.rows import PairRow, Row, TokenRow
from nlpkit.errors import InputError, counted
from nlpkit.jobs import slices
from nlpkit.jobs.predict import Predictor
from nlpkit.jobs.rundir import Say
from nlpkit.metrics import significance
from nlpkit.tasks import named
from nlpkit.tasks.base import Task
from nlpkit.tasks.base_pairs import PairTask
from nlpkit.text import spans
from nlpkit.text.langcodes import NO_LANGUAGE, UNKNOWN
from nlpkit.text.normalize import nfc

_TOLD = ("iobes", "bilou")  # schemes that no other is taken for
_OPENINGS = ("B-", "I-", "E-", "S-", "L-", "U-")


@dataclass
class Gold:
    """Rows to score against, with tags as they came and the scheme found in them."""

    rows: list[Row]
    scheme: str
    mend: bool
    name: str = ""


def load_gold(source: Source, data_dir: Path | None, say: Say, task: str, what: str = "gold") -> Gold:
    loaded = load.rows(source, data_dir, kind=named(task).head)
    for note in loaded.notes:
        say(f"note: {note}")
    if what == "gold" or named(task).head == "tokens" or all(row.tags is None for row in loaded.rows):
        load.require_tags(loaded.rows, what)  # a guessed text may have no answer
    if named(task).head == "tokens":
        _look_right(loaded.rows, task, what)
    _look_like(loaded.rows, task, source.card)
    scheme = loaded.scheme
    if named(task).spans and scheme == "auto":
        scheme = spans.detect(row.tags for row in loaded.rows if row.tags)
    return Gold(loaded.rows, scheme, loaded.mend, source.card or ", ".join(source.files or []))


def _look_right(rows: Sequence[Row], task: str, what: str) -> None:
    """Raise InputError where the tags are plainly of another kind: entities for pos, or parts of speech for ner."""
    tags = {tag for row in rows for tag in row.tags or ()} - {"O", "_"}
    as_spans = {tag for tag in tags if tag[:2] in _OPENINGS and len(tag) > 2}
    some = ", ".join(sorted(tags)[:3])
    if named(task).spans and tags and not as_spans:
        hint = "is the tag in another column? --column tag=misc:NER; of parts of speech: --task pos, score tag-accuracy"
        raise InputError(f"the {what} tags ({some}, ...) are no entity tags", hint)
    if not named(task).spans and tags and as_spans == tags:
        raise InputError(f"the {what} tags ({some}, ...) are entity tags", "--task ner; score span-f1")


def _look_like(rows: Sequence[Row], task: str, card: str | None) -> None:
    """Raise InputError for pairs that are plainly of another task: only translations have a target language.

    A file may leave its languages unnamed, a card does not.
    """
    kind = named(task)
    if not issubclass(kind, PairTask):
        return
    where = f"card `{card}`" if card else "the file"
    translated = next((row for row in rows if row.target_lang), None)
    if kind.symbols and translated is not None:
        raise InputError(
            f"{where} holds translations ({slices.language(translated)}), which are not for {task}",
            "score it with a model for translate, or take words with their phones",
        )
    if not kind.symbols and card and translated is None and any(row.lang for row in rows):
        raise InputError(
            f"{where} names no target language, so it holds nothing for {task}",
            "score it with a model for g2p, or take translations",
        )


def compare(gold: Gold, other: Gold, judge: Task, say: Say) -> tuple[list[Row], list[Row]]:
    """(gold, guess) rows ready to score. Raises InputError at the first row whose words differ."""
    name = f"`{other.name}`"
    scheme = other.scheme if other.scheme in _TOLD else gold.scheme
    if other.scheme != gold.scheme:
        ours, theirs = gold.scheme.upper(), other.scheme.upper()
        how = f"it is read as {scheme.upper()}" if scheme == other.scheme else f"both are read as {ours}"
        say(f"note: the gold looks like {ours} and the guess {name} like {theirs}; {how}")
    if len(other.rows) != len(gold.rows):
        raise InputError(
            f"{counted(len(gold.rows), 'gold row')} and {counted(len(other.rows), 'guessed row')} in {name}",
            "score files with the same sentences",
        )
    answers = any(_answers_alone(side.rows) for side in (gold, other))
    for number, (a, b) in enumerate(zip(gold.rows, other.rows, strict=True), 1):
        if answers or (isinstance(b, PairRow) and not b.text.strip()):
            continue
        if list(a.tokens) != list(b.tokens):
            at = next(
                (i for i, (x, y) in enumerate(zip(a.tokens, b.tokens, strict=False)) if x != y),
                min(len(a.tokens), len(b.tokens)),
            )
            same = [nfc(token) for token in a.tokens] == [nfc(token) for token in b.tokens]
            raise InputError(
                f"row {number} (gold line {a.line}, line {b.line} of {name}) differs at word {at + 1}"
                + (", in Unicode normal form alone" if same else ""),
                "bring both into one normal form, such as NFC" if same else "score files with the same words",
            )
    sides = ((gold, gold.scheme), (other, scheme))
    prepared = [[judge.prepare(row, judge.options, its, side.mend) for row in side.rows] for side, its in sides]
    return prepared[0], prepared[1]


def _answers_alone(rows: Sequence[Row]) -> bool:
    """Whether these are texts of which the file holds nothing but the labels."""
    return not any(isinstance(row, TokenRow) or row.tokens for row in rows)


def run_model(gold: Gold, predictor: Predictor, poll: Callable[[], None] = lambda: None) -> tuple[list[Row], list[Row]]:
    """(gold, guess) rows of a model. The model never sees the gold tags."""
    rows = [predictor.task.prepare(row, predictor.task.options, gold.scheme, gold.mend) for row in gold.rows]
    if predictor.task.head == "texts":
        wanted = {label for row in rows for label in row.labels or ()}
        if wanted and not wanted & {*predictor.task.labels, UNKNOWN, NO_LANGUAGE}:
            its, ours = (", ".join(sorted(names)[:3]) for names in (predictor.task.labels, wanted))
            raise InputError(f"the model gives other labels ({its}, ...) than `{gold.name}` has ({ours}, ...)")
    return rows, list(predictor(rows, poll=poll))


def scorer(task: str, rows: Sequence[Row] = ()) -> Task:
    """The task for what it knows of scores, with default options but for what ``rows`` show of themselves."""
    kind = named(task)
    return kind(kind.guess_options(rows), [])


def score(
    gold: Sequence[Row],
    guess: Sequence[Row],
    judge: Task,
    by: str | None = None,
    seen: Callable[[str], bool] | None = None,
) -> dict[str, Any]:
    """The task's scores.

    A ``by`` of ``slices.parts`` adds ``by_BY``, the scores of each part, and ``macro_BY_METRIC``, the mean over those
    that have something to find.
    """
    result = judge.score(gold, guess, seen)
    if by is not None and by != judge.unit:
        groups = slices.parts(gold, by, seen, judge.unit)
        parts = {
            name: judge.score([gold[i] for i in numbers], [guess[i] for i in numbers], seen)
            for name, numbers in groups.items()
        }
        result[f"by_{by}"] = parts
        metric = judge.main_metric
        told = [part[metric] for part in parts.values() if part.get("support", 1)] or [0.0]
        result[f"macro_{by}_{metric}"] = sum(told) / len(told)
    return result


def against(gold: Sequence[Row], guess: Sequence[Row], baseline: Sequence[Row], judge: Task) -> dict[str, Any]:
    """Gain in the task's metric over a baseline on the same rows: 95 % interval (paired bootstrap), p (permutation)."""
    found = significance.paired(judge.counts(gold, guess), judge.counts(gold, baseline), judge.statistic)
    return {"metric": judge.compared or judge.main_metric, **found}


def evaluate(
    model: str, source: Source, *, data_dir: Path | None = None, by: str | None = None, say: Say = lambda _: None
) -> dict[str, Any]:
    """Score ``model`` on the rows of ``source``."""
    predictor = Predictor(model)
    task = predictor.info["task"]
    gold, guess = run_model(load_gold(source, data_dir, say, task), predictor)
    return score(gold, guess, predictor.task, by, predictor.seen)
