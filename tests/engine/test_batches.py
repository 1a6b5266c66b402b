from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpkit.engine.batches import batches, epoch, plan, rates
from nlpkit.errors import InputError

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


def test_rates_follow_temperature_and_weight() -> None:
    assert rates([100, 10], [1, 1], 1) == [1, 1]
    assert rates([100, 10], [1, 3], 1) == [1, 3]
    hot = rates([100, 10], [1, 1], 1000)
    assert hot == [pytest.approx(0.55, rel=0.01), pytest.approx(5.5, rel=0.01)]
    middle = rates([900, 100], [1, 1], 2)
    assert 900 * middle[0] == pytest.approx(750)  # 30 : 10 of 1000
    assert 100 * middle[1] == pytest.approx(250)


def test_an_epoch_draws_each_source_as_often_as_asked() -> None:
    groups = [0] * 10 + [1] * 4
    for number in range(5):
        found = [row for batch in epoch([3] * 14, 6, 1, number, groups, [0.5, 2.25]) for row in batch]
        assert sum(row < 10 for row in found) == 5
        assert len({row for row in found if row < 10}) == 5
        assert all(found.count(row) in (2, 3) for row in range(10, 14))
        assert sum(row >= 10 for row in found) == 9


def test_few_steps_become_more_but_at_most_twice_as_many() -> None:
    lengths = [10] * 20
    steps, per_epoch = plan(lengths, 50, 1, 0, epochs=3)
    assert len(steps) == 3 * per_epoch
    assert len(plan(lengths, 50, 1, 0, epochs=3, least_steps=len(steps) + 2)[0]) == len(steps) + 2
    assert len(plan(lengths, 50, 1, 0, epochs=3, least_steps=999)[0]) == 2 * len(steps)
    assert len(plan(lengths, 50, 1, 0, steps=2, least_steps=999)[0]) == 2


def test_weights_that_leave_no_rows_are_refused() -> None:
    with pytest.raises(InputError, match="no rows to train on"):
        plan([3, 3], 6, 1, 0, epochs=1, groups=[0, 0], rates=[0.1])
