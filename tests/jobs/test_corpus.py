"""Sorting a corpus by language: files that are whole or not there, shards, names that are no paths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nlpkit.data.rows import TextRow
from nlpkit.errors import InputError
from nlpkit.jobs import corpus
from nlpkit.jobs.langid import Answer


def found() -> Iterator[tuple[TextRow, Answer]]:
    for number in range(200):
        label = f"l{number % 100:02}_Latn"
        yield TextRow(str(number), f"line {number}", line=number), Answer(label, 1.0, "Latn")


def test_split_writes_every_line_once_with_more_labels_than_open_files(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    counts = corpus.split(found(), folder, corpus.Shard())
    assert counts is not None
    assert counts.total() == 200
    lines = [line for path in folder.glob("*.txt") for line in path.read_text().splitlines()]
    assert sorted(lines) == sorted(row.text for row, _ in found())
    assert (folder / "l07_Latn.txt").read_text() == "line 7\nline 107\n"
    assert (folder / "_DONE").is_file()
    assert corpus.split(found(), folder, corpus.Shard()) is None
    assert not list(folder.glob(".part*"))


def test_a_stopped_split_leaves_nothing_half_written_and_begins_again(tmp_path: Path) -> None:
    def stopped() -> Iterator[tuple[TextRow, Answer]]:
        for number, pair in enumerate(found()):
            if number == 90:
                raise KeyboardInterrupt
            yield pair

    folder = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        corpus.split(stopped(), folder, corpus.Shard())
    assert not list(folder.glob("*.txt"))
    assert corpus.split(found(), folder, corpus.Shard()).total() == 200  # type: ignore[union-attr]
    assert (folder / "l07_Latn.txt").read_text() == "line 7\nline 107\n"


def test_a_folder_of_others_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(InputError, match="is not empty"):
        corpus.split(found(), tmp_path, corpus.Shard())
    with pytest.raises(InputError, match="is not empty"):
        corpus.split(found(), tmp_path, corpus.Shard(1, 2))


def test_a_folder_of_another_question_is_refused(tmp_path: Path) -> None:
    assert corpus.split(found(), tmp_path / "a", corpus.Shard(), "one") is not None
    assert corpus.split(found(), tmp_path / "a", corpus.Shard(), "one") is None
    with pytest.raises(InputError, match="of other files or options"):
        corpus.split(found(), tmp_path / "a", corpus.Shard(), "two")
    with pytest.raises(InputError, match="is not empty"):
        corpus.split(found(), tmp_path / "a", corpus.Shard(1, 3))


@pytest.mark.parametrize("label", ["../evil", "a/b", ".hidden", "", "x" * 300])
def test_a_label_that_is_no_file_name_is_refused(tmp_path: Path, label: str) -> None:
    rows = [(TextRow("1", "x"), Answer(label, 1.0, "Latn"))]
    with pytest.raises(InputError, match="is no file name"):
        corpus.split(rows, tmp_path / "out", corpus.Shard())
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_text_of_several_lines_stays_one_line(tmp_path: Path) -> None:
    rows = [(TextRow("1", "a\tb\nc\r"), Answer("eng_Latn", 1.0, "Latn"))]
    corpus.split(rows, tmp_path / "out", corpus.Shard())
    assert (tmp_path / "out" / "eng_Latn.txt").read_text() == "a b c \n"


def test_shards_part_the_rows(tmp_path: Path) -> None:
    rows = [row for row, _ in found()]
    parts = [list(corpus.Shard.parse(f"{n}/3").rows(rows)) for n in (1, 2, 3)]
    assert sorted((row for part in parts for row in part), key=lambda row: row.line) == rows
    for number in (1, 2):
        shard = corpus.Shard(number, 2)
        assert corpus.split(((r, a) for r, a in found() if r.line % 2 == number - 1), tmp_path, shard) is not None
        assert corpus.split(found(), tmp_path, shard) is None
    assert {path.name for path in tmp_path.glob("_DONE*")} == {"_DONE.1-of-2", "_DONE.2-of-2"}
    assert (tmp_path / "l07_Latn.2-of-2.txt").read_text() == "line 7\nline 107\n"
    for bad in ("0/2", "3/2", "1", "a/b", "1/0"):
        with pytest.raises(InputError, match="is not I/N"):
            corpus.Shard.parse(bad)


def test_a_filtered_file_appears_whole(tmp_path: Path) -> None:
    out = tmp_path / "kept.txt"
    counts = corpus.keep_whole(found(), ["l03_Latn"], out, corpus.Shard())
    assert counts == {"kept": 2, "dropped": 198}
    assert out.read_text() == "line 3\nline 103\n"
    assert corpus.keep_whole(found(), ["l03_Latn"], out, corpus.Shard()) is None
