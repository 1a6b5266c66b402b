"""Edit distances and the rates made of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import jiwer
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpkit.metrics import edits, significance

KEYS = {"wer", "per", "per_official", "accuracy", "per_lang", "rows", "signature"}
WORDS = ["a", "á", "ab", "ba", "Cab", "न", "नम", "猫", "😀", "x-y", "c."]
few = st.text("abc", max_size=12)


def table(a: Sequence[str], b: Sequence[str], *, flat: bool) -> int:
    """The whole table, cell by cell; ``flat`` has its border at 1 as the organisers of SIGMORPHON 2020 task 1 do."""
    cells = np.zeros((len(a) + 1, len(b) + 1), dtype=int)
    cells[1:, 0] = 1 if flat else np.arange(1, len(a) + 1)
    cells[0, 1:] = 1 if flat else np.arange(1, len(b) + 1)
    for i, x in enumerate(a, 1):
        for j, y in enumerate(b, 1):
            around = (cells[i - 1, j], cells[i, j - 1], cells[i - 1, j - 1])
            cells[i, j] = cells[i - 1, j - 1] if x == y else min(around) + 1
    return int(cells[-1, -1])


@pytest.mark.parametrize(
    ("a", "b", "wanted", "flat"),
    [("kitten", "sitting", 3, 3), ("abc", "", 3, 1), ("", "abc", 3, 1), ("", "", 0, 0), ("a", "a", 0, 0),
     ("abcdef", "f", 5, 1), ("f", "abcdef", 5, 1), ("ab", "ba", 2, 2), ("a" * 200, "b" * 100, 200, 101)],
)  # fmt: skip
def test_distances_known(a: str, b: str, wanted: int, flat: int) -> None:
    assert edits.distance(a, b) == table(a, b, flat=False) == wanted
    assert edits.distance(a, b, flat=True) == table(a, b, flat=True) == flat


@pytest.mark.parametrize("flat", [False, True])
def test_random_distances_equal_the_table(flat: bool) -> None:
    random_ = random.Random(1)
    for _ in range(600):
        a, b = (random_.choices("abcd", k=random_.randint(0, 14)) for _ in range(2))
        assert edits.distance(a, b, flat=flat) == table(a, b, flat=flat)


def test_long_sequences_need_no_machine_word() -> None:
    random_ = random.Random(2)
    a, b = ("".join(random_.choices("abcde", k=size)) for size in (150, 170))
    assert edits.distance(a, b) == table(a, b, flat=False)
    assert edits.distance(a, b, flat=True) == table(a, b, flat=True)


@settings(max_examples=200, deadline=None)
@given(few, few, few)
def test_it_is_a_metric(a: str, b: str, c: str) -> None:
    assert edits.distance(a, b) == edits.distance(b, a)
    assert (edits.distance(a, b) == 0) is (a == b)
    assert (edits.distance(a, b, flat=True) == 0) is (a == b), "the flat border never makes a wrong word right"
    assert edits.distance(a, b, flat=True) <= edits.distance(a, b) <= max(len(a), len(b))
    assert edits.distance(a, c) <= edits.distance(a, b) + edits.distance(b, c)


def some_lines(random_: random.Random) -> tuple[list[str], list[str]]:
    """Right answers, not all empty, and guesses: some alike, some with blanks at both ends or many in a row."""

    def line() -> str:
        words = random_.choices(WORDS, k=random_.choice([0, 1, 3, 8]))
        return random_.choice(["", " "]) + random_.choice([" ", " ", "  "]).join(words) + random_.choice(["", " "])

    golds = [line() for _ in range(random_.randint(1, 4))] + [random_.choice(WORDS)]
    return golds, [random_.choice(["", gold, line(), line()]) for gold in golds]


def test_rates_equal_jiwer() -> None:
    random_ = random.Random(3)
    for _ in range(200):
        golds, guesses = some_lines(random_)
        assert edits.wer(golds, guesses) == pytest.approx(100 * jiwer.wer(golds, guesses))
        assert edits.cer(golds, guesses) == pytest.approx(100 * jiwer.cer(golds, guesses))


def test_where_nothing_is_to_be_said_jiwer_gives_the_number_of_edits_and_nlpkit_100() -> None:
    assert edits.wer(["", ""], ["a b", "c"]) == edits.cer(["", ""], ["a b", "c"]) == 100
    assert (jiwer.wer(["", ""], ["a b", "c"]), jiwer.cer(["", ""], ["a b", "c"])) == (3, 4)


def test_of_several_right_answers_the_one_that_is_nearest_by_jiwer_counts() -> None:
    """jiwer knows one right answer; of equally near ones nlpkit takes the first."""
    random_ = random.Random(5)

    def edits_of(found: Any) -> int:
        return int(found.substitutions + found.deletions + found.insertions)

    for _ in range(200):
        golds, guesses = some_lines(random_)
        several = [[gold, *random_.choices([*golds, *guesses], k=random_.randint(0, 2))] for gold in golds]
        several[-1] = golds[-1:]  # something is to be said
        for ours, process, theirs in (
            (edits.wer, jiwer.process_words, jiwer.wer),
            (edits.cer, jiwer.process_characters, jiwer.cer),
        ):
            nearest = [
                min(row, key=lambda gold: edits_of(process(gold, said)))
                for row, said in zip(several, guesses, strict=True)
            ]
            assert ours(several, guesses) == pytest.approx(100 * theirs(nearest, guesses))


def test_any_blank_parts_words_for_jiwer_only_those_of_ascii() -> None:
    assert edits.wer(["a b c"], ["a\tb\u3000c"]) == 0
    assert jiwer.wer(["a b c"], ["a\tb\u3000c"]) == 1


def test_rates_worked_by_hand() -> None:
    golds, guesses = ["the cat sat", "hello"], ["the cat sat down", "hallo you"]
    assert edits.wer(golds, guesses) == pytest.approx(100 * 3 / 4)
    assert edits.cer(golds, guesses) == pytest.approx(100 * (5 + 5) / 16)
    assert edits.wer(["a"], ["b c d"]) == 300.0, "a rate may pass 100"


def test_the_nearest_right_answer_counts() -> None:
    golds = [["a b c d", "x y"], ["p", "q r"]]
    assert edits.counts(golds, ["x z", "q r"]).tolist() == [[1, 2], [0, 2]]
    assert edits.word_error_counts(golds, ["x z", "q r"]).tolist() == [[1, 1], [0, 1]]


@pytest.mark.parametrize(("golds", "guesses", "wanted"), [([], [], 0.0), ([""], [""], 0.0), ([""], ["x"], 100.0)])
def test_nothing_to_say(golds: list[str], guesses: list[str], wanted: float) -> None:
    assert edits.wer(golds, guesses) == edits.cer(golds, guesses) == wanted


def test_rows_that_do_not_fit_are_errors() -> None:
    with pytest.raises(ValueError):
        edits.wer(["a", "b"], ["a"])
    with pytest.raises(ValueError, match="no right answer"):
        edits.wer([[]], ["a"])
    with pytest.raises(ValueError):
        edits.g2p(["a"], ["a"], [])


def test_g2p_worked_by_hand() -> None:
    golds = ["k a t", "d ɔ ɡ", "ʃ a", "n w aʁ"]
    guesses = ["k a t", "d o", "", "n  w aʁ "]
    found = edits.g2p(golds, guesses, ["eng", "eng", "fra", "fra"])
    assert found.keys() == KEYS
    assert found["per_lang"] == {
        "eng": {"wer": 50.0, "per": pytest.approx(100 * 2 / 6), "per_official": pytest.approx(100 * 2 / 6), "rows": 2},
        "fra": {"wer": 50.0, "per": pytest.approx(100 * 2 / 5), "per_official": pytest.approx(100 * 1 / 5), "rows": 2},
    }
    assert found["wer"] == 50.0
    assert found["accuracy"] == 0.5
    assert found["per"] == pytest.approx((100 / 3 + 40) / 2)
    assert found["per_official"] == pytest.approx((100 / 3 + 20) / 2)
    assert found["rows"] == 4


def test_the_mean_is_over_languages_not_over_words() -> None:
    found = edits.g2p(["a"] * 10, ["a"] * 9 + ["b"], ["x"] * 9 + [""])
    assert found["wer"] == 50.0
    assert found["per_lang"]["und"]["rows"] == 1


def test_several_pronunciations_may_be_right() -> None:
    found = edits.g2p([["a b", "a c d"]], ["a c d"], ["x"])
    assert (found["wer"], found["per"], found["per_official"]) == (0.0, 0.0, 0.0)


def test_g2p_of_nothing() -> None:
    found = edits.g2p([], [], [])
    assert found.keys() == KEYS
    assert (found["wer"], found["per"], found["accuracy"], found["per_lang"]) == (0.0, 0.0, 0.0, {})


def test_g2p_equals_a_plain_count_on_random_words() -> None:
    random_ = random.Random(4)

    def word() -> str:
        return " ".join(random_.choices(["a", "tʃ", "oː", "k"], k=random_.randint(0, 5)))

    for _ in range(200):
        langs = [random_.choice("xyz") for _ in range(random_.randint(1, 12))]
        golds, guesses = [word() or "a" for _ in langs], [word() for _ in langs]
        found = edits.g2p(golds, guesses, langs)
        for lang in {*langs}:
            own = [(a.split(), b.split()) for a, b, c in zip(golds, guesses, langs, strict=True) if c == lang]
            phones = sum(len(a) for a, _ in own)
            scores = found["per_lang"][lang]
            assert scores["wer"] == pytest.approx(100 * sum(a != b for a, b in own) / len(own))
            assert scores["per"] == pytest.approx(100 * sum(table(a, b, flat=False) for a, b in own) / phones)
            assert scores["per_official"] == pytest.approx(100 * sum(table(a, b, flat=True) for a, b in own) / phones)
        assert found["wer"] == pytest.approx(np.mean([part["wer"] for part in found["per_lang"].values()]))
        wide = edits.by_language(edits.word_error_counts(golds, guesses), langs)
        assert wide.shape == (len(langs), 2 * len({*langs}))
        assert edits.macro_rate_of(wide.sum(0)[None])[0] == pytest.approx(found["wer"])


def test_a_language_that_a_resample_lacks_is_left_out() -> None:
    totals = np.array([[1.0, 2, 0, 0], [1, 2, 0, 4], [0, 0, 0, 0]])
    assert edits.macro_rate_of(totals).tolist() == [50.0, 25.0, 0.0]


def test_counts_make_accuracy_its_interval_and_p() -> None:
    golds = ["a b"] * 40
    good, bad = ["a b"] * 38 + ["a"] * 2, ["a b"] * 10 + ["a"] * 30
    first, second = edits.word_error_counts(golds, bad), edits.word_error_counts(golds, good)
    assert edits.accuracy_of(second.sum(0)[None]).tolist() == [pytest.approx(0.95)]
    low, high = significance.interval(second, edits.accuracy_of)
    assert 0.8 < low <= 0.95 <= high <= 1
    assert significance.paired_permutation(first, second, edits.accuracy_of) < 0.01
    assert significance.paired_permutation(first, first, edits.accuracy_of) == 1.0
    assert (edits.per_counts(golds, bad).sum(0) == [30, 80]).all()
    assert (edits.per_counts([["a b c"]], [""], official=True) == [[1, 3]]).all()
