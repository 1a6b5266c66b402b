from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpkit.data.features import IGNORE, Feature, Output
from nlpkit.data.rows import TokenRow
from nlpkit.errors import InputError
from nlpkit.tasks import names
from nlpkit.tasks.base import windows
from nlpkit.tasks.ner import Ner


class Letters:
    """A tokenizer whose sub-words are letters."""

    prefix = (1,)
    suffix = (2,)

    def pieces(self, rows: Sequence[Sequence[str]]) -> list[list[list[int]]]:
        return [[[ord(char) for char in word] for word in row] for row in rows]


@given(st.lists(st.integers(1, 9), max_size=60), st.integers(4, 20))
def test_windows_answer_for_each_word_once_and_fit(lengths: list[int], budget: int) -> None:
    words = [[0] * length for length in lengths]
    found = windows(words, budget)
    owned = [word for _, _, first, last in found for word in range(first, last)]
    assert owned == list(range(len(words)))
    for start, end, first, last in found:
        assert start <= first <= last <= end
        assert sum(min(length, budget) for length in lengths[start:end]) <= budget


def test_a_word_in_the_middle_of_a_long_row_has_context_on_both_sides() -> None:
    found = windows([[0]] * 1000, 100)
    for start, end, first, last in found[1:-1]:
        assert first - start >= 20
        assert end - last >= 20


def test_labels_stand_on_first_sub_words_only() -> None:
    task = Ner(Ner.Options(), ["O", "B-PER", "I-PER"])
    rows = [TokenRow("1", ("Rais", "Samia", "ni"), ("O", "B-PER", "O"))]
    (feature,) = task.encode(rows, Letters(), 64, learn=True)
    assert feature.labels is not None
    assert [label for label in feature.labels if label != IGNORE] == [0, 1, 0]
    assert [feature.ids[place] for place in feature.places] == [ord("R"), ord("S"), ord("n")]


def test_an_orphan_is_learned_as_it_will_be_said() -> None:
    """A CRF that forbids the move would otherwise meet a row of no probability."""
    row = TokenRow("1", ("a", "b"), ("O", "I-PER"))
    for decode, label in (("legal", 1), ("argmax", 2)):
        (feature,) = Ner(Ner.Options(decode=decode), ["O", "B-PER", "I-PER"]).encode([row], Letters(), 64, learn=True)
        assert feature.labels is not None
        assert [value for value in feature.labels if value != IGNORE] == [0, label]


def test_every_word_of_a_3000_word_row_is_labelled_once() -> None:
    task = Ner(Ner.Options(), ["O", "B-PER", "I-PER"])
    row = TokenRow("1", tuple(f"w{number}" for number in range(3000)))
    features = task.encode([row], Letters(), 64, learn=False)
    outputs = [(f, Output([word % 2 for word in f.words], [0.9] * len(f.words))) for f in features]
    tags = task.decode(row, outputs).tags
    assert tags == tuple("B-PER" if number % 2 else "O" for number in range(3000))


def test_a_word_longer_than_the_window_keeps_its_place() -> None:
    task = Ner(Ner.Options(), ["O"])
    features = task.encode([TokenRow("1", ("a", "b" * 500, "c"))], Letters(), 32, learn=False)
    assert [word for feature in features for word in feature.words] == [0, 1, 2]
    assert all(len(feature.ids) <= 32 for feature in features)


def test_decoding_mends_an_orphan_unless_asked_not_to() -> None:
    row = TokenRow("1", ("Samia", "Suluhu"))
    for decode, tags in (("legal", ("B-PER", "I-PER")), ("argmax", ("I-PER", "I-PER"))):
        task = Ner(Ner.Options(decode=decode), ["O", "B-PER", "I-PER"])
        features = task.encode([row], Letters(), 64, learn=False)
        assert task.decode(row, [(features[0], Output([2, 2], [1.0, 1.0]))]).tags == tags


def test_only_wanted_types_are_learned() -> None:
    row = TokenRow("1", ("a", "b"), ("B-PER", "B-DATE"))
    options = Ner.Options(types=["PER"])
    assert Ner.prepare(row, options, "iob2", False).tags == ["B-PER", "O"]


def test_schemes_are_read_as_iob2() -> None:
    row = TokenRow("1", ("a", "b", "c"), ("B-PER", "E-PER", "S-LOC"))
    assert Ner.prepare(row, Ner.Options(), "iobes", False).tags == ["B-PER", "I-PER", "B-LOC"]


def test_rows_without_entities_cannot_be_learned_from() -> None:
    with pytest.raises(InputError, match="no entity"):
        Ner.find_labels([TokenRow("1", ("a",), ("O",))], Ner.Options())


def test_the_files_are_the_tasks() -> None:
    assert "ner" in names()
    assert "base" not in names()


def test_nbest_sequences_that_are_repaired_into_one_are_one() -> None:
    task = Ner(Ner.Options(), ["O", "B-PER", "I-PER"])
    others = [([1], 0.5), ([0], 0.3), ([2], 0.2)]  # a lone I-PER is said as B-PER
    feature = Feature(0, [], None, [], [0], [], 0)
    found = task.decode(TokenRow("1", ("x",)), [(feature, Output([1], [0.5], others))])
    assert found.others == [(("B-PER",), 0.7), (("O",), 0.3)]
