from __future__ import annotations

import pytest

from nlpkit.data.tokenize import for_language
from nlpkit.text.tokens import words


@pytest.mark.parametrize(
    ("lang", "text", "expected"),
    [
        ("eng_Latn", "I don't  know.", ["I", "do", "n't", "know", "."]),
        ("fra_Latn", "L'homme est là.", ["L'", "homme", "est", "là", "."]),
        ("swh_Latn", "Ng'ombe wa Rais.", ["Ng'ombe", "wa", "Rais", "."]),
        ("hin_Deva", "सुनीता आई।", ["सुनीता", "आई", "।"]),
        ("", "don't", ["don't"]),
        ("qqq_Latn", "a b.", ["a", "b", "."]),
    ],
)
def test_words_as_the_language_cuts_them(lang: str, text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in for_language(lang)(text)] == expected


def test_languages_whose_tokenizer_needs_more_fall_back() -> None:
    for lang in ("zho_Hant", "vie_Latn", "jpn_Jpan"):
        assert for_language(lang) is words


def test_blanks_of_any_kind_are_no_words() -> None:
    assert for_language("eng_Latn")(" \u00a0 \t ") == []
    assert for_language("eng_Latn")("") == []
