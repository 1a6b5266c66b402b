from __future__ import annotations

import unicodedata
from pathlib import Path

from nlpkit.data.seen import FILE, Seen


def test_it_knows_what_it_saw_in_any_normal_form(tmp_path: Path) -> None:
    words = ["Ọlọ́run", "home", "Dodoma", "नमस्ते"]
    (tmp_path / FILE).write_bytes(Seen.of([words[:2], words[2:]]).to_bytes())
    seen = Seen.load(tmp_path)
    assert seen is not None
    assert all(seen(unicodedata.normalize(form, word)) for word in words for form in ("NFC", "NFD"))
    assert not any(map(seen, ["", "dodoma", "hom", "homes", "\ud800"]))
    assert (tmp_path / FILE).stat().st_size == 4 * len(words)


def test_no_file_or_a_cut_one_means_that_nothing_is_known(tmp_path: Path) -> None:
    assert Seen.load(tmp_path) is None
    (tmp_path / FILE).write_bytes(b"123")
    assert Seen.load(tmp_path) is None
