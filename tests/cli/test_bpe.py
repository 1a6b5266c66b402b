"""`nlpkit bpe`: texts to a tokenizer, lines to pieces and back, and to other tools."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
TEXT = "Habari ya asubuhi, rafiki yangu!\nỌlọ́run ni ó dá ayé.\n\nHabari za jioni?\n  mbili  blanks \n"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.txt"
    path.write_text(TEXT * 5, encoding="utf-8")
    return path


@pytest.fixture
def pieces(cli: Cli, corpus: Path, tmp_path: Path) -> str:
    out = str(tmp_path / "pieces")
    assert cli("bpe", "train", str(corpus), "vocab_size=110", "--out", out).code == 0
    return out


def test_train_encode_decode(cli: Cli, corpus: Path, pieces: str) -> None:
    encoded = cli("bpe", "encode", pieces, str(corpus), "--check")
    assert encoded.code == 0
    assert encoded.out.count("\n") == 25
    assert encoded.out.splitlines()[2] == ""
    assert "all 25 lines decode to the same text" in encoded.err
    assert cli("bpe", "decode", pieces, stdin=encoded.out.encode()).out == TEXT * 5
    ids = cli("bpe", "encode", f"{pieces}/tokenizer.json", "--ids", stdin=TEXT.encode())
    assert cli("bpe", "decode", pieces, "--ids", stdin=ids.out.encode()).out == TEXT


def test_train_bpe_is_bpe_train(cli: Cli, corpus: Path, tmp_path: Path) -> None:
    for command in (("train", "bpe"), ("bpe", "train")):
        found = cli(*command, str(corpus), "vocab_size=90", "--out", str(tmp_path / command[0]))
        assert found.code == 0, found.err
        assert found.out == f"{tmp_path / command[0]}\n"
    assert (tmp_path / "train/tokenizer.json").read_bytes() == (tmp_path / "bpe/tokenizer.json").read_bytes()


def test_lost_characters_are_counted(cli: Cli, pieces: str) -> None:
    encoded = cli("bpe", "encode", pieces, "--check", stdin="Habari 漢字\nHabari\n".encode())
    assert "1 of 2 lines do not decode to the same text" in encoded.err
    decoded = cli("bpe", "decode", pieces, stdin=encoded.out.encode())
    assert decoded.err.count("1 of 2 lines hold the unknown piece") == 1
    wrong = cli("bpe", "decode", pieces, stdin=b"a\nzzz\n")
    assert wrong.code == 2
    assert "<stdin>:2: `zzz` is no piece" in wrong.err


def test_dropout_is_seeded(cli: Cli, corpus: Path, pieces: str) -> None:
    first, again, other = (
        cli("bpe", "encode", pieces, str(corpus), "--dropout", "0.4", "--seed", seed).out for seed in ("7", "7", "8")
    )
    assert first == again != other
    assert cli("bpe", "decode", pieces, stdin=first.encode()).out == TEXT * 5


def test_languages_come_from_names_and_columns(cli: Cli, corpus: Path, tmp_path: Path) -> None:
    table = tmp_path / "b.tsv.gz"
    table.write_bytes(gzip.compress(b"lang\ttext\n" + b"eng\tgood morning my friend\n" * 10))
    out = tmp_path / "out"
    found = cli(
        "bpe", "train", f"{corpus}:swh", str(table), "vocab_size=140", "language_tags=true", "temperature=2",
        "--out", str(out),
    )  # fmt: skip
    assert found.code == 0, found.err
    assert "swh" in found.err
    facts = json.loads((out / "subwords.json").read_text(encoding="utf-8"))
    assert {name: row["lines"] for name, row in facts["languages"].items()} == {"swh": 20, "eng": 10}
    vocabulary = json.loads((out / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    assert list(vocabulary)[5:7] == ["<eng>", "<swh>"]
    assert cli("bpe", "encode", str(out), stdin=b"<eng> good").out.startswith("<eng> ")


def test_cards_of_any_kind(cli: Cli, tmp_path: Path) -> None:
    for card in ("samples_ner", "samples_translate"):
        found = cli("bpe", "train", "--card", card, "vocab_size=400", "--out", str(tmp_path / card))
        assert found.code == 0, found.err
    facts = json.loads((tmp_path / "samples_translate/subwords.json").read_text(encoding="utf-8"))
    assert len(facts["languages"]) == 2


@pytest.mark.parametrize(
    ("content", "settings", "code", "what"),
    [
        (b"", [], 2, "no text in `<stdin>`"),
        (b"\n \n", [], 2, "no text in `<stdin>`"),
        (b"good\nb\xe9d\n", [], 2, "<stdin>:2: byte 0xE9 at column 2 is not UTF-8"),
        (b"a" * 9_000_000, [], 2, "<stdin>:1: a line of over"),
        (TEXT.encode(), ["vocab_size=20"], 2, "the alphabet alone has"),
        (TEXT.encode(), ["vocab_size=20", "algorithm=unigram"], 2, "the alphabet alone has"),
        (TEXT.encode(), ["vocab_size=20", "algorithm=wordpiece"], 2, "the alphabet alone has"),
        (TEXT.encode(), ["vocab_size=100", "algorithm=byte-bpe"], 2, "the alphabet alone has 256"),
        (TEXT.encode(), ["temperature=2"], 2, "lines have no language"),
        (TEXT.encode(), ["parity=window"], 2, "lines have no language"),
        (TEXT.encode(), ["vocab_size=5000"], 0, "pieces were reached, not the 5,000 asked for"),
        (TEXT.encode(), ["vocab_size=5000", "algorithm=unigram"], 0, "pieces were reached, not the 5,000 asked for"),
        (TEXT.replace("\n", "\r\n").encode(), ["vocab_size=70"], 0, "line ends in CR LF"),
    ],
)
def test_bad_input_is_told(cli: Cli, tmp_path: Path, content: bytes, settings: list[str], code: int, what: str) -> None:
    found = cli("bpe", "train", "-", *settings, "--out", str(tmp_path / "out"), stdin=content)
    assert found.code == code, found.err
    assert what in found.err
    assert (tmp_path / "out").exists() == (code == 0)


def test_export_to_subword_nmt_and_back(cli: Cli, corpus: Path, tmp_path: Path) -> None:
    out, codes, back = (str(tmp_path / name) for name in ("out", "codes.bpe", "back"))
    cli("bpe", "train", str(corpus), "vocab_size=150", "pre_tokenizer=whitespace", "--out", out)
    assert cli("bpe", "export", out, "--to", "subword-nmt", "-o", codes).code == 0
    assert Path(codes).read_text(encoding="utf-8").startswith("#version: 0.2\n")
    found = cli("bpe", "import", codes, str(corpus), "--out", back)
    assert found.code == 0, found.err
    text = b"Habari ya asubuhi , rafiki zangu\n"
    assert cli("bpe", "encode", back, stdin=text).out == cli("bpe", "encode", out, stdin=text).out
    Path(codes).write_text("#version: 0.2\na b\nc\n", encoding="utf-8")
    assert "codes.bpe:3: `c` is no merge" in cli("bpe", "import", codes, "--out", str(tmp_path / "x")).err


@pytest.mark.parametrize("algorithm", ["bpe", "unigram"])
def test_export_to_sentencepiece(cli: Cli, corpus: Path, tmp_path: Path, algorithm: str) -> None:
    import sentencepiece

    out, model = str(tmp_path / "out"), str(tmp_path / "pieces.model")
    cli("bpe", "train", str(corpus), "vocab_size=340", f"algorithm={algorithm}", "byte_fallback=true", "--out", out)
    assert cli("bpe", "export", out, "--to", "sentencepiece", "-o", model).code == 0
    theirs = sentencepiece.SentencePieceProcessor(model_file=model)
    ours = cli("bpe", "encode", out, str(corpus)).out.splitlines()
    assert [" ".join(theirs.encode(line, out_type=str)) for line in TEXT.splitlines() * 5] == ours
    assert theirs.decode(theirs.encode(" Habari 漢")) == " Habari 漢"


def test_export_refuses_what_cannot_be(cli: Cli, pieces: str, tmp_path: Path) -> None:
    found = cli("bpe", "export", pieces, "--to", "subword-nmt", "-o", str(tmp_path / "codes"))
    assert (found.code, "pre_tokenizer=whitespace" in found.err) == (2, True)
    assert cli("bpe", "export", pieces, "--to", "vocab", "-o", str(tmp_path / "vocab.txt")).code == 0
    assert (tmp_path / "vocab.txt").read_text(encoding="utf-8").splitlines()[:2] == ["<unk>", "<s>"]


def test_no_tokenizer(cli: Cli, tmp_path: Path) -> None:
    found = cli("bpe", "encode", str(tmp_path), stdin=b"a")
    assert (found.code, "no tokenizer.json in" in found.err) == (2, True)
    (tmp_path / "tokenizer.json").write_text("{")
    assert "is damaged" in cli("bpe", "encode", str(tmp_path), stdin=b"a").err


def test_the_help_names_every_key(cli: Cli) -> None:
    from nlpkit.config.subwords import Subwords

    found = cli("bpe", "train", "--help").out
    assert all(f"\n  {name}=" in found for name in Subwords.model_fields)
