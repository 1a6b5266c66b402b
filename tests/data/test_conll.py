"""Column files, the tidy and the others."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpkit.data.rows import TokenRow
from nlpkit.errors import InputError


def pairs(row: TokenRow) -> list[tuple[str, str]]:
    return list(zip(row.tokens, row.tags or (), strict=True))


@pytest.mark.parametrize("sign", [" ", "\t", "   ", " \t "])
def test_columns_may_be_cut_at_blanks_or_tabs(read, sign: str) -> None:
    first, second = read(f"Asha{sign}B-PER\nsings{sign}O\n\nToday{sign}O\n\n", "conll")
    assert pairs(first) == [("Asha", "B-PER"), ("sings", "O")]
    assert pairs(second) == [("Today", "O")]
    assert (first.id, first.line, second.id, second.line) == ("1", 1, "2", 4)


@pytest.mark.parametrize(
    ("columns", "want"),
    [
        ({}, [("Asha", "B-PER"), ("sings", "O")]),
        ({"token": 1}, [("NOUN", "B-PER"), ("VERB", "O")]),
        ({"tag": 1}, [("Asha", "NOUN"), ("sings", "VERB")]),
        ({"token": -2, "tag": 0}, [("nsubj", "Asha"), ("root", "sings")]),
    ],
)
def test_any_column_may_hold_token_and_tag(read, columns: dict[str, int], want: list[tuple[str, str]]) -> None:
    (row,) = read("Asha NOUN nsubj B-PER\nsings VERB root O\n", "conll", columns)
    assert pairs(row) == want


def test_tag_none_reads_tokens_alone(read) -> None:
    (row,) = read("Asha NOUN\nsings VERB\n", "conll", {"tag": "none"})
    assert (row.tokens, row.tags) == (("Asha", "sings"), None)


def test_a_one_column_file_has_tokens_alone(read) -> None:
    first, second = read("Asha\nsings\n\n.\n", "conll")
    assert (first.tokens, first.tags, second.tokens) == (("Asha", "sings"), None, (".",))


@pytest.mark.parametrize("columns", [{"tag": "last"}, {"token": "none"}, {"token": "first"}])
def test_a_column_that_is_no_number_is_refused(refused, columns: dict[str, str]) -> None:
    assert next(iter(columns)) in refused("a O\n", "conll", columns)


@pytest.mark.parametrize("columns", [{"tag": 4}, {"tag": -4}, {"token": 7}])
def test_a_column_beyond_the_last_is_refused_by_line(refused, columns: dict[str, int]) -> None:
    assert refused("a O\nb O\n", "conll", columns).startswith("f:1: 2 columns, ")


UNER = """\
# sent_id = s-1
# text = Ravi lives in Pune .
1\tRavi\tB-PER\t-\tann1
2\tlives\tO\t-\tann1
3\t#\tO\t-\tann1
4\tPune\tB-LOC\t-\tann1

# sent_id = s-2
# text = No .
1\tNo\tO\t-\tann1
2\t.\tO\t-\tann1

"""


def test_five_columns_with_comments(read) -> None:
    first, second = read(UNER, "conll", {"token": 1, "tag": 2})
    assert pairs(first) == [("Ravi", "B-PER"), ("lives", "O"), ("#", "O"), ("Pune", "B-LOC")]
    assert first.extra["comments"] == "# sent_id = s-1\n# text = Ravi lives in Pune ."
    assert (first.line, second.line) == (3, 10)


def test_comments_are_written_back_and_read_again(read, dump) -> None:
    rows = read(UNER, "conll", {"token": 1, "tag": 2})
    text = dump(rows, "conll")
    assert text.startswith("# sent_id = s-1\n# text = Ravi lives in Pune .\nRavi\tB-PER\n")
    again = read(text, "conll")
    assert [(pairs(row), row.extra) for row in again] == [(pairs(row), row.extra) for row in rows]


def test_a_comment_that_holds_tabs_does_not_come_back_as_a_token(read, dump) -> None:
    rows = read("# src\tweb\n1\tRavi\tB-PER\n2\twent\tO\n\n", "conll", {"token": 1})
    assert rows[0].extra["comments"] == "# src\tweb"
    assert [row.tokens for row in read(dump(rows, "conll"), "conll")] == [("Ravi", "went")]


DOCS = "-DOCSTART-{0}X\n\na{0}O\n\nb{0}O\n\n-DOCSTART-{0}X\n\nc{0}B-PER\nd{0}O\n\n"


@pytest.mark.parametrize("sign", [" ", "\t"])
def test_docstart_parts_documents_and_is_no_token(read, sign: str) -> None:
    rows = read(DOCS.format(sign), "conll")
    assert [row.tokens for row in rows] == [("a",), ("b",), ("c", "d")]
    assert [row.extra["doc"] for row in rows] == ["1", "1", "2"]


@pytest.mark.parametrize(
    "line", ["-DOCSTART-", "-DOCSTART- O", "-DOCSTART- -X- -X- O", "-DOCSTART-\t-X-", " -DOCSTART- O"]
)
@pytest.mark.parametrize("sign", [" ", "\t"])
def test_docstart_lines_may_be_cut_otherwise_than_the_file(read, line: str, sign: str) -> None:
    rows = read(f"{line}\n\na{sign}O\nb{sign}O\n", "conll")
    assert [(row.tokens, row.extra["doc"]) for row in rows] == [(("a", "b"), "1")]


def test_docstart_ends_a_sentence_without_an_empty_line(read) -> None:
    rows = read("-DOCSTART- O\na O\nb O\n-DOCSTART- O\nc O\n", "conll")
    assert [(row.tokens, row.extra["doc"]) for row in rows] == [(("a", "b"), "1"), (("c",), "2")]


@pytest.mark.parametrize("sign", [" ", "\t"])
def test_docstart_is_written_back(read, dump, sign: str) -> None:
    rows = read(DOCS.format(sign), "conll")
    text = dump(rows, "conll")
    assert text.count("-DOCSTART-") == 2
    assert [(row.tokens, row.tags, row.extra) for row in read(text, "conll")] == [
        (row.tokens, row.tags, row.extra) for row in rows
    ]
    assert dump(read(text, "conll"), "conll") == text


def test_rows_with_and_without_documents_may_be_written_together(read, dump) -> None:
    """As when two test files are predicted together, and only the first has -DOCSTART- lines."""
    rows = [*read(DOCS.format(" "), "conll"), *read("e O\n\n", "conll")]
    assert [row.tokens for row in read(dump(rows, "conll"), "conll")] == [("a",), ("b",), ("c", "d"), ("e",)]


@pytest.mark.parametrize("blank", ["\t", " ", "\t\t ", "  "])
def test_a_separator_that_holds_blanks_is_an_empty_line_and_a_warning(collect, blank: str) -> None:
    rows, problems = collect(f"a\tO\n{blank}\nb\tO\n", "conll")
    assert [row.tokens for row in rows] == [("a",), ("b",)]
    assert [(problem.line, problem.code, problem.warning) for problem in problems] == [(2, "stray-blank", True)]


@pytest.mark.parametrize("sign", [" ", "\t"])
def test_a_token_may_be_a_hash_or_begin_with_one(read, sign: str) -> None:
    (row,) = read(f"#{sign}O\n##{sign}O\n#jazz{sign}B-TAG\nx{sign}O\n#{sign}O\n", "conll")
    assert row.tokens == ("#", "##", "#jazz", "x", "#")


ODD = ["10\u00a0000", "a\u2028b", "a\u2029b", "a\x85b", "\u00a0", "a\x0bb", "a\x1cb", "\u3000", "-DOCSTART", '"', "'"]


@pytest.mark.parametrize("sign", [" ", "\t"])
@pytest.mark.parametrize("token", ODD)
def test_odd_blanks_stay_inside_their_token(read, dump, token: str, sign: str) -> None:
    (row,) = read(f"a{sign}O\n{token}{sign}B-X\nb{sign}O\n", "conll")
    assert row.tokens == ("a", token, "b")
    assert read(dump([row], "conll"), "conll")[0].tokens == row.tokens


def test_a_token_may_hold_a_blank_in_a_file_with_tabs(read, dump) -> None:
    (row,) = read("New York\tB-LOC\nis\tO\n", "conll")
    assert row.tokens == ("New York", "is")
    assert read(dump([row], "conll"), "conll")[0].tokens == row.tokens


def test_tabs_at_the_end_of_a_line_are_dropped_with_a_warning(collect) -> None:
    rows, problems = collect("a\tB-X\nb\tO\t\t\nc\tO\nd\tO\t \n", "conll")
    assert pairs(rows[0]) == [("a", "B-X"), ("b", "O"), ("c", "O"), ("d", "O")]
    assert [(problem.line, problem.code, problem.warning) for problem in problems] == [
        (2, "stray-blank", True),
        (4, "stray-blank", True),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a B-X\nb O\nc\n", "f:3: 1 column, 2 expected (cut at blanks)"),
        ("a\tO\nb\tO\nc O\n", "f:3: 1 column, 2 expected (cut at tabs)"),
        ("a O\nb O\n\nc N O\n", "f:4: 3 columns, 2 expected (cut at blanks)"),
        ("a\tN\tO\nb\tN\tO\nc\tO\n", "f:3: 2 columns, 3 expected (cut at tabs)"),
        ("a\tO\nb\tO\nc\tO\tmore\n", "f:3: 3 columns, 2 expected (cut at tabs)"),
        ("a O\nb O\n\u00a0\n", "f:3: 1 column, 2 expected (cut at blanks)"),
    ],
)
def test_a_wrong_number_of_columns_is_an_error_by_line(refused, content: str, message: str) -> None:
    assert refused(content, "conll") == message


@pytest.mark.parametrize(
    ("line", "message"),
    [("b\t", "f:2: the tag is empty"), ("b\t ", "f:2: the tag is empty"), ("\tO", "f:2: the token is empty")],
)
def test_an_empty_field_is_an_error_by_line(refused, line: str, message: str) -> None:
    assert refused(f"a\tO\n{line}\nc\tO\n", "conll") == message


def test_collecting_reads_on_past_every_bad_line(collect) -> None:
    rows, problems = collect("a O\nb\nc N O\n\nd O\ne O\n\nf O\n", "conll")
    assert [row.tokens[0] for row in rows] == ["a", "d", "f"]
    assert [(problem.line, problem.code) for problem in problems] == [(2, "columns"), (3, "columns")]


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\n\n\n\n"])
def test_the_last_sentence_needs_no_final_newline(collect, end: str) -> None:
    rows, problems = collect(f"a O\n\nb B-X{end}", "conll")
    assert ([row.tokens for row in rows], problems) == ([("a",), ("b",)], [])


def test_crlf_and_bom_leave_no_trace_in_tokens_and_tags(collect) -> None:
    rows, problems = collect("\ufeffa B-X\r\nb O\r\n\r\nc O\r\n".encode(), "conll")
    assert [pairs(row) for row in rows] == [[("a", "B-X"), ("b", "O")], [("c", "O")]]
    assert all(problem.warning for problem in problems)


def test_lines_are_numbered_per_token(read) -> None:
    rows = read("# c d e\na O\nb O\n\n\nc O\n", "conll")
    assert [list(row.lines) for row in rows] == [[2, 3], [6]]


def test_a_layout_is_found_behind_many_comments(read) -> None:
    (row,) = read("# a comment line of the head of the file\n" * 150 + "1\ta\tO\n2\tb\tO\n", "conll", {"token": 1})
    assert row.tokens == ("a", "b")


@pytest.mark.parametrize("token", ["a\tb", "a\nb", "", " ", " a", "a ", "-DOCSTART-", "a\0b"])
def test_a_token_that_column_files_cannot_hold_is_refused(dump, token: str) -> None:
    with pytest.raises(InputError, match="row 7"):
        dump([TokenRow("7", ("ok", token), ("O", "O"))], "conll")


@pytest.mark.parametrize("tag", ["", "B-a\tb", "B-a\nb", "B-a "])
def test_a_tag_that_column_files_cannot_hold_is_refused(dump, tag: str) -> None:
    with pytest.raises(InputError, match="row 7"):
        dump([TokenRow("7", ("ok",), (tag,))], "conll")


CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\0")
TOKENS = st.text(CHARACTERS, min_size=1, max_size=6).filter(lambda t: t.strip(" \t") == t and t != "-DOCSTART-")
TAGS = st.sampled_from(["O", "B-PER", "I-PER", "B-creative-work", "B-two words", "NOUN"])
ROWS = st.lists(st.lists(st.tuples(TOKENS, TAGS), min_size=1, max_size=5), max_size=5)


@settings(deadline=None)
@given(ROWS)
def test_what_is_written_is_read_back(collect, dump, rows: list[list[tuple[str, str]]]) -> None:
    # the first row keeps a U+FEFF of the others from being read as a byte order mark
    rows = [[("first", "O")], *rows]
    made = [TokenRow(str(n), *zip(*row, strict=True)) for n, row in enumerate(rows, 1)]
    back, problems = collect(dump(made, "conll"), "conll")
    assert [pairs(row) for row in back] == rows
    assert [row.id for row in back] == [row.id for row in made]
    assert {problem.code for problem in problems} <= {"replacement"}


def test_columns_parted_by_blanks_are_written_so(read, dump) -> None:
    text = "Juma B-PER\nwent O\n\n"
    assert dump(read(text, "conll"), "conll") == text
    tabbed = text.replace(" ", "\t")
    assert dump(read(tabbed, "conll"), "conll") == tabbed
