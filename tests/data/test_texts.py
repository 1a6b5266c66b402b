"""Texts with one label: tables with and without a header, CSV, JSON Lines, CoNLL-U, zst files, chosen rows."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from nlpkit.config.recipe import Source
from nlpkit.data import formats
from nlpkit.data.files import Problem, Strictly, read_lines
from nlpkit.data.load import read_file, require_tags, rows
from nlpkit.data.rows import JSON, TextRow
from nlpkit.errors import InputError


def read(tmp_path: Path, name: str, content: str, fmt: str = "", **columns: int | str) -> list[TextRow]:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8", newline="")
    kind = formats.guess(str(path), "tsv", "texts")
    return list(read_file(str(path), fmt or kind, Strictly(), dict(columns), kind="texts"))


def fault(tmp_path: Path, name: str, content: str, **columns: int | str) -> str:
    with pytest.raises(InputError) as caught:
        read(tmp_path, name, content, **columns)
    return caught.value.message


def test_a_table_with_a_header(tmp_path: Path) -> None:
    found = read(tmp_path, "a.tsv", "text\tlabel\tsource\nHabari\tswh_Latn\tx\n\t\ty\n")
    assert [(row.text, row.label, row.extra, row.line) for row in found] == [
        ("Habari", "swh_Latn", {"source": "x"}, 2), ("", None, {"source": "y"}, 3),
    ]  # fmt: skip
    assert found[0].tags == ("swh_Latn",)
    assert found[1].tags is None


def test_other_names_and_places_without_a_header(tmp_path: Path) -> None:
    found = read(tmp_path, "a.tsv", "n\ttweet\tlang\n1\tHabari\tsw\n", text="tweet", label="lang")
    assert [(row.text, row.label, row.extra) for row in found] == [("Habari", "sw", {"n": "1"})]
    found = read(tmp_path, "b.tsv", "Habari\tsw\nHello\ten\n", text=0, label=1)
    assert [(row.text, row.label) for row in found] == [("Habari", "sw"), ("Hello", "en")]


@pytest.mark.parametrize(
    ("content", "columns", "told"),
    [
        ("tweet\tlabel\nx\ty\n", {}, "a.tsv:1: no column `text`, there are `tweet`, `label`"),
        ("text\tx\nx\ty\n", {"label": "klass"}, "a.tsv:1: no column `klass`"),
        ("text\tlabel\nx\n", {}, "a.tsv:2: 1 column, 2 in the first line"),
        ("text\tlabel\tcount\nx\ty\tmany\n", {}, "a.tsv:2: the count `many` is no number above 0"),
    ],
)
def test_faults_name_file_and_line(tmp_path: Path, content: str, columns: dict[str, int | str], told: str) -> None:
    assert told in fault(tmp_path, "a.tsv", content, **columns)


def test_csv_with_quotes_commas_and_line_breaks(tmp_path: Path) -> None:
    found = read(tmp_path, "a.csv", 'text,label\n"Hello, ""you""\nthere",en\nHabari,sw\n')
    assert [(row.text, row.label, row.line) for row in found] == [('Hello, "you"\nthere', "en", 3), ("Habari", "sw", 4)]
    assert "a.csv:2: no CSV" in fault(tmp_path, "a.csv", 'text,label\n"x" y,en\n')


def test_json_lines(tmp_path: Path) -> None:
    found = read(
        tmp_path, "a.jsonl", '{"id": 7, "text": "Habari", "label": "sw", "n": 1, "s": "x"}\n{"text": "x", "label": 3}\n'
    )
    assert (found[0].id, found[0].extra["s"], found[1].label) == ("7", "x", "3")
    assert "a.jsonl:1: no string `text`" in fault(tmp_path, "a.jsonl", '{"tweet": "x"}\n')
    assert "a.jsonl:1: `label` is no string" in fault(tmp_path, "a.jsonl", '{"text": "x", "label": [true]}\n')
    assert "a.jsonl:2: not JSON" in fault(tmp_path, "a.jsonl", '{"text": "x"}\n{"text": \n')


def test_sentences_of_conllu_by_a_comment(tmp_path: Path) -> None:
    block = "# text = Habari ya leo\n# lang = swh_Latn\n# sentiment = positive\n" + "".join(
        f"{n}\t{word}" + "\t_" * 8 + "\n" for n, word in enumerate(["Habari", "ya", "leo"], 1)
    )
    (row,) = read(tmp_path, "a.conllu", block + "\n")
    assert (row.text, row.label) == ("Habari ya leo", "swh_Latn")
    (row,) = read(tmp_path, "a.conllu", block + "\n", label="sentiment")
    assert row.label == "positive"


@pytest.mark.parametrize("fmt", formats.WRITE["texts"])
def test_what_is_written_reads_back(tmp_path: Path, fmt: str) -> None:
    given = [
        TextRow("1", 'Hello, "you"', ("en",), extra={"source": "x"}, scores=(0.5,)),
        TextRow("2", "", None, extra={"source": "y"}),
    ]
    file = io.StringIO()
    formats.named(fmt, "texts").write(iter(given), file)
    found = read(tmp_path, f"a.{fmt}", file.getvalue())
    assert [(row.text, row.label, row.extra["source"]) for row in found] == [
        ('Hello, "you"', "en", "x"),
        ("", None, "y"),
    ]


def test_a_table_refuses_what_it_cannot_hold() -> None:
    with pytest.raises(InputError, match="a sign that tsv cannot hold"):
        formats.named("tsv", "texts").write([TextRow("1", "a\tb", ("x",))], io.StringIO())
    with pytest.raises(InputError, match="a table cannot hold"):
        formats.named("tsv", "texts").write([TextRow("1", "a", ("x",), extra={JSON: "{}"})], io.StringIO())


def source(tmp_path: Path, content: str, **more: object) -> list[TextRow]:
    (tmp_path / "a.tsv").write_text(content, encoding="utf-8")
    found = rows(Source.model_validate({"files": [str(tmp_path / "a.tsv")], **more}), kind="texts")
    return list(found.rows)


def test_rows_are_chosen_labeled_and_rid_of_words(tmp_path: Path) -> None:
    table = "text\tenglish\tsource\nyeh movie acchi hai\tThis Movie is good\ta\nkal milte hain\tsee you\tb\n"
    found = source(tmp_path, table, where={"source": ["a"]}, without="english", label="hin_Latn")
    assert [(row.text, row.label) for row in found] == [("yeh acchi hai", "hin_Latn")]
    with pytest.raises(InputError, match="no column is called `sorce`; did you mean `source`"):
        source(tmp_path, table, where={"sorce": ["a"]})
    with pytest.raises(InputError, match="has a label of its own"):
        source(tmp_path, "text\tlabel\nx\ty\n", label="z")
    with pytest.raises(InputError, match="the train rows have no labels"):
        require_tags(list(source(tmp_path, "text\nx\n")), "train")


def test_a_word_far_more_often_on_the_other_side_is_dropped_everywhere(tmp_path: Path) -> None:
    lines = ["text\tenglish"] + ["haan movie\tyes"] + ["haan\tmovie"] * 11
    assert {row.text for row in source(tmp_path, "\n".join(lines) + "\n", without="english", label="x")} == {"haan"}


@pytest.fixture
def packed(tmp_path: Path) -> Callable[[bytes], list[tuple[int, str]]]:
    def lines(content: bytes) -> list[tuple[int, str]]:
        (tmp_path / "f.zst").write_bytes(content)
        return list(read_lines(str(tmp_path / "f.zst"), Strictly()))

    return lines


def test_zst_files_are_read(packed: Callable[[bytes], list[tuple[int, str]]]) -> None:
    text = "".join(f"line {n}\n" for n in range(50_000)).encode()
    pack = zstandard.ZstdCompressor().compress
    assert [line for _, line in packed(pack(text))] == text.decode().splitlines()
    assert [line for _, line in packed(pack(b"a\n") + pack(b"") + pack(b"b\n"))] == ["a", "b"]


def test_a_cut_zst_file_is_an_error_where_it_ends(tmp_path: Path) -> None:
    content = zstandard.ZstdCompressor().compress(b"".join(b"%d\n" % (n * 7919) for n in range(200_000)))
    (tmp_path / "f.zst").write_bytes(content[: len(content) // 2])
    problems: list[Problem] = []
    found = list(read_lines(str(tmp_path / "f.zst"), problems.append))
    assert 0 < len(found) < 200_000
    assert [problem.code for problem in problems][-1:] == ["gzip"]
    (tmp_path / "f.zst").write_bytes(b"\x28\xb5\x2f\xfdnot zstd at all")
    with pytest.raises(InputError, match="broken or cut off"):
        list(read_lines(str(tmp_path / "f.zst"), Strictly()))


def test_counts_of_json_are_read_and_checked(tmp_path: Path) -> None:
    (row,) = read(tmp_path, "a.jsonl", '{"text": "ni", "label": "yor_Latn", "count": 5}\n')
    assert row.extra["count"] == "5"
    for bad in ('"x"', "0", "-1", "true"):
        assert "no number above 0" in fault(tmp_path, "a.jsonl", f'{{"text": "ni", "count": {bad}}}\n')


def test_zst_that_grows_ten_thousand_times_stays_small(tmp_path: Path) -> None:
    import tracemalloc

    (tmp_path / "f.zst").write_bytes(zstandard.ZstdCompressor().compress(b"the same line\n" * 3_000_000))
    tracemalloc.start()
    count = sum(1 for _ in read_lines(str(tmp_path / "f.zst"), Strictly()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 3_000_000
    assert peak < 60_000_000


def test_a_label_is_renamed_whole(tmp_path: Path) -> None:
    found = source(tmp_path, "text\tlabel\na b\tnot-offensive\nc d\toffensive\n", rename={"offensive": "OFF"})
    assert [row.label for row in found] == ["not-offensive", "OFF"]
