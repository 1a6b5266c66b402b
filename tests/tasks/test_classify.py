"""Labels of texts: options, windows, decisions, scores."""

from __future__ import annotations

import numpy as np
import pytest

from nlpkit.data.features import Feature, Output
from nlpkit.data.rows import TextRow
from nlpkit.errors import InputError
from nlpkit.tasks.base import text_windows
from nlpkit.tasks.classify import Classify


class Letters:
    """A tokenizer whose pieces are letters."""

    prefix, suffix, between, types, width = [1], [2], [3, 3], True, 1

    def texts(self, texts: list[str]) -> list[list[int]]:
        return [[ord(char) for char in text.strip()] for text in texts]


def task(*labels: str, **options: object) -> Classify:
    return Classify(Classify.Options.model_validate(options), labels or ("bad", "good"))


def test_labels_are_one_or_any_number() -> None:
    row = TextRow("7", "x", ("a|b",), line=9)
    assert Classify.prepare(row, Classify.Options(), "auto", False).labels == ("a|b",)
    several = Classify.Options(multi_label=True)
    assert Classify.prepare(row, several, "auto", False).labels == ("a", "b")
    assert Classify.prepare(TextRow("7", "x", ()), several, "auto", False).labels == ()
    with pytest.raises(InputError, match=r"row 7 \(line 9\) has 2 labels, one is wanted"):
        Classify.prepare(TextRow("7", "x", ("a", "b"), line=9), Classify.Options(), "auto", False)
    with pytest.raises(InputError, match="fewer than two labels"):
        Classify.find_labels([TextRow("1", "x", ("a",))], Classify.Options())
    with pytest.raises(ValueError, match="none of accuracy"):
        Classify.Options(official="f2")


def test_windows_hold_all_of_a_text_and_its_labels() -> None:
    rows = [TextRow("1", "abcdefgh", ("good",)), TextRow("2", " \n", ("bad",)), TextRow("3", "ab", ("new",))]
    found = task().encode(rows, Letters(), 5, learn=True)  # type: ignore[arg-type]
    assert [feature.row for feature in found] == [0, 0, 0]  # blank texts and unknown labels teach nothing
    assert "".join(map(chr, (i for f in found for i in f.ids[1:-1]))) == "abcdefgh"
    assert all(feature.labels == [1] and feature.types is None for feature in found)
    assert [feature.row for feature in task().encode(rows, Letters(), 5, learn=False)] == [0, 0, 0, 2]  # type: ignore[arg-type]


def test_pairs_have_types_and_nothing_is_left_out() -> None:
    row = TextRow("1", "abcdef", ("good",), text_b="uvwxyz")
    (one,) = task().encode([row], Letters(), 99, learn=True)  # type: ignore[arg-type]
    assert one.ids == [1, *map(ord, "abcdef"), 3, 3, *map(ord, "uvwxyz"), 2]
    assert one.types == [0] * 9 + [1] * 7
    for size in range(7, 20):
        parts = list(text_windows([*range(10, 40)], [*range(50, 57)], Letters(), size))  # type: ignore[arg-type]
        assert all(len(a) + len(b or ()) + 4 <= size for a, b in parts)
        assert {i for a, _ in parts for i in a} == set(range(10, 40))
        assert {i for _, b in parts for i in b or ()} == set(range(50, 57))
    assert list(text_windows([5, 6], [], Letters(), 20)) == [([5, 6], [])]  # type: ignore[arg-type]


def test_windows_answer_together_by_length() -> None:
    short, long = Feature(0, [1] * 2, None, [0], [0], [], 0), Feature(0, [1] * 8, None, [0], [0], [], 0)
    outputs = [(short, Output([0], None, logits=[9.0, 0.0])), (long, Output([1], None, logits=[0.0, 1.0]))]
    row = task().decode(TextRow("1", "x"), outputs)
    chance = 0.2 * 1 / (1 + np.exp(-9.0)) + 0.8 / (1 + np.e)
    assert dict(row.others)["bad"] == pytest.approx(chance)
    assert (row.labels, row.score) == (("good",), pytest.approx(1 - chance))
    assert task().decode(TextRow("1", " "), []).labels is None


def noisy(rows: int, multi_label: bool) -> tuple[Classify, list[TextRow], list[TextRow]]:
    """Answers that are far too sure of themselves."""
    random = np.random.default_rng(0)
    judge = task("a", "b", "c", multi_label=multi_label)
    gold, guess = [], []
    for number in range(rows):
        truth = int(random.integers(3))
        logits = random.normal(0, 4, 3)
        logits[truth] += 3
        gold.append(TextRow(str(number), "x", ("abc"[truth],)))
        feature = Feature(0, [1], None, [0], [0], [], 0)
        guess.append(judge.decode(gold[-1], [(feature, Output([0], None, logits=logits.tolist()))]))
    return judge, gold, guess


@pytest.mark.parametrize("multi_label", [False, True])
def test_a_decision_is_learned_kept_and_used(multi_label: bool) -> None:
    judge, gold, guess = noisy(600, multi_label)
    before = judge.score(gold, guess)
    facts = judge.adjust(gold, guess)
    after = judge.score(gold, judge.adjusted(guess))
    assert after["ece"] < before["ece"] / 2
    assert after["macro_f1"] >= before["macro_f1"] - 1e-9
    assert facts["decision"]["temperature"] > 1.5
    again = task("a", "b", "c", multi_label=multi_label)
    again.use(facts)
    assert again.adjusted(guess) == judge.adjusted(guess)
    first = judge.adjusted(guess)[0]
    assert [score for _, score in first.others] == sorted((score for _, score in first.others), reverse=True)


def test_scores_name_the_official_metric_and_the_confusions() -> None:
    judge = task("no", "yes", official="f1:yes")
    gold = [TextRow(str(n), "x", (label,)) for n, label in enumerate(["yes", "yes", "no", "no"])]
    guess = [TextRow(str(n), "x", labels) for n, labels in enumerate([("yes",), ("no",), ("no",), None])]
    found = judge.score(gold, guess)
    assert found["official"] == pytest.approx(2 / 3)
    assert found["matrix"] == {"labels": ["no", "yes"], "counts": [[1, 0], [1, 1]]}
    assert "official metric 0.6667" in judge.lines(found)
    assert judge.odd([TextRow("1", "x", ("no",))] * 20).startswith("all 20 dev texts are given `no`")
    assert judge.odd(guess * 10) == ""
