"""Rows in parts."""

from __future__ import annotations

import pytest

from nlpkit.data.rows import PairRow, TextRow, TokenRow
from nlpkit.errors import InputError
from nlpkit.jobs.slices import parts

ROWS = [
    TextRow("1", "a b", lang="swh_Latn", extra={"source": "web"}),
    TextRow("2", "a " * 5, lang="yor_Latn"),
    TextRow("3", "b " * 6, lang="swh_Latn", extra={"source": "news"}),
    TextRow("4", "a " * 41),
    TextRow("5", " "),
]


def test_by_length_from_short_to_long_with_every_row_once() -> None:
    assert list(parts(ROWS, "length").items()) == [("0", [4]), ("1-5", [0, 1]), ("6-10", [2]), ("41+", [3])]


def test_by_language_and_by_column() -> None:
    assert parts(ROWS, "lang") == {"swh_Latn": [0, 2], "und": [3, 4], "yor_Latn": [1]}
    assert parts(ROWS, "source") == {"news": [2], "none": [1, 3, 4], "web": [0]}
    assert parts([PairRow("1", "x", lang="eng", target_lang="hin")], "lang") == {"eng>hin": [0]}


def test_by_words_seen() -> None:
    rows = [TokenRow("1", ("a", "b")), TokenRow("2", ("a", "c"))]
    assert parts(rows, "seen", {"a", "b"}.__contains__) == {"seen": [0], "unseen": [1]}
    with pytest.raises(InputError, match="keeps a list of its training words"):
        parts(rows, "seen")


def test_a_column_that_is_not_there() -> None:
    with pytest.raises(InputError, match="no column is called `sorce`; did you mean `source`") as error:
        parts([ROWS[0]], "sorce")
    assert error.value.hint == "rows are parted by lang, length, seen, source"
