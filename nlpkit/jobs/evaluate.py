"""Score a model on a card or file, or two files against each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlpkit.config.recipe import Source
from nlpkit.data import load
from nlpkit.data.rows import TokenRow
from nlpkit.errors import InputError
from nlpkit.jobs.predict import Predictor
from nlpkit.jobs.rundir import Say
from nlpkit.metrics import significance
from nlpkit.metrics import spans as span_scores
from nlpkit.tasks import named
from nlpkit.text import spans


@dataclass
class Gold:
    """Rows to score against, with tags as they came and the scheme found in them."""

    rows: list[TokenRow]
    scheme: str
    mend: bool


def load_gold(source: Source, data_dir: Path | None, say: Say, what: str = "gold") -> Gold:
    loaded = load.rows(source, data_dir)
    for note in loaded.notes:
        say(f"note: {note}")
    if all(row.tags is None for row in loaded.rows):
        raise InputError(f"the {what} rows have no tags to score", "is the tag in another column? --column tag=3")
    scheme = loaded.scheme if loaded.scheme != "auto" else spans.detect(row.tags for row in loaded.rows if row.tags)
    return Gold(loaded.rows, scheme, loaded.mend)


def compare(
    gold: Gold, guess: Source, task: str, data_dir: Path | None, say: Say
) -> tuple[list[TokenRow], list[TokenRow]]:
    """(gold, guess) rows ready to score. Raises InputError at the first row whose words differ."""
    other = load_gold(guess, data_dir, say, "guessed")
    if other.scheme != gold.scheme:
        ours, theirs = gold.scheme.upper(), other.scheme.upper()
        say(f"note: the gold looks like {ours} and the guess like {theirs}; both are read as {ours}")
    if len(other.rows) != len(gold.rows):
        raise InputError(
            f"{len(gold.rows)} gold rows and {len(other.rows)} guessed rows", "score files with the same sentences"
        )
    for number, (a, b) in enumerate(zip(gold.rows, other.rows, strict=True), 1):
        if list(a.tokens) != list(b.tokens):
            at = next(
                (i for i, (x, y) in enumerate(zip(a.tokens, b.tokens, strict=False)) if x != y),
                min(len(a.tokens), len(b.tokens)),
            )
            raise InputError(
                f"row {number} (gold line {a.line}, guess line {b.line}) differs at word {at + 1}",
                "score files with the same words",
            )
    task_class = named(task)
    options = task_class.Options()
    prepare = [
        [task_class.prepare(row, options, gold.scheme, side.mend) for row in side.rows] for side in (gold, other)
    ]
    return prepare[0], prepare[1]


def run_model(
    gold: Gold, predictor: Predictor, poll: Callable[[], None] = lambda: None
) -> tuple[list[TokenRow], list[TokenRow]]:
    """(gold, guess) rows of a model. The model never sees the gold tags."""
    rows = [predictor.task.prepare(row, predictor.task.options, gold.scheme, gold.mend) for row in gold.rows]
    return rows, list(predictor(rows, poll=poll))


def score(gold: Sequence[TokenRow], guess: Sequence[TokenRow], task: str, by: str | None = None) -> dict[str, Any]:
    """The task's scores; ``by="lang"`` adds ``by_lang`` with a score for each language and their macro average."""
    task_class = named(task)
    scorer = task_class(task_class.Options(), [])
    result = scorer.score(gold, guess)
    if by == "lang":
        groups: dict[str, list[int]] = defaultdict(list)
        for number, row in enumerate(gold):
            groups[row.lang or "und"].append(number)
        parts = {
            lang: scorer.score([gold[i] for i in numbers], [guess[i] for i in numbers])
            for lang, numbers in sorted(groups.items())
        }
        result["by_lang"] = parts
        result["macro_lang_f1"] = sum(part["f1"] for part in parts.values()) / len(parts)
    return result


def against(gold: Sequence[TokenRow], guess: Sequence[TokenRow], baseline: Sequence[TokenRow]) -> dict[str, float]:
    """Difference in F1 to a baseline on the same rows: its 95 % interval (paired bootstrap) and p (permutation)."""
    import numpy as np

    tags = [[row.tags or () for row in rows] for rows in (gold, guess, baseline)]
    ours, theirs = span_scores.row_counts(tags[0], tags[1]), span_scores.row_counts(tags[0], tags[2])
    both = np.concatenate([ours, theirs], axis=1)

    def gain(totals: significance.Array) -> significance.Array:
        found: significance.Array = span_scores.f1_of(totals[:, :3]) - span_scores.f1_of(totals[:, 3:])
        return found

    low, high = significance.interval(both, gain)
    return {
        "difference": float(gain(both.sum(0)[None].astype(float))[0]),
        "low": low,
        "high": high,
        "p": significance.paired_permutation(theirs, ours, span_scores.f1_of),
    }


def evaluate(
    model: str, source: Source, *, data_dir: Path | None = None, by: str | None = None, say: Say = lambda _: None
) -> dict[str, Any]:
    """Score ``model`` on the rows of ``source``."""
    predictor = Predictor(model)
    gold, guess = run_model(load_gold(source, data_dir, say), predictor)
    return score(gold, guess, predictor.info["task"], by)
