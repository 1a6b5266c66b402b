"""What is odd about labels and texts, within a file and across files."""

from __future__ import annotations

import pytest

from nlpkit.data import check_texts
from nlpkit.data.rows import TextRow


def rows(*pairs: tuple[str, str | None]) -> list[TextRow]:
    return [TextRow(str(n), text, (label,) if label else None, line=n) for n, (text, label) in enumerate(pairs, 2)]


def codes(*pairs: tuple[str, str | None]) -> list[str]:
    return [problem.code for problem in check_texts.problems("f", rows(*pairs))]


@pytest.mark.parametrize(
    ("rare", "frequent", "typo"),
    [
        ("postive", "positive", True),
        ("Positive", "positive", True),
        ("non-irony", "non_irony", True),
        ("neutarl", "neutral", True),
        ("irony", "non_irony", False),
        ("class1", "class2", False),
        ("joy", "toy", False),
        ("negative", "positive", False),
    ],
)
def test_typos_of_labels(rare: str, frequent: str, typo: bool) -> None:
    many = [(f"text {n}", frequent) for n in range(30)]
    found = codes(*many, ("another", rare))
    assert ("label-typo" in found) == typo


def test_empty_texts_and_contradictions_name_their_lines() -> None:
    found = list(check_texts.problems("f", rows(("a b c", "x"), (" \t", "x"), ("A b  c", "y"), ("d", None))))
    assert [(problem.code, problem.line) for problem in found] == [("empty-text", 3), ("contradiction", 4)]
    assert "`y` here and `x` on line 2" in found[1].what


def test_near_copies_are_found_across_files() -> None:
    long = "The quick brown fox jumps over the lazy dog near the old river bank"
    first = rows((long, "x"), ("something else entirely is written here", "x"), ("ok", "x"))
    second = rows(
        (f"@user {long.upper()}!!! https://a.b/c", "x"),
        (long.replace("lazy", "lazier"), "y"),
        ("another text that nobody has seen before", "x"),
        ("ok", "y"),
    )
    found = check_texts.near(first, second)
    assert [(row.line, copy.line) for row, copy, _ in found] == [(2, 2), (3, 2)]
    assert found[0][2] == 1.0
    ((where, problem),) = check_texts.across([("train", first), ("test", second)])
    assert (where, problem.line) == ("test", 2)
    assert "2 of 4 texts are nearly (or, 0, quite) in `train` too" in problem.what
    assert list(check_texts.across([("train", first)])) == []
