"""Recipes that name a tokenizer: training with it, the model without its folder, and what is refused."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
from pathlib import Path

import pytest
import toy_translate
from toy import TINY, write_texts, write_toy

from nlpkit.config.decoding import Decoding
from nlpkit.config.subwords import parse
from nlpkit.data.rows import PairRow, TextRow, TokenRow
from nlpkit.engine import bundle
from nlpkit.engine.own_tokenizers import for_pairs
from nlpkit.errors import InputError, Preempted
from nlpkit.jobs import bpe
from nlpkit.jobs.predict import Predictor
from nlpkit.jobs.prepare import load_recipe
from nlpkit.jobs.train import dry_run, train

ENCODER = [key for key in TINY if "vocabulary" not in key]
RNN = [key for key in toy_translate.RNN if "vocabulary" not in key]
TRANSFORMER = [key for key in toy_translate.TRANSFORMER if "vocabulary" not in key]


def learned(folder: Path, *files: Path, settings: tuple[str, ...] = ("vocab_size=300",)) -> Path:
    columns: dict[str, int | str] = {"text": "src"} if files[0].suffix == ".jsonl" else {}
    found = [bpe.source(str(path), None, columns) for path in files]
    bpe.train(found, parse(list(settings)), folder / "pieces")
    return folder / "pieces"


def greedy(usual: Decoding) -> Decoding:
    return usual.model_copy(update={"beam": 1})


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest()


def pair_tokenizer(folder: Path, *settings: str) -> Path:
    """One of both sides of the toy pairs."""
    path = folder / "both.txt"
    path.write_text("".join(f"{a}\n{b}\n" for a, b in toy_translate.toy_pairs(200)), encoding="utf-8")
    return learned(folder, path, settings=settings or ("vocab_size=100",))


@pytest.mark.parametrize(
    ("keys", "settings"),
    [
        (TRANSFORMER, ("vocab_size=100",)), (TRANSFORMER, ("algorithm=byte-bpe", "vocab_size=300")),
        (TRANSFORMER, ("algorithm=unigram", "vocab_size=60")), (RNN, ("pre_tokenizer=whitespace", "vocab_size=100")),
    ],
)  # fmt: skip
def test_pairs_are_learned_with_it(tmp_path: Path, keys: list[str], settings: tuple[str, ...]) -> None:
    own = pair_tokenizer(tmp_path, *settings)
    wanted, pieces = digest(own), for_pairs(str(own), []).pieces()
    files = toy_translate.write_toys(tmp_path)
    recipe = load_recipe(str(toy_translate.recipe(tmp_path)), [*files, *keys, f"model.scratch.tokenizer={own}"])
    said: list[str] = []
    model = train(recipe, tmp_path / "run", say=said.append)
    assert f"vocabulary: {len(pieces)} pieces of `{own}`" in said
    shutil.rmtree(own)
    info = json.loads((model / "bundle.json").read_text(encoding="utf-8"))
    assert info["tokenizer"] == {"name": "pieces", "sha256": wanted}
    assert json.loads((tmp_path / "run/environment.json").read_text())["tokenizer"] == info["tokenizer"]
    assert f"the tokenizer `pieces` (SHA-256 {wanted})" in (model / "README.md").read_text(encoding="utf-8")
    rows = [PairRow("1", a, None, "eng", "fra") for a, _ in toy_translate.toy_pairs(40, seed=3)]
    torch = Predictor(str(model), device="cpu", decoding=greedy, engine="torch")
    assert bundle.load(str(model)).tokenizer.pieces() == pieces
    answers = [row.target for row in torch(rows)]
    right = [b for _, b in toy_translate.toy_pairs(40, seed=3)]
    assert sum(a == b for a, b in zip(answers, right, strict=True)) > 20
    if keys is TRANSFORMER:
        pytest.importorskip("ctranslate2")
        fast = Predictor(str(model), device="cpu", decoding=greedy, engine="ct2")
        assert [row.target for row in fast(rows)] == answers


def test_an_encoder_is_learned_with_it(tmp_path: Path) -> None:
    write_toy(tmp_path / "train.conll", 120)
    own = learned(tmp_path, tmp_path / "train.conll")
    files = [f"data.train={tmp_path / 'train.conll'}", f"data.dev={tmp_path / 'train.conll'}"]
    recipe = load_recipe("ner", [*ENCODER, *files, f"model.scratch.tokenizer={own}", "stages.0.epochs=16"])
    model = train(recipe, tmp_path / "run")
    wanted = digest(own)
    shutil.rmtree(own)
    assert json.loads((model / "bundle.json").read_text())["tokenizer"]["sha256"] == wanted
    predictor = Predictor(str(model))
    assert bundle.load(str(model)).tokenizer.hf.cls_token == "<s>"
    words = ("Amina", "Otieno", "went", "to", "Kisumu", "77", ".")
    (row,) = predictor([TokenRow("1", words, None)])
    assert row.tags == ("B-PER", "I-PER", "O", "O", "B-LOC", "O", "O")


def test_pairs_of_texts_are_classified_with_it(tmp_path: Path) -> None:
    write_texts(tmp_path / "train.tsv", 60)
    own = learned(tmp_path, tmp_path / "train.tsv")
    files = [f"data.train={tmp_path / 'train.tsv'}", f"data.dev={tmp_path / 'train.tsv'}"]
    keys = [*ENCODER, *files, f"model.scratch.tokenizer={own / 'tokenizer.json'}", "stages.0.epochs=8"]
    model = train(load_recipe("classify", keys), tmp_path / "run")
    shutil.rmtree(own)
    texts = [line.split("\t") for line in (tmp_path / "train.tsv").read_text().splitlines()[1:20]]
    rows = [TextRow(str(at), text) for at, (text, _) in enumerate(texts)]
    assert [row.label for row in Predictor(str(model))(rows)] == [label for _, label in texts]


def test_what_is_not_there_is_told_before_the_rows_are_read(tmp_path: Path) -> None:
    missing = tmp_path / "nothing"
    recipe = load_recipe("ner", [*ENCODER, f"model.scratch.tokenizer={missing}", f"data.train={tmp_path / 'no.conll'}"])
    for run in (lambda: train(recipe, tmp_path / "run"), lambda: dry_run(recipe)):
        with pytest.raises(InputError) as caught:
            run()
        assert caught.value.message == f"model.scratch.tokenizer: no tokenizer.json in `{missing}`"
        assert "nlpkit bpe train" in caught.value.hint
    assert not (tmp_path / "run").exists()


def test_a_relative_path_is_relative_to_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair_tokenizer(tmp_path)
    files = toy_translate.write_toys(tmp_path)
    monkeypatch.chdir(tmp_path)
    keys = [*files, *TRANSFORMER, "model.scratch.tokenizer=pieces"]
    assert dry_run(load_recipe(str(toy_translate.recipe(tmp_path)), keys))["weights"] > 0


def test_symbols_are_not_cut(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model\.scratch\.tokenizer: g2p reads symbols parted by blanks"):
        load_recipe("g2p", ["model.scratch.tokenizer=x"])


def test_a_run_goes_on_with_its_own_tokenizer_only(tmp_path: Path) -> None:
    own = pair_tokenizer(tmp_path)
    keys = [*toy_translate.write_toys(tmp_path), *RNN, f"model.scratch.tokenizer={own}", "stages.0.epochs=2"]
    recipe = load_recipe(str(toy_translate.recipe(tmp_path)), keys)

    def stop(done: int, total: int, text: str) -> None:
        if done == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Preempted):
        train(recipe, tmp_path / "run", tick=stop)
    again = load_recipe(str(tmp_path / "run" / "recipe.yaml"))
    assert again == recipe
    shutil.move(own, tmp_path / "kept")
    pair_tokenizer(tmp_path, "vocab_size=50")
    with pytest.raises(InputError, match="not the one that the run was begun with"):
        train(recipe, tmp_path / "run")
    shutil.rmtree(own)
    shutil.move(tmp_path / "kept", own)
    assert (train(recipe, tmp_path / "run") / "model.safetensors").is_file()


def test_no_script_can_be_asked_of_bytes(tmp_path: Path) -> None:
    own = pair_tokenizer(tmp_path, "algorithm=byte-bpe", "vocab_size=300")
    more = [f"model.scratch.tokenizer={own}", "options.decoding.script=Latn"]
    recipe = load_recipe(str(toy_translate.recipe(tmp_path)), [*toy_translate.write_toys(tmp_path), *RNN, *more])
    with pytest.raises(InputError, match=r"options\.decoding: the pieces of this model are bytes"):
        train(recipe, tmp_path / "run")
