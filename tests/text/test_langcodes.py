from __future__ import annotations

import pytest

from nlpkit.errors import InputError
from nlpkit.text.langcodes import bcp47, known, parse


@pytest.mark.parametrize(
    ("text", "code"),
    [("swh_Latn", "swh_Latn"), ("sw", "swh_Latn"), ("swa", "swh_Latn"), ("Swahili", "swh_Latn"), ("hi", "hin_Deva"),
     ("HAUSA", "hau_Latn"), ("ara", "arb_Arab"), ("xyz_Latn", "xyz_Latn")],
)  # fmt: skip
def test_spellings(text: str, code: str) -> None:
    assert parse(text) == code


def test_ambiguity_names_the_choices() -> None:
    with pytest.raises(InputError, match="`hin_Deva` or `hin_Latn`"):
        parse("hin")


def test_nonsense_is_refused() -> None:
    with pytest.raises(InputError, match="no language code"):
        parse("Klingonish")


def test_every_known_code_stands_for_itself() -> None:
    assert all(parse(code) == code for code in known())
    assert bcp47("swh_Latn") == "sw"
    assert bcp47("hin_Latn") == "hi-Latn"
