from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nlpkit.engine.batches import batches, epoch, plan

LENGTHS = st.lists(st.integers(1, 80), min_size=1, max_size=200)


@given(LENGTHS, st.integers(1, 300), st.integers(0, 5), st.integers(0, 3))
def test_an_epoch_shows_every_row_once_in_the_budget(lengths: list[int], budget: int, seed: int, number: int) -> None:
    found = epoch(lengths, budget, seed, number)
    assert sorted(row for batch in found for row in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or max(lengths[row] for row in batch) * len(batch) <= budget for batch in found)


@given(LENGTHS, st.integers(1, 4))
def test_a_plan_is_a_pure_function_of_its_arguments(lengths: list[int], group: int) -> None:
    first = plan(lengths, 100, group, 3, epochs=2)
    assert first == plan(lengths, 100, group, 3, epochs=2)
    assert all(len(step) == group for step in first[0])
    assert len(plan(lengths, 100, group, 3, steps=7)[0]) == 7


def test_padding_is_small() -> None:
    lengths = [1 + (number * 37) % 60 for number in range(2000)]
    found = epoch(lengths, 1024, 0, 0)
    padded = sum(max(lengths[row] for row in batch) * len(batch) for batch in found)
    assert padded < 1.15 * sum(lengths)


def test_epochs_differ_and_batches_are_not_in_order_of_length() -> None:
    lengths = list(range(1, 200))
    assert epoch(lengths, 500, 1, 0) != epoch(lengths, 500, 1, 1)
    longest = [max(lengths[row] for row in batch) for batch in epoch(lengths, 500, 1, 0)]
    assert longest != sorted(longest)


def test_prediction_batches_follow_the_order_given() -> None:
    assert batches([2, 0, 1], [4, 4, 2], 8) == [[2, 0], [1]]
