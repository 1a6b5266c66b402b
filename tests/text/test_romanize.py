"""Devanagari into Latin letters: by rule, as people type it, and never the rest of a text."""

from __future__ import annotations

import gzip
import json
import random
import unicodedata
from pathlib import Path

import pytest

from nlpkit.errors import InputError
from nlpkit.text.romanize import Spellings, plain, romanize, shipped, to_latin, units, variants

SENTENCES = [
    [("है", "hai"), ("नहीं", "nahi"), ("वह", "wo")],
    [("है", "hai"), ("नहीं", "nahi"), ("लड़का", "ladka")],
    [("है", "he"), ("नहीं", "nahin"), ("यह", "yah")],
]


@pytest.mark.parametrize(
    ("word", "latin"),
    [
        ("मतलब", "matlab"),
        ("समझते", "samajhte"),
        ("लड़का", "ladka"),
        ("अच्छा", "accha"),
        ("पुस्तकों", "pustakon"),
        ("धन्यवाद", "dhanyavad"),
        ("मित्र", "mitra"),
        ("प्रिय", "priya"),
        ("समय", "samay"),
        ("ज्ञान", "gyan"),
        ("लंबा", "lamba"),
        ("हिंदी", "hindi"),
        ("हूँ", "hun"),
        ("ज़मीन", "zamin"),
        ("दुःख", "duhkh"),
        ("पढ़ना", "padhna"),
        ("न", "na"),
        ("ऋषि", "rishi"),
        ("कॉफी", "kophi"),
    ],
)
def test_words_by_rule(word: str, latin: str) -> None:
    assert plain(word) == latin
    assert romanize(word, style="plain") == latin


def test_units_of_a_word() -> None:
    assert units("लड़का") == ["ल", "a+", "ड\u093c", "a-", "क", "ा"]
    assert units("ज्ञान") == ["ज्ञ", "ा", "न", "a-"]


@pytest.mark.parametrize("style", ["plain", "typed"])
@pytest.mark.parametrize("word", ["ज़्यादा", "लड़की", "फ़िल्म", "क्\u200dया", "ऩ"])
def test_one_spelling_whatever_the_normal_form(word: str, style: str) -> None:
    forms = {unicodedata.normalize(form, word) for form in ("NFC", "NFD", "NFKC", "NFKD")} | {
        word.replace("\u200d", "")
    }
    assert len({romanize(form, style=style) for form in forms}) == 1


def test_only_devanagari_is_changed() -> None:
    assert romanize("") == ""
    text = "Hello, this costs ₹5 \U0001f600 — Привет مرحبا\n\tok"
    assert romanize(text) == text
    assert romanize("Movie देखो, ok?", style="plain") == "Movie dekho, ok?"
    assert romanize("मैं २०२४ में।", style="plain") == "main 2024 men."
    assert romanize("१००") == "100"


def test_every_letter_has_a_latin_one() -> None:
    for char in map(chr, (*range(0x901, 0x93A), *range(0x93E, 0x94E), *range(0x958, 0x962), *range(0x966, 0x971))):
        assert romanize(char, style="plain").isascii(), unicodedata.name(char)


def test_an_unknown_style_is_an_error() -> None:
    with pytest.raises(ValueError, match="style"):
        romanize("है", style="loud")


def test_known_words_are_typed_as_people_do() -> None:
    assert romanize("क्या आप मूवी देख रहे हो?") == "kya aap movie dekh rahe ho?"
    assert romanize("कंप्यूटर") == "computer"
    assert romanize("मुझे बहुत पसंद है") == "mujhe bahut pasand hai"


def test_learned_spellings_follow_the_typist() -> None:
    learned = Spellings.learn(SENTENCES * 20, typists=2)
    assert learned.spell(["वह"] * 9 + ["है", "नहीं"])[-2:] == ["hai", "nahi"]
    assert learned.spell(["यह"] * 9 + ["है", "नहीं"])[-2:] == ["he", "nahin"]
    drawn = [learned.spell(["है", "नहीं"], random.Random(seed)) for seed in range(20)]
    assert sum(pair in (["hai", "nahi"], ["he", "nahin"]) for pair in drawn) >= 18  # a typist is drawn, and keeps to it


def test_counts_are_probabilities_and_unknown_words_are_spelled() -> None:
    learned = Spellings.from_counts([("है", "hai", 3), ("है", "he", 1), ("का", "ka", 2)])
    assert learned.variants("है") == [("hai", pytest.approx(0.75)), ("he", pytest.approx(0.25))]
    assert learned.variants("है", 1) == [("hai", pytest.approx(0.75))]
    assert "है" in learned
    assert "काला" not in learned
    assert learned.spell(["काला"]) == ["kala"]
    found = variants("खिलाड़ियों", 6)
    assert len(found) == 6
    assert [chance for _, chance in found] == sorted((chance for _, chance in found), reverse=True)
    assert sum(chance for _, chance in variants("खिलाड़ियों", 1000)) == pytest.approx(1.0)


def test_the_same_every_time(tmp_path: Path) -> None:
    first, second = Spellings.learn(SENTENCES), Spellings.learn(SENTENCES)
    first.save(tmp_path / "a.json.gz")
    second.save(tmp_path / "b.json.gz")
    assert (tmp_path / "a.json.gz").read_bytes() == (tmp_path / "b.json.gz").read_bytes()
    again = Spellings.load(tmp_path / "a.json.gz")
    assert (again.words, again.shares) == (first.words, first.shares)
    text = "मैं नहीं जानता कि वह कहाँ है"
    assert romanize(text) == romanize(text)
    assert romanize(text, rng=random.Random(5)) == romanize(text, rng=random.Random(5))
    assert len({romanize(text, rng=random.Random(seed)) for seed in range(20)}) > 3


def test_files_and_input_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "x.json.gz").write_bytes(b"no")
    for name in ("x.json.gz", "absent.json.gz"):
        with pytest.raises(InputError, match="no spellings"):
            Spellings.load(tmp_path / name)
    with pytest.raises(InputError):
        Spellings.learn([])


def test_what_ships_is_small() -> None:
    path = Path(__file__).parents[2] / "nlpkit" / "assets" / "romanize" / "hin.json.gz"
    assert path.stat().st_size < 100_000
    assert len(shipped().words) > 500


@pytest.mark.parametrize(
    ("text", "latin"),
    [
        ("ਪੰਜਾਬੀ", "panjabi"),
        ("ਪੱਕਾ", "pakka"),
        ("ગુજરાત", "gujrat"),
        ("தமிழ்", "tamil"),
        ("తెలుగు", "telugu"),
        ("ಕನ್ನಡ", "kannada"),
        ("മലയാളം", "malayalam"),
        ("বাংলা ২৫", "banla 25"),
        ("کتاب", "ktab"),
        ("كبير", "kbir"),
        ("نور", "nor"),
        ("٢٥", "25"),
        ("हिंदी English", "hindi English"),
        ("", ""),
    ],
)
def test_other_scripts_by_plain_rules(text: str, latin: str) -> None:
    assert to_latin(text) == (latin, 0)


def test_what_cannot_be_written_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlpkit.text.romanize.latin._uroman", lambda: None)
    assert to_latin("日本 ok") == ("日本 ok", 2)


@pytest.mark.slow
def test_spellings_of_sentences_not_seen(shared: Path) -> None:
    with gzip.open(shared / "translate" / "eng-hinglish" / "lid.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    sentences = [
        [
            (deva, typed.lower())
            for deva, typed, lang in zip(row["deva"], row["tokens"], row["lid"], strict=True)
            if lang == "hi" and typed.isascii() and all("\u0900" <= char <= "\u097f" for char in deva)
        ]
        for row in rows
    ]
    random.Random(0).shuffle(sentences)
    test = sentences[::4]
    learned = Spellings.learn((row for at, row in enumerate(sentences) if at % 4), starts=1)
    pairs = [
        (spelt, typed)
        for row in test
        for spelt, (_, typed) in zip(learned.spell([deva for deva, _ in row]), row, strict=True)
    ]
    assert len(pairs) > 1000
    assert sum(spelt == typed for spelt, typed in pairs) / len(pairs) >= 0.76
