"""Pairs of texts: tables, JSON Lines, line-aligned files and raw text, read and written."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpkit.data import formats
from nlpkit.data.files import MAX_LINE, Problem, Strictly, parts
from nlpkit.data.load import read_file
from nlpkit.data.rows import JSON, PairRow
from nlpkit.errors import InputError

Columns = dict[str, int | str]


def put(folder: Path, name: str, content: str | bytes) -> str:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(folder / name)


def read(folder: Path, name: str, content: str | bytes, columns: Columns | None = None, fmt: str = "") -> list[PairRow]:
    path = put(folder, name, content)
    return list(read_file(path, fmt or formats.guess(path, "tsv", "pairs"), Strictly(), columns, kind="pairs"))


def fault(folder: Path, name: str, content: str | bytes, columns: Columns | None = None) -> str:
    with pytest.raises(InputError) as caught:
        read(folder, name, content, columns)
    return caught.value.message.removeprefix(str(folder) + "/")


def collect(path: str, fmt: str) -> tuple[list[PairRow], list[Problem]]:
    problems: list[Problem] = []
    return list(read_file(path, fmt, problems.append, kind="pairs")), problems


def dump(rows: Sequence[PairRow], fmt: str, best: int | None = None) -> str:
    file = io.StringIO()
    formats.named(fmt, "pairs").write(iter(rows), file, best=best)
    return file.getvalue()


# -- tables


def test_a_table_with_a_header(tmp_path: Path) -> None:
    table = "id\tsrc\ttgt\tsrc_lang\ttgt_lang\ttgt3\ttgt2\tfrom\n7\tHello\tHabari\teng\thin-eng\t\tHujambo\tx\n"
    (row,) = read(tmp_path, "a.tsv", table)
    assert row == PairRow(
        "7", "Hello", "Habari", "eng", "hin-eng", {"id": "7", "from": "x"}, 2, ("Hujambo",)
    )  # fmt: skip
    assert row.tags == ("Habari", "Hujambo")


def test_places_without_a_header_and_other_names(tmp_path: Path) -> None:
    found = read(tmp_path, "a.tsv", "Hello\tHabari\nYes\tNdiyo\n", {"src": 0, "tgt": 1})
    assert [(row.id, row.text, row.target, row.line) for row in found] == [
        ("1", "Hello", "Habari", 1), ("2", "Yes", "Ndiyo", 2),
    ]  # fmt: skip
    columns: Columns = {"src": "grapheme", "tgt": "phonemes", "src_lang": "lang"}
    (row,) = read(tmp_path, "b.tsv", "lang\tgrapheme\tphonemes\nice\tabc\ta b c\n", columns)
    assert (row.text, row.target, row.lang, row.extra) == ("abc", "a b c", "ice", {})


def test_an_empty_target_is_none_and_one_column_has_none(tmp_path: Path) -> None:
    assert [row.target for row in read(tmp_path, "a.tsv", "src\ttgt\nHello\t\n\tHabari\n")] == [None, "Habari"]
    assert [row.target for row in read(tmp_path, "b.tsv", "src\nHello\n")] == [None]


@pytest.mark.parametrize(
    ("content", "columns", "told"),
    [
        ("Hello\tHabari\n", {}, "a.tsv:1: no column `src`, there are `Hello`, `Habari`"),
        ("src\tother\nx\ty\n", {"tgt": "target"}, "a.tsv:1: no column `target`"),
        ("src\ttgt\nHello\n", {}, "a.tsv:2: 1 column, 2 in the first line"),
        ("src\ttgt\na\tb\tc\n", {}, "a.tsv:2: 3 columns, 2 in the first line"),
        ("src\tsrc\na\tb\n", {}, "a.tsv:1: two columns are called `src`"),
        (b"src\ttgt\ncaf\xe9\tx\n", {}, "a.tsv:2: byte 0xE9 at column 4 is not UTF-8"),
        ("src\ttgt\n" + "x" * MAX_LINE + "\ty\n", {}, "a.tsv:2: a line of over"),
    ],
)
def test_faults_of_a_table_name_file_and_line(tmp_path: Path, content: str, columns: Columns, told: str) -> None:
    assert fault(tmp_path, "a.tsv", content, columns).startswith(told)


def test_crlf_a_byte_order_mark_and_gzip_change_nothing(tmp_path: Path) -> None:
    plain = read(tmp_path, "a.tsv", "src\ttgt\nHello\tHabari\n")
    odd = b"\xef\xbb\xbfsrc\ttgt\r\nHello\tHabari\r\n"
    assert read(tmp_path, "b.tsv", odd) == plain
    assert read(tmp_path, "c.tsv.gz", gzip.compress(odd)) == plain


@pytest.mark.parametrize("name", ["a.tsv", "a.jsonl", "a.txt", "a.tmx"])
def test_an_empty_file_has_no_rows(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, name, "") == []


def test_what_a_table_cannot_hold_is_refused_with_a_way_out() -> None:
    for row in (PairRow("1", "a", "b\tc"), PairRow("1", "a\rb", "c"), PairRow("1", "a", "b", references=("c\nd",))):
        with pytest.raises(InputError, match="a sign that tsv cannot hold") as caught:
            dump([row], "tsv")
        assert caught.value.hint == "use --to jsonl"
    with pytest.raises(InputError, match="keys that a table cannot hold"):
        dump([PairRow("1", "a", "b", extra={JSON: "{}"})], "tsv")


# -- JSON Lines


def test_json_lines(tmp_path: Path) -> None:
    first, second = read(
        tmp_path,
        "a.jsonl",
        '{"id": 7, "src": "Hello", "tgt": "Habari", "tgt_lang": "swh", "references": ["Hujambo", ""], '
        '"n": 1, "s": "x"}\n'
        '{"src": "Yes", "tgt": ""}\n',
    )
    assert (first.id, first.text, first.target, first.target_lang) == ("7", "Hello", "Habari", "swh")
    assert (first.references, first.extra["s"], json.loads(first.extra[JSON])) == (
        ("Hujambo",),
        "x",
        {"n": 1, "s": "x"},
    )
    assert (second.id, second.target, second.extra) == ("2", None, {})
    (row,) = read(tmp_path, "b.jsonl", '{"en": "Hello", "yo": "Bawo"}\n', {"src": "en", "tgt": "yo"})
    assert (row.text, row.target, row.extra) == ("Hello", "Bawo", {})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"tgt": "x"}', "no string `src`"),
        ('{"src": ["x"]}', "no string `src`"),
        ('{"src": "x", "tgt": 3}', "`tgt` is no string"),
        ('{"src": "x", "references": "y"}', "`references` is no list of strings"),
        ('{"src": "x", "references": [1]}', "`references` is no list of strings"),
        ('{"src": ', "not JSON"),
        ('{"src": "\\ud800"}', "'\\ud800' is half of a surrogate pair"),
    ],
)
def test_faults_of_json_name_the_line(tmp_path: Path, content: str, told: str) -> None:
    assert fault(tmp_path, "a.jsonl", '{"src": "x"}\n' + content + "\n").startswith(f"a.jsonl:2: {told}")


# -- line-aligned files


def test_two_files_are_named_as_one_path(tmp_path: Path) -> None:
    put(tmp_path, "train.en", "Hello\nYes\n")
    put(tmp_path, "train.yo", "Bawo\nBẹ́ẹ̀ ni\n")
    path = str(tmp_path / "train.{en,yo}")
    assert formats.guess(path, "tsv", "pairs") == "moses"
    assert collect(path, "moses") == (
        [PairRow("1", "Hello", "Bawo", "eng_Latn", "yor_Latn", {}, 1),
         PairRow("2", "Yes", "Bẹ́ẹ̀ ni", "eng_Latn", "yor_Latn", {}, 2)],
        [],
    )  # fmt: skip


def test_more_files_are_references_and_all_may_be_packed(tmp_path: Path) -> None:
    for name, content in (("src", "Hello\n"), ("ref0", "Habari\n"), ("ref1", "\n"), ("ref2", "Hujambo\n")):
        put(tmp_path, f"test.{name}.gz", gzip.compress(content.encode()))
    ((row,), problems) = collect(str(tmp_path / "test.{src,ref0,ref1,ref2}.gz"), "moses")
    assert (row.target, row.references, row.lang, row.target_lang) == ("Habari", ("Hujambo",), "", "")
    assert problems == []
    put(tmp_path, "a.en", "Hello\n"), put(tmp_path, "a.sw.0", "Habari\n"), put(tmp_path, "a.sw.1", "Hujambo\n")
    ((row,), _) = collect(str(tmp_path / "a.{en,sw.0,sw.1}"), "moses")
    assert (row.lang, row.target_lang, row.references) == ("eng_Latn", "swh_Latn", ("Hujambo",))


def test_unequal_files_are_one_error_that_names_the_counts(tmp_path: Path) -> None:
    put(tmp_path, "a.en", "1\n2\n3\n4\n5\n")
    put(tmp_path, "a.yo", "1\n2\n3\n")
    for name, counts in (
        ("{en,yo}", "`a.en` has 5 lines, `a.yo` has 3"),
        ("{yo,en}", "`a.yo` has 3 lines, `a.en` has 5"),
    ):
        rows, problems = collect(str(tmp_path / f"a.{name}"), "moses")
        assert [row.text for row in rows] == ["1", "2", "3"]
        ((line, what),) = [(problem.line, problem.what) for problem in problems]
        assert (line, what) == (4, f"{counts} lines: line 4 has no partner")


def test_a_line_that_cannot_be_read_moves_no_other_one(tmp_path: Path) -> None:
    put(tmp_path, "a.en", "1\n" + "x" * (MAX_LINE + 1) + "\n3\n")
    put(tmp_path, "a.yo", "eins\nzwei\ndrei\n")
    rows, problems = collect(str(tmp_path / "a.{en,yo}"), "moses")
    assert [(row.text, row.target, row.line) for row in rows] == [("1", "eins", 1), ("3", "drei", 3)]
    assert [problem.code for problem in problems] == ["long-line"]


def test_a_line_that_is_empty_on_one_side_is_a_warning(tmp_path: Path) -> None:
    put(tmp_path, "a.en", "1\n\n\n4\n")
    put(tmp_path, "a.yo", "\n2\n\n4\n")
    rows, problems = collect(str(tmp_path / "a.{en,yo}"), "moses")
    assert [(row.text, row.target) for row in rows] == [("1", None), ("", "2"), ("", None), ("4", "4")]
    assert [(problem.line, problem.what, problem.warning) for problem in problems] == [
        (1, "the target is empty, the source is not", True), (2, "the source is empty, the target is not", True),
    ]  # fmt: skip


def test_one_file_is_not_enough_for_moses(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is one file") as caught:
        read(tmp_path, "a.en", "x\n", fmt="moses")
    assert "'train.{en,yo}'" in caught.value.hint
    put(tmp_path, "b.en", "x\n")
    with pytest.raises(InputError, match=r"no file `.*b.yo`"):
        collect(str(tmp_path / "b.{en,yo}"), "moses")


def test_parts_of_a_path(tmp_path: Path) -> None:
    assert parts("d/a.{en,yo}.gz") == ["d/a.en.gz", "d/a.yo.gz"]
    for path in ("a.en", "a.{en}", "a.{en,}", "-", "{a,b}.{c,d}"):
        assert parts(path) == [path]
    path = put(tmp_path, "a.{en,yo}", "x")
    assert parts(path) == [path]


# -- text


def test_each_line_of_a_text_is_a_source(tmp_path: Path) -> None:
    found = read(tmp_path, "a.txt", "Hello\n\nYes")
    assert [(row.id, row.text, row.target, row.line) for row in found] == [
        ("1", "Hello", None, 1), ("2", "", None, 2), ("3", "Yes", None, 3),
    ]  # fmt: skip


ANSWERS = [
    PairRow("a", "Hello", "Habari", score=-0.25, others=(("Habari", -0.25), ("Hu ||| jambo", -1.0))),
    PairRow("b", "", None, extra={"tgt1": "old", "k": "v"}),
]


def test_targets_are_written_one_a_line() -> None:
    assert (
        dump([PairRow("1", "x", "a\r\nb\x85c\n"), PairRow("2", "y"), PairRow("3", "z", "d")], "text") == "a b c \n\nd\n"
    )
    assert dump(ANSWERS, "text", 2) == "0 ||| Habari ||| -0.2500\n0 ||| Hu | | | jambo ||| -1.0000\n1 |||  ||| 0.0000\n"


def test_answers_stand_in_tables_with_their_scores() -> None:
    assert dump(ANSWERS, "tsv", 1) == "src\ttgt\tscore\nHello\tHabari\t-0.2500\n\t\t\n"
    assert dump(ANSWERS, "tsv", 2).splitlines() == [
        "src\ttgt\tscore\ttgt1\tscore1\ttgt2\tscore2",
        "Hello\tHabari\t-0.2500\tHabari\t-0.2500\tHu ||| jambo\t-1.0000",
        "\t\t\t\t\t\t",
    ]


def test_older_answers_in_a_table_are_no_references_and_give_way(tmp_path: Path) -> None:
    (row, _) = read(tmp_path, "a.tsv", dump(ANSWERS, "tsv", 2))
    assert (row.target, row.references, row.extra["tgt2"]) == ("Habari", (), "Hu ||| jambo")
    assert dump([replace(row, target="new", score=0.0)], "tsv", 1) == "src\ttgt\tscore\nHello\tnew\t0.0000\n"


def test_answers_in_json(tmp_path: Path) -> None:
    first, second = (json.loads(line) for line in dump(ANSWERS, "jsonl", 2).splitlines())
    assert first == {
        "id": "a", "src": "Hello", "tgt": "Habari", "score": -0.25,
        "nbest": [{"tgt": "Habari", "score": -0.25}, {"tgt": "Hu ||| jambo", "score": -1.0}],
    }  # fmt: skip
    assert second == {"id": "b", "src": "", "nbest": [], "tgt1": "old", "k": "v"}
    (row, _) = read(tmp_path, "a.jsonl", dump(ANSWERS, "jsonl", 2))
    again = json.loads(dump([replace(row, target="new", score=0.5)], "jsonl", 1))
    assert again == {"id": "a", "src": "Hello", "tgt": "new", "score": 0.5}


def test_only_the_best_asked_for_are_written() -> None:
    assert dump(ANSWERS[:1], "jsonl").count("nbest") == 0
    row = replace(ANSWERS[0], others=tuple((str(n), -float(n)) for n in range(5)))
    assert len(json.loads(dump([row], "jsonl", 3))["nbest"]) == 3
    assert dump([row], "text", 3).count("\n") == 3
    assert dump([row], "tsv", 3).splitlines()[0].endswith("tgt3\tscore3")


def test_predictions_stream() -> None:
    """A row is written before the next one is asked for."""
    file = io.StringIO()

    def rows() -> Iterator[PairRow]:
        for number in range(3):
            assert file.getvalue().count(f"row {number - 1}") == (number > 0)
            yield PairRow(str(number), f"row {number}", "x", score=0.0)

    for fmt in formats.WRITE["pairs"]:
        if fmt != "text":
            file = io.StringIO()
            formats.named(fmt, "pairs").write(rows(), file, best=1)


# -- there and back

_SIGNS = st.characters(codec="utf-8", exclude_characters="\0\t\n\r\ufffd")
_TEXT = st.text(_SIGNS, min_size=1, max_size=12)


@st.composite
def _rows(draw: st.DrawFn) -> list[PairRow]:
    langs = draw(st.sampled_from([("", ""), ("eng", "hin-eng"), ("eng_Latn", "")]))
    count = draw(st.integers(1, 5))
    return [
        PairRow(
            str(number),
            draw(st.text(_SIGNS, max_size=12)),
            draw(st.none() | _TEXT),
            *langs,
            {"k": draw(_TEXT)},
            references=tuple(draw(st.lists(_TEXT, max_size=2))),
        )
        for number in range(1, count + 1)
    ]


def _bare(rows: list[PairRow]) -> list[PairRow]:
    return [replace(row, line=0, extra={"k": row.extra["k"]}) for row in rows]


@pytest.mark.parametrize("fmt", ["tsv", "jsonl"])
@given(rows=_rows())
def test_what_is_written_reads_back(tmp_path_factory: pytest.TempPathFactory, fmt: str, rows: list[PairRow]) -> None:
    folder = tmp_path_factory.mktemp("pairs", numbered=True)
    first = read(folder, "a", dump(rows, fmt), fmt=fmt)
    assert _bare(first) == _bare(rows)
    assert read(folder, "a", dump(first, fmt), fmt=fmt) == first


@given(targets=st.lists(st.text(_SIGNS, max_size=12), min_size=1, max_size=5))
def test_targets_come_back_as_lines(tmp_path_factory: pytest.TempPathFactory, targets: list[str]) -> None:
    written = dump([PairRow(str(n), "x", target or None) for n, target in enumerate(targets)], "text")
    assert written.count("\n") == len(targets)
    assert len(read(tmp_path_factory.mktemp("lines"), "a.txt", written)) == len(targets)
