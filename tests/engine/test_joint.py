from __future__ import annotations

import json
import random
import unicodedata
from pathlib import Path

import pytest
import transformers

from nlpkit.engine import joint
from nlpkit.engine.joint import END, PAD, UNKNOWN, Joint, foreign
from nlpkit.errors import InputError

TEXTS = [
    "The cat sees 1984 dogs, and then?", "(It's) a well-known “test” — isn't it…", "Ọmọ náà ń jẹ ẹ̀bà ní ọjà.",
    "यह बिल्ली है, ठीक है।", "القط يرى الكلب؟ ١٩٨٤", "猫看见了狗。二〇二七年", "고양이가 개를 본다", "кошка видит собаку!",
    "แมวเห็นหมา", "ድመቷ ውሻውን ታያለች።", "😀👩‍👩‍👧 emoji 🇫🇮", "ひらがなカタカナ、漢字", "mixed हिन्दी and English words",
    "price: $5.00 + 3%", "a_b @user #tag http://x.y/z?q=1", "Straße ﬁn ² ½",
    "i̇stanbul İSTANBUL", "e\u0301te\u0301 d\u00e9ja\u0300",
]  # fmt: skip
TAGS = ["<2eng>", "<2hin>"]


@pytest.fixture(scope="module")
def pieces() -> Joint:
    return joint.train(TEXTS * 2, 600, TAGS, symbols=False)


@pytest.fixture(scope="module")
def symbols() -> Joint:
    return joint.train(["c a t", "d o g", "k æ t", "d ɔ g t͡ʃ"], 32, ["<eng>", "<hin>"], symbols=True)


def ids_of(pieces: Joint, text: str) -> list[int]:
    [found] = pieces.sources([text], [""], [""])
    return found


@pytest.mark.parametrize("text", TEXTS)
def test_there_and_back(pieces: Joint, text: str) -> None:
    found = ids_of(pieces, text)
    assert found[-1] == pieces.end
    assert pieces.unknown not in found
    assert pieces.said(found) == pieces.said(found[:-1]) == unicodedata.normalize("NFC", text)
    assert pieces.targets([text], [""]) == [[pieces.pad, *found]]
    assert pieces.bare([text]) == [found[:-1]]


def test_there_and_back_of_any_mixture(pieces: Joint) -> None:
    dice = random.Random(0)
    known = sorted(set(unicodedata.normalize("NFC", "".join(TEXTS))) - {" "})
    for _ in range(300):
        words = ["".join(dice.choices(known, k=dice.randint(1, 8))) for _ in range(dice.randint(1, 5))]
        text = unicodedata.normalize("NFC", " ".join(words))
        if set(text) <= {*known, " "}:  # two that meet may compose to one that was never seen
            assert pieces.said(ids_of(pieces, text)) == text


def test_digits_and_punctuation_stand_alone(pieces: Joint) -> None:
    for piece in pieces.pieces()[len(TAGS) + 2 : -1]:
        marks = [char for char in piece if unicodedata.category(char)[0] == "P" or unicodedata.category(char) == "Nd"]
        assert not marks or len(piece) == 1, piece
    found = [pieces.raw.id_to_token(at) for at in pieces.bare(["cat, 1984!"])[0]]
    assert found[-5:] == ["1", "9", "8", "4", "!"]
    assert "," in found


def test_blanks(pieces: Joint) -> None:
    assert ids_of(pieces, "") == [pieces.end]
    assert pieces.said([]) == pieces.said([pieces.end]) == ""
    assert pieces.said(ids_of(pieces, "cat  dogs")) == "cat  dogs"


@pytest.mark.parametrize("mark", [END, UNKNOWN, PAD, *TAGS])
def test_marks_that_are_typed_are_text(pieces: Joint, mark: str) -> None:
    for text in (mark, f"a {mark} b", f"{mark}{mark}", f"the{mark}cat"):
        found = ids_of(pieces, text)
        marks = {pieces.end, pieces.pad, *(pieces.raw.token_to_id(tag) for tag in TAGS)}
        assert not marks & set(found[:-1])
        assert found.count(pieces.end) == 1
        assert len(found) > len(text.split()) + 1


def test_typed_marks_are_unknown_symbols(symbols: Joint) -> None:
    for mark in (END, PAD, UNKNOWN, "<eng>"):
        assert ids_of(symbols, f"c {mark} t") == [*symbols.bare(["c"])[0], symbols.unknown, *symbols.bare(["t"])[0], 0]
    learned = joint.train(["a </s> <pad> <eng> b"] * 2, 32, ["<eng>"], symbols=True)
    assert learned.pad == len(learned) - 1
    assert ids_of(learned, "a </s> <pad> <eng>")[1:] == [learned.unknown] * 3 + [learned.end]


def test_what_was_never_seen_is_unknown(pieces: Joint, symbols: Joint) -> None:
    assert pieces.unknown in ids_of(pieces, "the ⵣ cat")
    assert ids_of(pieces, "ⵣⵣ").count(pieces.unknown) == 2
    assert pieces.said(ids_of(pieces, "the ⵣ cat")) == "the  cat"
    assert ids_of(symbols, "c x t").count(symbols.unknown) == 1


@pytest.mark.parametrize("size", [40, 300, 5000])
def test_pad_is_the_last(size: int) -> None:
    found = joint.train(TEXTS * 2, size, TAGS, symbols=False)
    assert found.pad == len(found) - 1
    assert found.pieces()[-1] == PAD
    assert len(found.pieces()) == len(set(found.pieces())) == len(found)
    assert found.pieces()[:4] == [END, UNKNOWN, *TAGS]
    assert len(found) == 300 or size != 300


def test_tags(pieces: Joint, symbols: Joint) -> None:
    plain, tagged = pieces.sources(["the cat"] * 2, ["", "<2hin>"], ["", ""])
    assert tagged == [pieces.raw.token_to_id("<2hin>"), *plain]
    assert pieces.begin("hin_Deva") == [pieces.pad]
    assert symbols.sources(["c"], ["<hin>"], [""])[0][0] == symbols.raw.token_to_id("<hin>")
    with pytest.raises(InputError, match="no tag `<2fra>`"):
        pieces.sources(["the cat"], ["<2fra>"], [""])


def test_symbols(symbols: Joint) -> None:
    assert symbols.said(ids_of(symbols, "d ɔ g t͡ʃ")) == "d ɔ g t͡ʃ"
    assert symbols.bare(["t͡ʃ"])[0] == [symbols.raw.token_to_id("t͡ʃ")]
    assert symbols.pieces()[:4] == [END, UNKNOWN, "<eng>", "<hin>"]
    assert symbols.pad == len(symbols) - 1


def test_what_is_never_written(pieces: Joint) -> None:
    names = pieces.pieces()
    never = {name for name, banned in zip(names, pieces.banned(None), strict=True) if banned}
    assert never == {UNKNOWN, PAD, *TAGS}
    for script, word, other in (("Deva", "है", "cat"), ("Latn", "cat", "है"), ("Cyrl", "кошка", "cat")):
        banned = pieces.banned(script)
        assert not banned[pieces.end]
        assert not any(banned[at] for at in pieces.bare([f"{word} 1 ?"])[0])
        assert any(banned[at] for at in pieces.bare([other])[0])
    assert foreign("猫", "Latn")
    assert not foreign("猫", "Jpan")
    assert not foreign("▁", "Latn")
    assert not foreign("é1।", "Latn")


def test_what_is_never_written_is_found_once_a_script(pieces: Joint, monkeypatch: pytest.MonkeyPatch) -> None:
    again = Joint(pieces.raw)
    walks = []
    monkeypatch.setattr(again, "pieces", lambda: walks.append(1) or pieces.pieces())
    for script in (None, "Latn", None, "Latn", "Latn"):
        assert again.banned(script) == pieces.banned(script)
    assert len(walks) == 2
    for _ in range(2):
        with pytest.raises(InputError, match="no piece in the script `Thaa`"):
            again.banned("Thaa")


@pytest.mark.parametrize("as_symbols", [False, True])
def test_two_trainings_give_the_same_bytes(as_symbols: bool, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        joint.train(iter(TEXTS * 2), 300, TAGS, symbols=as_symbols).save(tmp_path / name)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize("kind", ["marian", "nlpkit-rnn"])
@pytest.mark.parametrize("as_symbols", [False, True])
def test_transformers_reads_it_so_too(kind: str, as_symbols: bool, tmp_path: Path) -> None:
    found = joint.train(TEXTS * 2, 300, TAGS, symbols=as_symbols)
    found.save(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
    hf = transformers.AutoTokenizer.from_pretrained(tmp_path)
    again = Joint.load(tmp_path)
    for text in TEXTS:
        assert hf(text)["input_ids"] == ids_of(found, text) == ids_of(again, text)
        assert hf.decode(ids_of(found, text), skip_special_tokens=True) == found.said(ids_of(found, text))
    assert (hf.pad_token_id, hf.eos_token_id, hf.unk_token_id) == (found.pad, found.end, found.unknown)
    assert len(hf) == len(found)
    assert again.pieces() == found.pieces()
    assert again.banned(None) == found.banned(None)
    assert ids_of(again, "a </s> b") == ids_of(found, "a </s> b")


def test_a_damaged_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        Joint.load(tmp_path)
