"""What is odd about pairs, within a file and across files."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlpkit.data import check_pairs
from nlpkit.data.check import check, check_all
from nlpkit.data.files import Problem
from nlpkit.data.rows import PairRow

from .test_filters import rows
from .test_languages import LONG, Identify

GOOD = [(f"This is sentence number {n}, said here", f"Hii ni sentensi ya namba {n}, hapa") for n in range(30)]


def problems(*pairs: tuple[str, str | None], **langs: str) -> list[Problem]:
    return list(check_pairs.problems("f", rows(*pairs, **langs), Identify()))


def only(*pairs: tuple[str, str | None], **langs: str) -> tuple[str, int, str]:
    (problem,) = problems(*pairs, **langs)
    assert problem.warning
    assert problem.fix
    return problem.code, problem.line, problem.what


def test_good_pairs_and_sources_alone_are_not_odd() -> None:
    assert problems(*GOOD) == []
    assert problems(*[(text, None) for text, _ in GOOD], ("", None)) == []
    assert problems() == []


def test_empty_sides() -> None:
    assert only(*GOOD, ("a", None), ("", "b"), ("c", " ")) == (
        "empty-side", 31, "3 pairs are empty on a side, first that of line 31",
    )  # fmt: skip


def test_lengths_that_do_not_go_together() -> None:
    code, line, what = only(*GOOD, ("This is a sentence of usual length", "x"), ("Short.", "Fupi " * 40))
    assert (code, line) == ("length-ratio", 31)
    assert what.startswith("2 pairs have sides whose lengths do not go together (usual is 0.8")
    assert problems(*GOOD[:5], ("a", "b" * 100)) == []  # five pairs do not say what is usual
    noisy = [(f"{n:030}", "y" * (15 + 4 * n)) for n in range(30)]
    assert problems(*noisy) == []


def test_copies() -> None:
    assert only(*GOOD, ("Jos", "JOS ")) == ("copy", 31, "1 pair has two equal sides, first that of line 31")


def test_pairs_that_come_again_and_sources_with_another_target() -> None:
    found = problems(*GOOD, GOOD[3], (GOOD[4][0] + " ", "Nyingine kabisa, yaani tofauti"), GOOD[3])
    assert [(problem.code, problem.line, problem.what[:2]) for problem in found] == [
        ("repeated", 31, "2 "), ("other-target", 32, "1 "),
    ]  # fmt: skip


def test_html_and_control_characters() -> None:
    code, line, what = only(*GOOD, ("{A} &quot;b&quot;", "c <i>d</i>"), ("a", "<br/>"))
    assert (code, line, what) == ("html", 31, "2 pairs hold HTML, first that of line 31: `&quot;`")
    assert only(*GOOD, ("a", "b\x07c"))[:2] == ("control", 31)


def test_sides_in_another_language() -> None:
    pair = ("Hello" + LONG, "habari" + LONG)
    assert problems(pair, lang="eng", target_lang="swh") == []
    assert only(pair, pair[::-1], lang="eng", target_lang="swh") == (
        "other-language", 2,
        "1 pair has a side that is not in its language, first that of line 2: `swh_Latn`, not `eng`",
    )  # fmt: skip
    assert list(check_pairs.problems("f", rows(pair[::-1], lang="eng"))) == []


def test_sides_that_stand_in_an_earlier_file() -> None:
    train = rows(("Hello there!", "Habari"), ("Yes", "Ndiyo"), ("कि", "x"), lang="eng", target_lang="swh")
    test = [
        PairRow("1", "new", "HABARI.", "eng_Latn", "swh", line=1),
        PairRow("2", "Habari", "hello, there", "swh", "eng", line=2),
        PairRow("3", "new too", "mpya", "eng", "swh", line=3, references=("ndiyo",)),
        PairRow("4", "का", "", "eng", "swh", line=4),
        PairRow("5", "ndiyo", "...", "deu", "swh", line=5),
    ]
    ((where, problem),) = check_pairs.across([("train", train), ("test", test)])
    assert (where, problem.line, problem.code) == ("test", 1, "overlap")
    assert problem.what == "3 of 5 pairs have a side that stands in `train` too, first that of line 1"
    assert list(check_pairs.across([("train", train)])) == []


def test_a_file_is_checked_as_a_whole(tmp_path: Path) -> None:
    table = tmp_path / "a.tsv"
    lines = [
        "src\ttgt\ttgt_lang",
        *(f"{text}\t{target}\tswh" for text, target in GOOD),
        "cafe\u0301\tkahawa\u0301\tswh",
    ]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = check(str(table), "tsv", {}, kind="pairs", langs=("eng", "zul"))
    assert (found.rows, found.tokens, found.target_tokens) == (31, 211, 211)
    assert (dict(found.langs), dict(found.labels)) == ({"eng > swh": 31}, {})
    assert found.as_dict()["target_tokens"] == 211
    ((code, what),) = [(problem.code, problem.what) for problem in found.problems]
    assert (code, what.startswith("2 tokens are not in NFC")) == ("form", True)
    again = check_all([(str(table), "tsv", {}, "auto", "mixed", "pairs", ("", ""))] * 2, Identify())
    for findings, codes in zip(again, ([], ["overlap"]), strict=True):
        assert [problem.code for problem in findings.problems if problem.code != "other-language"] == codes
        assert "other-language" in {problem.code for problem in findings.problems}


def test_unequal_files_are_told_once(tmp_path: Path) -> None:
    (tmp_path / "a.en").write_text("Hello\n\nYes\n")
    (tmp_path / "a.sw").write_text("Habari\nx\n")
    found = check(str(tmp_path / "a.{en,sw}"), "moses", {}, kind="pairs")
    assert [(problem.code, problem.line, problem.warning) for problem in found.problems] == [
        ("empty-side", 2, True), ("unequal", 3, False),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["a.tsv", "a.jsonl"])
def test_a_file_without_rows_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    (problem,) = check(str(tmp_path / name), name[2:], {}, kind="pairs").errors
    assert problem.code == "no-rows"
