"""Pretrained tokenizers and models with pieces of a new language: what was known keeps its number."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForMaskedLM, BertConfig, BertForMaskedLM

from nlpkit.config.subwords import parse
from nlpkit.engine.subword_coding import Coder, load
from nlpkit.errors import InputError
from nlpkit.jobs import bpe
from nlpkit.jobs.bpe_extend import extend

OLD = "the cat sat on the mat and the dog ran to the cat\n" * 9
WORDS = ["ìwé", "dára", "púpọ̀", "ọmọ", "rẹ", "ilé"]
NEW = "".join(f"{word} {word}ni {word}yin à{word}\n" for word in WORDS) * 9


@pytest.fixture
def texts(tmp_path: Path) -> tuple[Path, list[bpe.Source]]:
    (tmp_path / "old.txt").write_text(OLD, encoding="utf-8")
    (tmp_path / "new.txt").write_text(NEW, encoding="utf-8")
    return tmp_path / "old.txt", [bpe.source(str(tmp_path / "new.txt"), None, {})]


def trained(file: Path, out: Path, *settings: str) -> str:
    bpe.train([bpe.source(str(file), None, {})], parse(["vocab_size=320", *settings]), out)
    return str(out)


@pytest.mark.parametrize(
    "settings", [["algorithm=bpe"], ["byte_fallback=true"], ["algorithm=byte-bpe"], ["algorithm=unigram"]]
)
def test_old_texts_keep_their_pieces(texts: tuple[Path, list[bpe.Source]], tmp_path: Path, settings: list[str]) -> None:
    folder = trained(texts[0], tmp_path / "old", *settings)
    count = extend(folder, texts[1], 60, tmp_path / "new")
    old, new = Coder(load(folder)), Coder(load(str(tmp_path / "new")))
    lines = [NEW.splitlines()[0], OLD.splitlines()[0]]
    assert 8 < count <= 60
    assert new.pieces[: len(old.pieces)] == old.pieces
    assert len([piece for piece in new.pieces if piece]) == len(old.pieces) + count
    before, after = ([len(line.split()) for line in coder.lines(lines)] for coder in (old, new))
    assert after[0] < before[0] * 0.75
    assert after[1] <= before[1]
    assert new.texts([new.numbers(line) for line in new.lines(lines)]) == lines


def test_rows_of_a_model_are_the_means_of_the_parts(texts: tuple[Path, list[bpe.Source]], tmp_path: Path) -> None:
    folder = Path(trained(texts[0], tmp_path / "old", "algorithm=byte-bpe"))
    coder = Coder(load(str(folder)))
    size = len(coder.pieces)
    config = BertConfig(
        vocab_size=size + 3, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )  # rows to spare, as many models have
    BertForMaskedLM(config).save_pretrained(folder)
    (folder / "pytorch_model.bin").write_bytes(b"never read")
    assert extend(str(folder), texts[1], 30, tmp_path / "new") == 30
    assert not (tmp_path / "new/pytorch_model.bin").exists()
    new = Coder(load(str(tmp_path / "new")))
    name = "bert.embeddings.word_embeddings.weight"
    rows = [load_file(one / "model.safetensors")[name] for one in (folder, tmp_path / "new")]
    assert len(rows[1]) == len(new.pieces) == size + 30
    assert torch.equal(rows[0][:size], rows[1][:size])
    text = new.texts([[size + 5]])[0]
    parts = coder.numbers(coder.lines([text])[0])
    if not new.pieces[size + 5].startswith("Ġ"):
        parts = parts[1:]
    assert torch.allclose(rows[1][size + 5], rows[0][parts].mean(0), atol=1e-6)
    model = AutoModelForMaskedLM.from_pretrained(tmp_path / "new")
    assert model(torch.tensor([[size + 29, 1]])).logits.shape == (1, 2, size + 30)
    assert json.loads((tmp_path / "new/config.json").read_text())["vocab_size"] == size + 30


def test_what_cannot_be_extended(texts: tuple[Path, list[bpe.Source]], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a WordPiece tokenizer cannot"):
        extend(trained(texts[0], tmp_path / "a", "algorithm=wordpiece"), texts[1], 9, tmp_path / "out")
    folder = Path(trained(texts[0], tmp_path / "b"))
    (folder / "config.json").write_text("{}")
    (folder / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(InputError, match="pickle"):
        extend(str(folder), texts[1], 9, tmp_path / "out")
    assert not (tmp_path / "out").exists()
