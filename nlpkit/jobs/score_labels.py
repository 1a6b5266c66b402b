"""Score files of tags or labels against a file of right ones: many guesses at once, no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import nlpkit
from nlpkit.config.recipe import Source
from nlpkit.data import formats
from nlpkit.data.files import Strictly, read_lines
from nlpkit.data.rows import BAR, Row, TextRow
from nlpkit.errors import InputError, counted
from nlpkit.jobs import evaluate, score
from nlpkit.jobs.evaluate import Gold
from nlpkit.jobs.rundir import Say
from nlpkit.metrics import label_sets, labels, significance, spans
from nlpkit.metrics.significance import Array
from nlpkit.tasks import named
from nlpkit.tasks.base import tags_of
from nlpkit.text.normalize import nfc


@dataclass(frozen=True, slots=True)
class Metric:
    """What a metric is called, the task whose files it scores, and the score of (k, n) totals of counts."""

    title: str
    task: str
    statistic: Callable[[Array], Array]


METRICS = {
    "span-f1": Metric("span F1", "ner", spans.f1_of),
    "tag-accuracy": Metric("tag accuracy", "pos", labels.accuracy_of),
    "accuracy": Metric("accuracy", "classify", labels.accuracy_of),
    "macro-f1": Metric("macro F1", "classify", label_sets.macro_f1_of),
    "micro-f1": Metric("micro F1", "classify", label_sets.micro_f1_of),
    "weighted-f1": Metric("weighted F1", "classify", label_sets.weighted_f1_of),
    "average-recall": Metric("average recall", "classify", label_sets.average_recall_of),
    "mcc": Metric("MCC", "classify", label_sets.mcc_of),
}


def read(
    path: str, metric: str, fmt: str | None, columns: dict[str, int | str], scheme: str | None, say: Say, what: str
) -> Gold:
    """The tags of a file, or the labels of its texts; of ``text`` each line is a label, or several: ``a|b``."""
    task = METRICS[metric].task
    kind = named(task).head
    fmt = fmt or formats.guess(path, "text" if kind == "texts" else formats.DEFAULT[kind], kind)
    if fmt == "text" and kind == "texts":
        return Gold(_lines(path, say, what), "auto", mend=False, name=path)
    fmt = formats.DEFAULT[kind] if fmt == "text" else fmt
    if path == "-":
        raise InputError(f"{fmt} is not read from stdin here", "name a file; labels, one a line, come from stdin too")
    source = Source.model_validate({"files": [path], "format": fmt, "columns": columns, "scheme": scheme})
    return evaluate.load_gold(source, None, say, task, what)


def _lines(path: str, say: Say, what: str) -> list[Row]:
    """A row for each line, which holds its labels and nothing else; an empty guess is an answer not given."""
    report, where = Strictly(), "<stdin>" if path == "-" else path
    rows: list[Row] = []
    for number, text in read_lines(path, report):
        if "\t" in text:
            raise InputError(f"{where}:{number}: a label holds a tab", "is it a table? --from tsv")
        parts = tuple(part.strip() for part in text.split(BAR) if part.strip())
        rows.append(TextRow(str(number), "", parts if parts or what == "gold" else None, line=number))
    for note in report.summary():
        say(f"note: {note}")
    if not rows:
        raise InputError(f"no lines in `{where}`", "is it the right file?")
    blank = next((row for row in rows if row.labels is not None and not row.labels), None)
    if blank is not None and all(len(row.labels or ()) < 2 for row in rows):
        raise InputError(f"{where}:{blank.line}: no label", "right answers have one each; several are parted by |")
    return rows


def run(name: str, gold_name: str, gold: Gold, guesses: Sequence[tuple[str, Gold]], say: Say) -> dict[str, Any]:
    """Scores of each guess by the metric ``name``, and what sets each two apart; keys as those of ``score.score``."""
    metric = METRICS[name]
    judge = evaluate.scorer(metric.task, [row for side in (gold, *(side for _, side in guesses)) for row in side.rows])
    if name == "mcc" and getattr(judge.options, "multi_label", False):
        raise InputError("mcc is for one label a text, and some have another number", "nlpkit score micro-f1")
    told, sides = [], []
    for path, guess in guesses:
        right, said = evaluate.compare(gold, guess, judge, say)
        sides.append((right, said))
        loose = sum(_only_in_nfc(a.tags or (), b.tags or ()) for a, b in zip(right, said, strict=True))
        if loose:
            say(f"note: `{path}`: {counted(loose, 'row')} would be right in NFC: what looks the same counts as wrong")
        told.append({"guess": path, "empty": sum(not row.tags for row in said)})
    every = sorted({label for right, said in sides for row in (*right, *said) for label in row.tags or ()})
    counts = [_counts(name, tags_of(right), tags_of(said), every) for right, said in sides]
    if name == "span-f1":
        for entry, mine in zip(told, counts, strict=True):
            found = spans.prf(*mine.sum(0).tolist())
            entry |= {"precision": found["precision"], "recall": found["recall"]}
    return {
        "metric": name,
        "gold": [gold_name],
        "rows": len(gold.rows),
        "signature": _signature(name),
        **score.compared(told, counts, metric.statistic),
    }


def _only_in_nfc(gold: Sequence[str], guess: Sequence[str]) -> bool:
    return list(gold) != list(guess) and [nfc(tag) for tag in gold] == [nfc(tag) for tag in guess]


def _counts(name: str, gold: Sequence[Sequence[str]], guess: Sequence[Sequence[str]], every: Sequence[str]) -> Array:
    """(rows, n) counts of which the metric's statistic takes the totals."""
    if name == "span-f1":
        return spans.row_counts(gold, guess)
    if name == "tag-accuracy":
        return labels.row_counts(gold, guess)
    if name == "accuracy":
        return label_sets.exact_counts(gold, guess)
    return label_sets.row_counts(gold, guess, every)


def _signature(name: str) -> str:
    """How the score was had, like those of ``evaluate``."""
    detail = {
        "span-f1": "spans|scheme:IOB2|mode:strict|avg:micro",
        "tag-accuracy": "labels|unit:word|metric:accuracy",
    }.get(name, f"labels|unit:text|metric:{name}" + ("|macro:gold" if name in ("macro-f1", "average-recall") else ""))
    return f"{detail}|ci:95|boot:{significance.RESAMPLES}|seed:{significance.SEED}|version:{nlpkit.__version__}"
