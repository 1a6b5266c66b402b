"""Tables, raw text, and the table of entities."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpkit.data.rows import TokenRow
from nlpkit.errors import InputError


def test_a_table_of_tokens_and_tags(read) -> None:
    first, second = read("lang\ttags\ttokens\tid\nswh_Latn\tB-PER O\tRani alicheka\tx\n\tO\t.\ty\n", "tsv")
    assert (first.id, first.lang, first.tokens, first.tags, first.line) == (
        "x", "swh_Latn", ("Rani", "alicheka"), ("B-PER", "O"), 2,
    )  # fmt: skip
    assert (second.id, second.lang, second.tokens, second.line) == ("y", "", (".",), 3)


def test_ids_are_counted_where_there_are_none(read) -> None:
    assert [row.id for row in read("tokens\na\nb\n", "tsv")] == ["1", "2"]


@pytest.mark.parametrize(
    "token", ['"', '"a', 'a"b', '""', "'", '"""x', "\\", "#", "\u00a0", "a\u2028b", "a\x85b", "a,b"]
)
def test_nothing_quotes_and_nothing_is_escaped(read, dump, token: str) -> None:
    rows = read(f"tokens\ttags\n{token} b\tO B-X\nc {token}\tO O\n", "tsv")
    assert [row.tokens for row in rows] == [(token, "b"), ("c", token)]
    assert [row.tokens for row in read(dump(rows, "tsv"), "tsv")] == [row.tokens for row in rows]


def test_header_names_may_be_renamed(read) -> None:
    (row,) = read("words\tner\na b\tO B-X\n", "tsv", {"tokens": "words", "tags": "ner"})
    assert (row.tokens, row.tags) == (("a", "b"), ("O", "B-X"))


def test_a_header_may_be_missing_but_no_column_that_was_named(read, refused) -> None:
    first, second = read("a b\tO B-X\nc\tO\n", "tsv", {"tokens": 0, "tags": 1})
    assert (first.tokens, first.tags, first.line) == (("a", "b"), ("O", "B-X"), 1)
    assert (second.tokens, second.tags, second.line) == (("c",), ("O",), 2)
    assert refused("tokens\tner\na\tO\n", "tsv", {"tags": "nre"}) == "f:1: no column `nre`, there are `tokens`, `ner`"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text\ttags\na\tO\n", "f:1: no column `tokens`, there are `text`, `tags`"),
        ("\n\n", "f:1: no column `tokens`, there are ``"),
        ("tokens\ttags\ttags\na\tO\tO\n", "f:1: two columns are called `tags`"),
        ("tokens\ttags\na b\tO O\na\n", "f:3: 1 column, 2 in the first line"),
        ("tokens\ttags\na\tO\tO\n", "f:2: 3 columns, 2 in the first line"),
        ("tokens\ttags\na b\tO\n", "f:2: 1 tag for 2 tokens"),
        ("tokens\ttags\na\t\n", "f:2: 0 tags for 1 token"),
        ("tokens\ttags\na\tO O\n", "f:2: 2 tags for 1 token"),
    ],
)
def test_a_wrong_table_is_an_error_by_line(refused, content: str, message: str) -> None:
    assert refused(content, "tsv") == message


def test_collecting_reads_on_past_every_bad_line(collect) -> None:
    rows, problems = collect("tokens\ttags\na\na b\tO\nc\tO\nd\tO\tx\n", "tsv")
    assert [row.tokens for row in rows] == [("c",)]
    assert [problem.line for problem in problems] == [2, 3, 5]


def test_crlf_and_bom_leave_no_trace(collect) -> None:
    rows, problems = collect("\ufefftokens\ttags\r\na b\tO B-X\r\n", "tsv")
    assert (rows[0].tokens, rows[0].tags) == (("a", "b"), ("O", "B-X"))
    assert all(problem.warning for problem in problems)


@pytest.mark.parametrize(
    "row",
    [
        TokenRow("7", ("New York",), ("O",)),
        TokenRow("7", ("a\tb",), ("O",)),
        TokenRow("7", ("a\nb",), ("O",)),
        TokenRow("7", ("a\0b",), ("O",)),
        TokenRow("7", ("",), ("O",)),
        TokenRow("7", ("a",), ("B-two words",)),
        TokenRow("7", ("a",), ("B-\t",)),
        TokenRow("7", ("a",), ("",)),
        TokenRow("7\tx", ("a",), ("O",)),
        TokenRow("7", ("a",), ("O",), "x\ny"),
    ],
)
def test_what_a_table_cannot_hold_is_refused(dump, row: TokenRow) -> None:
    with pytest.raises(InputError, match="row 7"):
        dump([row], "tsv")


@pytest.mark.parametrize("order", [1, -1])
def test_tagged_and_untagged_rows_cannot_stand_in_one_table(dump, order: int) -> None:
    rows = [TokenRow("7", ("a",), ("O",)), TokenRow("8", ("a",), None)][::order]
    with pytest.raises(InputError, match=r"row [78]"):
        dump(rows, "tsv")


TOKENS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=" \t\n\0\r"), min_size=1, max_size=5)
ROWS = st.lists(st.lists(st.tuples(TOKENS, st.sampled_from(["O", "B-PER", "NOUN"])), max_size=5), max_size=5)


@settings(deadline=None)
@given(ROWS, st.booleans())
def test_what_is_written_is_read_back(read, dump, rows: list[list[tuple[str, str]]], with_tags: bool) -> None:
    made = [
        TokenRow(f"n{n}", tuple(t for t, _ in row), tuple(t for _, t in row) if with_tags else None, "fra_Latn")
        for n, row in enumerate(rows)
    ]
    back = read(dump(made, "tsv"), "tsv")
    assert [(row.id, row.tokens, row.tags, row.lang) for row in back] == [
        (row.id, row.tokens, row.tags, row.lang) for row in made
    ]


def test_raw_text_keeps_each_line_as_a_row(read) -> None:
    rows = read("\nRani alicheka.\n\n \nhapa", "text")
    assert [(row.id, row.line, row.text, row.tokens) for row in rows] == [
        ("1", 1, "", ()),
        ("2", 2, "Rani alicheka.", ("Rani", "alicheka", ".")),
        ("3", 3, "", ()),
        ("4", 4, " ", ()),
        ("5", 5, "hapa", ("hapa",)),
    ]


@settings(deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0"), max_size=20), max_size=6)
)
def test_raw_text_is_written_as_it_was(read, dump, texts: list[str]) -> None:
    # the first line keeps a U+FEFF of the others from being read as a byte order mark
    text = "".join(f"{line}\n" for line in ["first", *texts])
    rows = read(text, "text")
    assert len(rows) == len(texts) + 1
    assert dump(rows, "text") == text
    for row in rows:
        assert [row.text[start:end] for start, end in row.offsets] == list(row.tokens)


def test_entities_are_written_in_brackets(dump) -> None:
    row = TokenRow(
        "1", ("Rani", "wa", "Pwani", "alicheka"), ("B-PER", "O", "B-LOC", "O"),
        text="Rani  wa Pwani alicheka", offsets=[(0, 4), (6, 8), (9, 14), (15, 23)],
    )  # fmt: skip
    assert dump([row, TokenRow("2", ()), row], "text") == (
        "[PER Rani]  wa [LOC Pwani] alicheka\n\n[PER Rani]  wa [LOC Pwani] alicheka\n"
    )


def test_the_table_of_entities_has_one_line_an_entity(dump) -> None:
    rows = [
        TokenRow("a\tb", ("x", "Rani", "wa"), ("O", "B-PER", "I-PER"), scores=(1.0, 0.75, 0.5)),
        TokenRow("2", ("x",), ("O",)),
        TokenRow("3", ("New\nYork",), ("B-LOC",)),
    ]
    assert dump(rows, "entities") == (
        "row\tstart\tend\tlabel\tscore\ttext\na b\t2\t9\tPER\t0.5\tRani wa\n3\t0\t8\tLOC\t\tNew York\n"
    )
