"""Tokenizers that are there already, as encoders and models of pairs want them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import AddedToken, decoders, models, pre_tokenizers
from tokenizers import Tokenizer as RawTokenizer

from nlpkit.config.subwords import parse
from nlpkit.engine import own_tokenizers, subword_coding
from nlpkit.engine.joint import END, PAD, UNKNOWN, Joint
from nlpkit.engine.pretrained import load_tokenizer
from nlpkit.errors import InputError
from nlpkit.jobs import bpe

TEXTS = ["Habari ya asubuhi, rafiki yangu!", "Ọlọ́run ni ó dá ayé.", "मेरा नाम राम है।", "Habari za jioni?"]
KINDS = [
    ["vocab_size=120"], ["algorithm=byte-bpe", "vocab_size=330"], ["algorithm=wordpiece", "vocab_size=170"],
    ["algorithm=unigram", "vocab_size=110"], ["pre_tokenizer=whitespace", "vocab_size=170"],
    ["byte_fallback=true", "vocab_size=400", "protected=[Habari]"], ["language_tags=true", "vocab_size=140"],
]  # fmt: skip
EXACT = (0, 1, 3, 5, 6)  # kinds that give every text back
TAGS = ["<2hin>", "<swh>"]


def learned(folder: Path, settings: list[str]) -> Path:
    path = folder / "corpus.txt"
    path.write_text("\n".join(TEXTS * 4) + "\n", encoding="utf-8")
    bpe.train([bpe.source(f"{path}:swh", None, {})], parse(settings), folder / "pieces")
    return folder / "pieces"


def bare(folder: Path, raw: RawTokenizer) -> str:
    """A tokenizer.json with nothing beside it."""
    folder.mkdir()
    raw.save(str(folder / "tokenizer.json"))
    return str(folder)


def without_unknown(**more: bool) -> RawTokenizer:
    """A BPE of the letters a and b that drops all others."""
    raw = RawTokenizer(models.BPE({"a": 0, "b": 1, "▁": 2, "▁a": 3}, [("▁", "a")], **more))
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    return raw


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_pairs_have_the_same_pieces(tmp_path: Path, kind: int) -> None:
    folder = learned(tmp_path, KINDS[kind])
    raw, joint = subword_coding.load(str(folder)), own_tokenizers.for_pairs(str(folder), TAGS)
    for text in TEXTS:
        ids = joint.bare([text])[0]
        assert [joint.raw.id_to_token(at) for at in ids] == raw.encode(text, add_special_tokens=False).tokens
        assert joint.sources([text], ["<2hin>"], [""])[0] == [joint.raw.token_to_id("<2hin>"), *ids, joint.end]
        assert (joint.said([*ids, joint.end, joint.pad]) == text) == (kind in EXACT)
    pieces = joint.pieces()
    assert (pieces[-1], joint.pad) == (PAD, len(pieces) - 1)
    assert len({*pieces}) == len(pieces)
    assert "" not in pieces
    assert {"<s>", "<mask>"}.isdisjoint(pieces)
    assert (pieces[joint.unknown], pieces[joint.end]) == (UNKNOWN, END)
    silent = {piece for piece, never in zip(pieces, joint.banned(None), strict=True) if never}
    assert silent == {UNKNOWN, PAD, *TAGS}
    assert joint.end not in joint.bare(["a </s> <2hin> <pad>"])[0][:-1]
    joint.save(tmp_path)
    again = Joint.load(tmp_path)
    assert again.sources(TEXTS, TAGS * 2, [""] * 4) == joint.sources(TEXTS, TAGS * 2, [""] * 4)


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_encoders_have_the_same_pieces(tmp_path: Path, kind: int) -> None:
    folder = learned(tmp_path, KINDS[kind])
    raw, found = subword_coding.load(str(folder)), own_tokenizers.for_encoder(str(folder), 64)
    (tmp_path / "kept").mkdir()
    found.save(tmp_path / "kept")
    again = load_tokenizer(tmp_path / "kept")
    assert again.hf.model_max_length == 64
    wanted = [raw.encode(text, add_special_tokens=False).ids for text in TEXTS]
    for one in (found, again):
        assert one.texts(TEXTS) == wanted
        assert one.pieces([["Habari", "ya"]]) == [
            [raw.encode(word, add_special_tokens=False).ids for word in ("Habari", "ya")]
        ]
        assert (one.prefix, one.suffix, one.pad) == (
            [raw.token_to_id("<s>")],
            [raw.token_to_id(END)],
            raw.token_to_id(PAD),
        )


def test_a_bare_file_has_its_marks_found_by_name(tmp_path: Path) -> None:
    folder = learned(tmp_path, KINDS[0])
    whole = own_tokenizers.for_encoder(str(folder), 64)
    file = folder / "tokenizer.json"
    (folder / "tokenizer_config.json").unlink()
    for name in (str(folder), str(file)):
        found = own_tokenizers.for_encoder(name, 64)
        assert found.hf.special_tokens_map.items() <= whole.hf.special_tokens_map.items()
        assert (found.pad, found.prefix, found.suffix) == (whole.pad, whole.prefix, whole.suffix)
        assert found.texts(TEXTS) == whole.texts(TEXTS)
    assert own_tokenizers.for_pairs(str(file), []).pieces() == own_tokenizers.for_pairs(str(folder), []).pieces()


def test_marks_that_are_missing_are_added(tmp_path: Path) -> None:
    raw = RawTokenizer(models.WordPiece({"[UNK]": 0, "a": 1, "##b": 2, "[CLS]": 3}, unk_token="[UNK]"))
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.WhitespaceSplit(), decoders.WordPiece()
    raw.add_special_tokens(["[UNK]", "[CLS]"])
    raw.add_tokens([AddedToken("COVID-19")])
    folder = bare(tmp_path / "bert", raw)
    joint = own_tokenizers.for_pairs(folder, ["<yor>"])
    assert joint.pieces() == [UNKNOWN, "a", "##b", "COVID-19", END, "<yor>", PAD]
    assert joint.bare(["ab COVID-19 z"]) == [[1, 2, 3, joint.unknown]]
    assert joint.said([1, 2, 3, joint.end]) == "ab COVID-19"
    encoder = own_tokenizers.for_encoder(folder, 32)
    assert encoder.hf.convert_ids_to_tokens(encoder.pad) == PAD
    assert encoder.hf.unk_token == "[UNK]"
    assert len(encoder.hf) == 6


def test_bytes_need_no_unknown_piece_and_have_no_script(tmp_path: Path) -> None:
    signs = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = RawTokenizer(models.BPE({sign: at for at, sign in enumerate(signs)}, []))
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    joint = own_tokenizers.for_pairs(bare(tmp_path / "bytes", raw), [])
    assert joint.pieces()[-3:] == [END, UNKNOWN, PAD]
    assert joint.said(joint.bare(["नाम 𒀀"])[0]) == "नाम 𒀀"
    with pytest.raises(InputError, match="bytes, which have no script"):
        joint.banned("Deva")


def test_what_drops_letters_is_refused(tmp_path: Path) -> None:
    folder = bare(tmp_path / "lossy", without_unknown())
    for take in (lambda: own_tokenizers.for_encoder(folder, 64), lambda: own_tokenizers.for_pairs(folder, [])):
        with pytest.raises(InputError, match="no unknown piece") as caught:
            take()
        assert "nlpkit bpe train" in caught.value.hint


def test_what_is_no_tokenizer_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no tokenizer\.json in"):
        own_tokenizers.for_pairs(str(tmp_path), [])
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": 1}), encoding="utf-8")
    with pytest.raises(InputError, match="is damaged"):
        own_tokenizers.for_encoder(str(tmp_path), 64)
