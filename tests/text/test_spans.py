from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpkit.text import spans
from nlpkit.text.spans import Span


def test_strict_and_lenient_differ_on_an_i_that_opens() -> None:
    tags = ["I-PER", "I-PER", "O", "B-LOC"]
    assert spans.to_spans(tags) == [Span("LOC", 3, 4)]
    assert spans.to_spans(tags, strict=False) == [Span("PER", 0, 2), Span("LOC", 3, 4)]


def test_types_may_hold_hyphens() -> None:
    assert spans.to_spans(["B-creative-work", "I-creative-work"]) == [Span("creative-work", 0, 2)]


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        (["I-PER", "O", "I-LOC", "B-LOC"], "iob1"),
        (["B-PER", "I-PER", "O"], "iob2"),
        (["B-PER", "E-PER", "S-LOC"], "iobes"),
        (["B-PER", "L-PER", "U-LOC"], "bilou"),
    ],
)
def test_scheme_is_found(tags: list[str], scheme: str) -> None:
    assert spans.detect([tags]) == scheme
    assert spans.faults(tags, scheme) == []


def test_one_slip_does_not_turn_the_whole_corpus() -> None:
    assert spans.detect([["B-PER", "I-PER", "O"]] * 9 + [["S-PER", "O"]]) == "iob2"
    assert spans.detect([["B-PER", "I-PER"], ["-PER"]]) == "iob2"
    assert spans.faults(["-PER", "BI-PER"], "iob2")


def test_a_few_opening_i_tags_do_not_make_iob1() -> None:
    assert spans.detect([["B-PER", "O"]] * 9 + [["I-PER", "O"]]) == "iob2"


@pytest.mark.parametrize(
    ("tags", "scheme", "where"),
    [
        (["O", "I-PER"], "iob2", [1]),
        (["B-PER", "I-LOC"], "iob2", [1]),
        (["O", "B-PER"], "iob1", [1]),
        (["B-PER", "O"], "iobes", [1]),
        (["B-PER", "I-PER"], "iobes", [1]),
        (["E-PER"], "iobes", [0]),
        (["PER"], "iob2", [0]),
        (["L-PER"], "bilou", [0]),
    ],
)
def test_faults_name_their_place(tags: list[str], scheme: str, where: list[int]) -> None:
    assert [place for place, _ in spans.faults(tags, scheme)] == where


LEGAL = st.lists(st.tuples(st.sampled_from(["", "PER", "LOC"]), st.integers(1, 3), st.booleans()), max_size=8).map(
    lambda parts: [
        tag
        for label, length, _ in parts
        for tag in (["O"] * length if not label else [f"B-{label}"] + [f"I-{label}"] * (length - 1))
    ]
)


@given(LEGAL, st.sampled_from(spans.SCHEMES))
def test_schemes_convert_there_and_back(tags: list[str], scheme: str) -> None:
    there = spans.from_iob2(tags, scheme)
    assert spans.faults(there, scheme) == []
    assert spans.to_iob2(there, scheme) == tags


@given(LEGAL)
def test_spans_rebuild_their_tags(tags: list[str]) -> None:
    assert spans.from_spans(spans.to_spans(tags), len(tags)) == tags


def test_overlapping_spans_are_refused() -> None:
    with pytest.raises(ValueError, match="overlaps"):
        spans.from_spans([Span("PER", 0, 2), Span("LOC", 1, 3)], 3)


def test_mending_touches_only_opening_i_tags() -> None:
    assert spans.mend(["I-PER", "I-PER", "I-LOC", "B-LOC", "I-LOC"]) == ["B-PER", "I-PER", "B-LOC", "B-LOC", "I-LOC"]
