"""What a recipe may say of transforms."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from nlpkit.config.recipe import Filter, Source, Transform


def test_a_source_names_its_transforms_in_order() -> None:
    source = Source.model_validate(
        {"card": "x", "transforms": [{"filter": {"shortest": 1}}, {"filter": {"copies": True, "ratio": 2.5}}]}
    )
    first, second = source.transforms
    assert first.filter is not None
    assert (first.filter.shortest, first.filter.longest, first.filter.copies) == (1, None, False)
    assert second.filter == Filter.model_validate({"copies": True, "ratio": 2.5})
    assert source.model_dump(exclude_defaults=True)["transforms"] == [
        {"filter": {"shortest": 1}}, {"filter": {"copies": True, "ratio": 2.5}},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({}, "name exactly one of `filter`"),
        ({"filter": None}, "name exactly one of `filter`"),
        ({"filter": {}}, "name what is dropped"),
        ({"filter": {"shortest": 3, "longest": 2}}, r"shortest \(3\) is more than longest \(2\)"),
        ({"filter": {"ratio": 0.5}}, "greater than or equal to 1"),
        ({"filter": {"shortest": 0}}, "greater than or equal to 1"),
        ({"filter": {"copy": True}}, "copy"),
    ],
)
def test_a_transform_says_what_it_does(data: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Transform.model_validate(data)
