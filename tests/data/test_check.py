"""``data check``: every fault of a file, by line, and no exception."""

from __future__ import annotations

import gzip
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpkit.data import formats
from nlpkit.data.check import Findings, check
from nlpkit.errors import InputError

Checked = Callable[..., Findings]


@pytest.fixture(scope="session")
def checked(put) -> Checked:
    def checked(
        content: str | bytes, fmt: str = "conll", columns: dict[str, Any] | None = None, *args: str
    ) -> Findings:
        return check(put(content), fmt, columns or {}, *args)

    return checked


def faults(found: Findings) -> list[tuple[int, str]]:
    return [(problem.line, problem.code) for problem in found.problems]


CLEAN = "Rani B-PER\nwa I-PER\nanaimba O\n\nPwani B-LOC\n. O\n\n"


def test_a_clean_file_has_no_problem_and_its_counts(checked) -> None:
    found = checked(CLEAN)
    assert found.problems == []
    assert (found.rows, found.tokens, found.scheme) == (2, 5, "iob2")
    assert dict(found.labels) == {"PER": 1, "LOC": 1}


def test_the_report_as_a_dict_is_plain_data(checked) -> None:
    data = checked(CLEAN + "bad\nI-x O\n").as_dict()
    assert (data["rows"], data["errors"], data["warnings"]) == (3, 1, 0)
    assert data["problems"][0]["line"] == 8
    assert set(data) == {
        "path", "format", "rows", "tokens", "scheme", "labels", "langs", "errors", "warnings", "problems"
    }  # fmt: skip


BAD_CONLL = "\n".join(
    [
        "a1 B-PER", "a2 I-LOC", "",  # 2: illegal move
        "b1", "b2 O", "b3 N O", "",  # 4, 6: columns
        "c1\t O", "\t", "PER PER", "",  # 9: separator with a tab; 10: no tag of the scheme
        "d1 O\r", "ca\ufffd O", "d3 \0O", "",  # 12: crlf; 13: lost character; 14: NUL
        "e1\udcff O", "e2 B-LOC", "e3 I-LOC", "e4 O", "",  # 16: no UTF-8
        "e1\udcff O", "e2 B-LOC", "e3 I-LOC", "e4 O", "",  # 21: no UTF-8, and repeated
        "\u200b O", "cafe\u0301 O", "x\u2028y O", "",  # 26: invisible; 27: not NFC; 28: line break
        "I O",
    ]
).encode("utf-8", "surrogateescape")  # fmt: skip


def test_every_bad_line_of_a_file_of_all_kinds_of_faults_is_reported(checked) -> None:
    found = checked(BAD_CONLL)
    assert faults(found) == [
        (2, "illegal-move"), (4, "columns"), (6, "columns"), (9, "stray-blank"), (10, "illegal-move"),
        (12, "crlf"), (13, "replacement"), (14, "nul"), (16, "utf-8"), (21, "utf-8"), (21, "repeated"),
        (26, "invisible"), (27, "form"), (28, "line-break"),
    ]  # fmt: skip
    assert [problem.line for problem in found.errors] == [4, 6, 10, 14, 16, 21]
    assert all(
        problem.path == found.path and problem.what and str(problem.line) in str(problem) for problem in found.problems
    )
    assert found.rows == 9


def test_the_other_formats_are_read_to_their_ends_too(checked) -> None:
    jsonl = '{"text": 3}\n\n{"tokens": ["a"], "tags": []}\n[]\n{"text": "\\ud800"}\n{"text": "a"}\n{"text": "b"'
    assert [line for line, _ in faults(checked(jsonl, "jsonl"))] == [1, 2, 3, 4, 5, 7]
    word = "\t_" * 8 + "\n"
    conllu = f"1\ta{word}2\n3\tb{word}\n# c\n\n1\ta{word}"
    assert faults(checked(conllu, "conllu")) == [(2, "columns"), (3, "ids"), (5, "empty-sentence"), (7, "final-line")]
    assert faults(checked("tokens\ttags\na\nb c\tO\nd\tB-X\ne\tI-Y\n", "tsv")) == [
        (2, "columns"), (3, "columns"), (5, "illegal-move"),
    ]  # fmt: skip
    assert faults(checked(b"a\n\xff\n\nb\0\n", "text")) == [(2, "utf-8"), (4, "nul")]


@pytest.mark.parametrize("fmt", formats.READ["tokens"])
@pytest.mark.parametrize("content", ["", gzip.compress(b"")])
def test_an_empty_file_is_bad(checked, fmt: str, content: str | bytes) -> None:
    found = checked(content, fmt)
    assert faults(found) == [(1, "no-rows")]
    assert found.errors


def test_a_blank_file_is_bad(checked) -> None:
    assert faults(checked("\n\n\n")) == [(1, "no-rows")]


def test_a_broken_gz_is_bad_and_its_whole_lines_are_counted(checked) -> None:
    packed = gzip.compress("".join(f"w{n * n} O\n\n" for n in range(3000)).encode())
    found = checked(packed[:-2000])
    assert found.rows > 100
    assert [problem.code for problem in found.problems] == ["gzip"]


def test_a_wrong_question_is_an_input_error(checked, tmp_path) -> None:
    for arguments in (("none.conll", "conll"), (str(tmp_path), "conll")):
        with pytest.raises(InputError):
            check(*arguments, {})
    with pytest.raises(InputError):
        checked("a O\n", "conll", {"tag": "last"})


def conll(*tags: str, word: str = "w") -> str:
    return "".join(f"{word}{number} {tag}\n" for number, tag in enumerate(tags)) + "\n"


@pytest.mark.parametrize(
    ("scheme", "tags", "lines"),
    [
        ("iob1", ["I-PER", "I-PER", "B-PER", "O", "I-LOC", "I-PER"], []),
        ("iob1", ["I-PER", "O", "B-PER", "I-LOC", "B-PER"], [3, 5]),
        ("iob2", ["B-PER", "I-PER", "B-PER", "O", "B-LOC", "B-PER"], []),
        ("iob2", ["B-PER", "B-LOC", "I-PER", "O", "I-LOC"], [3, 5]),
        ("iobes", ["B-PER", "I-PER", "E-PER", "S-LOC", "O", "B-LOC", "E-LOC"], []),
        ("iobes", ["B-PER", "O", "E-PER", "S-LOC", "I-LOC", "B-LOC"], [2, 3, 5, 6]),
        ("bilou", ["B-PER", "I-PER", "L-PER", "U-LOC", "O", "B-LOC", "L-LOC"], []),
        ("bilou", ["B-PER", "L-LOC", "U-LOC", "L-LOC", "B-PER", "B-PER"], [2, 4, 6]),
    ],
)
@pytest.mark.parametrize("told", [False, True])
def test_each_scheme_has_its_own_illegal_moves(
    checked, scheme: str, tags: list[str], lines: list[int], told: bool
) -> None:
    # a legal row first tells which scheme it is
    legal = {"iob1": ["I-PER", "O"] * 3, "iob2": ["B-PER", "O"] * 4, "iobes": ["S-PER"], "bilou": ["U-PER"]}[scheme]
    content = conll(*legal) + conll(*tags, word="v")
    found = checked(content, "conll", {}, scheme if told else "auto")
    assert found.scheme == scheme
    at = sorted({problem.line for problem in found.problems})
    assert at == [len(legal) + 1 + line for line in lines]
    assert {problem.code for problem in found.problems} <= {"illegal-move"}
    assert all(problem.warning for problem in found.problems)


def test_entities_are_counted_in_any_scheme(checked) -> None:
    for tags in (["B-PER", "E-PER", "S-LOC"], ["B-PER", "L-PER", "U-LOC"], ["B-PER", "I-PER", "B-LOC"]):
        assert dict(checked(conll(*tags)).labels) == {"PER": 1, "LOC": 1}


def test_a_tag_that_is_none_of_the_scheme_is_an_error(checked) -> None:
    found = checked(conll("B-PER", "PER", "O", "E-PER", "B-"), "conll", {}, "iob2")
    assert [(problem.line, problem.warning) for problem in found.problems] == [(2, False), (4, False), (5, False)]


def test_parts_of_speech_have_no_scheme(checked) -> None:
    found = checked(conll("NOUN", "VERB", "NOUN"))
    assert (found.scheme, dict(found.labels), found.problems) == (None, {"NOUN": 2, "VERB": 1}, [])


def test_an_illegal_move_has_the_line_of_its_token(checked) -> None:
    """In CoNLL-U words are not on neighboring lines; in JSON Lines and tables all of a row stands on one."""
    rows = [
        "# c",
        "1-2\tab" + "\t_" * 8,
        "1\ta" + "\t_" * 8,
        "1.1\tx" + "\t_" * 8,
        "# d",
        "2\tb" + "\t_" * 7 + "\tNER=I-X",
    ]
    found = checked("\n".join(rows) + "\n\n", "conllu", {"tag": "misc:NER"}, "iob2")
    assert faults(found) == [(6, "illegal-move")]
    jsonl = '{"tokens": ["a", "b", "c"], "tags": ["O", "O", "I-X"]}\n'
    assert faults(checked(jsonl * 2, "jsonl", {}, "iob2")) == [(1, "illegal-move"), (2, "illegal-move")]
    assert faults(checked("tokens\ttags\na b c\tO B-X I-Y\n", "tsv", {}, "iob2")) == [(2, "illegal-move")]
    assert faults(checked("a O\nbad\n# no O x\nb I-X\nc I-Y\n", "conll", {}, "iob2")) == [
        (2, "columns"), (3, "columns"), (4, "illegal-move"), (5, "illegal-move"),
    ]  # fmt: skip


def test_a_file_in_nfd_is_reported_once_with_its_count(checked) -> None:
    content = "".join(f"{unicodedata.normalize('NFD', word)} O\n" for word in ["le", "café", "été", "ñandú"])
    (problem,) = checked(content).problems
    assert (problem.line, problem.code, problem.warning) == (2, "form", True)
    assert "3 tokens are not in NFC" in problem.what


@pytest.mark.parametrize(("form", "wrong"), [("NFC", "NFD"), ("NFD", "NFC"), ("mixed", None)])
def test_the_card_says_which_normal_form_is_right(checked, form: str, wrong: str | None) -> None:
    nfc, nfd = "café O\nx O\n\n", "cafe\u0301 O\nx O\n\n"
    bad = [name for name, text in (("NFC", nfc), ("NFD", nfd)) if checked(text, "conll", {}, "auto", form).problems]
    assert bad == ([wrong] if wrong else [])


@pytest.mark.parametrize(
    "token", ["\u200b", "\ufeff", "\u00ad", "\u200f\u200e", "\u2060", "\u00a0", "\u3000", "\u2066\u2069", "\x1f"]
)
def test_a_token_nobody_sees_is_reported(checked, token: str) -> None:
    found = checked(f"a O\n{token} O\nb O\n{token} O\n")
    (problem,) = [problem for problem in found.problems if problem.code == "invisible"]
    assert (problem.line, problem.warning) == (2, True)
    assert "2 tokens" in problem.what
    assert problem.what.isprintable()


@pytest.mark.parametrize("token", ["a\u200bb", "क\u094d\u200dष", "a\u200c", "\u0301", "."])
def test_a_token_one_sees_is_not(checked, token: str) -> None:
    assert [p for p in checked(f"a O\n{token} O\n").problems if p.code == "invisible"] == []


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1e"])
def test_a_line_break_inside_a_token_is_reported(checked, sign: str) -> None:
    (problem,) = checked(f"a O\nb{sign}c O\n").problems
    assert (problem.line, problem.code, problem.warning) == (2, "line-break", True)


def test_repeated_rows_are_counted_and_the_first_named(checked) -> None:
    row = "".join(f"{word} O\n" for word in ("one", "two", "three", "four")) + "\n"
    short = "one O\ntwo O\nthree O\n\n"
    found = checked(short + row + short + row.replace("one", "ONE") + row)
    (problem,) = found.problems
    assert (problem.line, problem.code, problem.warning) == (14, "repeated", True)
    assert problem.what == "2 rows repeat an earlier one, first the row of line 5"


def test_languages_of_rows_are_counted(checked) -> None:
    found = checked('{"text": "a", "lang": "swh_Latn"}\n{"text": "b"}\n{"text": "c", "lang": "swh_Latn"}\n', "jsonl")
    assert dict(found.langs) == {"swh_Latn": 2}


PIECES = st.sampled_from(
    [b"a O\n", b"b B-X\n", b"c I-Y\n", b"\n", b"bad\n", b"d\tO\n", b"\xff O\n", b"\0", b"-DOCSTART- O\n", b"# e\n",
     b"\r\n", b'{"text": "a b", "label": [[0, 1, "X"]]}\n', b'{"tokens": ["a", "b"], "tags": ["-X", "S-Y"]}\n',
     b"tokens\ttags\n", b"1\ta" + b"\t_" * 8 + b"\n", b"2\tb" + b"\t_" * 7 + b"\tNER=B-X\n", b"a b\tI-X L-X\n",
     "e\u0301\u200b\u2028 E-X\n".encode()]
)  # fmt: skip


@pytest.mark.parametrize("fmt", formats.READ["tokens"])
@settings(deadline=5000, max_examples=80)
@given(content=st.lists(st.one_of(PIECES, st.binary(max_size=8)), max_size=20).map(b"".join))
def test_whatever_the_bytes_check_never_raises(checked, fmt: str, content: bytes) -> None:
    found = checked(content, fmt)
    lines = [problem.line for problem in found.problems]
    assert lines == sorted(lines)
    assert all(1 <= line <= content.count(b"\n") + 1 for line in lines)
    assert found.rows or found.errors
