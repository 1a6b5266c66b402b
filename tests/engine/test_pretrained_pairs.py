from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from toy_families import FAMILIES, MULTILINGUAL
from toy_pairs import answers, features_of, questions, toy_pairs
from transformers.models.m2m_100.modeling_m2m_100 import shift_tokens_right

from nlpkit.config.decoding import Decoding
from nlpkit.config.recipe import Recipe, resolve
from nlpkit.data.rows import PairRow
from nlpkit.engine import bundle, generate, loop
from nlpkit.engine.batches import padded
from nlpkit.engine.pretrained_pairs import PretrainedPieces, load_base
from nlpkit.engine.seq2seq import Stock
from nlpkit.engine.session import Session
from nlpkit.errors import InputError
from nlpkit.jobs.predict import Predictor
from nlpkit.jobs.prepare import load_recipe
from nlpkit.jobs.train import train

EACH = pytest.mark.parametrize("name", FAMILIES)
Family = Callable[[str], Any]


def hf_tokenizer(folder: Path, source: str | None = None, target: str | None = None) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Marian's recommends sacremoses
        more = {"src_lang": source, "tgt_lang": target} if source else {}
        return transformers.AutoTokenizer.from_pretrained(folder, **more)


def codes(name: str) -> tuple[str, str] | tuple[None, None]:
    """What a model calls English and French."""
    return {
        "mbart": ("en_XX", "fr_XX"), "mbart50": ("en_XX", "fr_XX"), "m2m_100": ("en", "fr"),
        "nllb": ("eng_Latn", "fra_Latn"),
    }.get(name, (None, None))  # fmt: skip


# -- what stands at the borders


@EACH
def test_sources_and_targets_are_as_transformers_has_them(family: Family, name: str) -> None:
    made = family(name)
    model, pieces, limit = load_base(str(made.random), {})
    hf = hf_tokenizer(made.random, *codes(name))
    texts = ["the cat sees the dog", "dog"]
    assert pieces.sources(texts, ["", ""], [made.langs[0]] * 2) == hf(texts)["input_ids"]
    assert pieces.sources(texts, ["x ", ""], [made.langs[0]] * 2)[0] == hf(f"x {texts[0]}")["input_ids"]
    targets = pieces.targets(texts, [made.langs[1]] * 2)
    for text, target in zip(texts, targets, strict=True):
        labels = hf(text_target=text, return_tensors="pt")["input_ids"]
        if name in ("m2m_100", "nllb"):
            told = shift_tokens_right(labels, pieces.pad, 2)[0].tolist()
        else:
            told = model.hf.prepare_decoder_input_ids_from_labels(labels)[0].tolist()
        wanted = labels[0].tolist()
        if name == "mbart":  # whose labels end with the language, which nobody needs to learn
            told, wanted = told[:-1], wanted[:-1]
        assert target[:-1] == told
        assert target[1:] == wanted
        assert target[-1] == pieces.end
        [bare] = pieces.bare([text])
        assert target == [*pieces.begin(made.langs[1]), *bare, pieces.end]
        assert pieces.said(target) == text
    assert limit == (512 if name in ("t5", "mt5") else 64)


@EACH
def test_answers_begin_as_generate_begins_them(family: Family, name: str) -> None:
    """Greedy is that of transformers, told the language as its documentation says."""
    made = family(name)
    model, pieces, _ = load_base(str(made.taught), {})
    source, target = codes(name)
    hf = hf_tokenizer(made.taught, source, target)
    begin = pieces.begin(made.langs[1])
    forced = begin[1] if len(begin) > 1 and name != "bart" else None
    if name in MULTILINGUAL:
        language = hf.convert_tokens_to_ids(f"__{target}__" if name == "m2m_100" else target)
        assert begin == ([language] if name == "mbart" else [2, language])
    assert (name == "bart") == (begin == [2, 0])
    texts = [text for text, _ in toy_pairs(12, seed=4)]
    ids, mask = padded([hf(text)["input_ids"] for text in texts], pieces.pad)
    never = [at for at, banned in enumerate(pieces.banned(None)) if banned and at != forced]
    more = {"decoder_input_ids": torch.tensor([begin] * len(texts))} if name == "bart" else {}
    config = transformers.GenerationConfig(
        max_new_tokens=12 + (forced is not None), num_beams=1, do_sample=False, decoder_start_token_id=begin[0],
        forced_bos_token_id=forced, eos_token_id=pieces.end, pad_token_id=pieces.pad,
        suppress_tokens=[*never, *range(len(pieces.banned(None)), model.config.vocab_size)],
    )  # fmt: skip
    found = model.hf.eval().generate(input_ids=ids, attention_mask=mask, generation_config=config, **more)
    sources = pieces.sources(texts, [""] * len(texts), [made.langs[0]] * len(texts))
    ours = answers(model, sources, pieces, begin=begin, beam=1, max_length=12)
    assert [one.texts[0][0] for one in ours] == [
        hf.decode(row, skip_special_tokens=True).strip() for row in found.tolist()
    ]


@pytest.mark.parametrize("legacy", [False, True])
def test_targets_of_an_nllb_of_the_older_way(family: Family, legacy: bool, tmp_path: Path) -> None:
    """Its tokenizer puts languages last; the model was trained with the language behind the start all the same."""
    folder = shutil.copytree(family("nllb").random, tmp_path / "nllb")
    facts = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**facts, "legacy_behaviour": legacy}))
    _, pieces, _ = load_base(str(folder), {})
    assert pieces.hf.legacy_behaviour is legacy
    [target] = pieces.targets(["le chat"], ["fra_Latn"])
    assert target == [2, pieces.codes["fra_Latn"], *pieces.bare(["le chat"])[0], 2]
    assert pieces.begin("fra_Latn") == target[:2]


@EACH
def test_marks_and_rows_without_a_piece_are_never_written(family: Family, name: str) -> None:
    made = family(name)
    model, pieces, _ = load_base(str(made.random), {})
    banned = pieces.banned(None)
    assert not banned[pieces.end]
    assert all(banned[at] for at in pieces.hf.all_special_ids if at != pieces.end)
    assert all(banned[at] for at in pieces.codes.values())
    assert not banned[pieces.bare(["chat"])[0][0]]
    if name in ("t5", "mt5", "m2m_100", "nllb"):
        assert model.config.vocab_size > len(banned)
    sources = pieces.sources(["the cat", "the dog"], ["", ""], [made.langs[0]] * 2)
    for decoding in ({"beam": 3, "nbest": 3}, {"sample": True, "nbest": 5}, {"beam": 2, "force": ["chat"]}):
        found = answers(model, sources, pieces, begin=pieces.begin(made.langs[1]), max_length=8, **decoding)
        for one in found:
            assert not any(str(mark) in text for mark in pieces.hf.all_special_tokens for text, _ in one.texts)
            assert not any(f"__{code}__" in text for code in pieces.codes for text, _ in one.texts)
            assert all("chat" in text for text, _ in one.texts) or "force" not in decoding
    latin = pieces.banned("Latn")
    assert not latin[pieces.end]
    assert not latin[pieces.bare(["chat"])[0][0]]
    with pytest.raises(InputError, match="no piece in the script"):
        pieces.banned("Deva")


def test_what_is_never_written_is_found_once_a_script(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces, every = (load_base(str(family("t5").random), {})[1] for _ in range(2))
    walks = []
    monkeypatch.setattr(pieces, "pieces", lambda: walks.append(1) or every.pieces())
    for script in (None, "Latn", None, "Latn", "Latn"):
        assert pieces.banned(script) == every.banned(script)
    assert len(walks) == 2


# -- learning and storing


@EACH
def test_training_lowers_the_loss(family: Family, name: str) -> None:
    losses = family(name).losses
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


@EACH
def test_frozen_embeddings_stay(family: Family, name: str) -> None:
    made = family(name)
    recipe = Recipe.model_validate(
        {
            "recipe": 1, "task": "translate", "about": "toy",
            "model": {"base": str(made.random), "max_length": 48, "freeze": "embeddings"},
            "stages": [{"name": "a", "data": [{"files": ["x"]}], "steps": 3, "lr": 1e-2, "weight_decay": 0.1}],
        }
    )  # fmt: skip
    session = Session(resolve(recipe))
    session.build_pairs([], [], lambda _: None, symbols=False, names={})
    before = {key: tensor.clone() for key, tensor in session.model.hf.state_dict().items()}
    features = features_of(session.tokenizer, toy_pairs(40), *made.langs)
    [stage] = session.recipe.stages
    steps, _ = session.plan(features, stage, 1, [0] * len(features))
    session.begin(stage)
    assert len(list(session.fit(features, steps, 0, stage, 1, lambda _: None))) == 3
    session.settle()
    changed = [key for key, tensor in session.model.hf.state_dict().items() if not torch.equal(tensor, before[key])]
    assert not [key for key in changed if "shared" in key or "embed_tokens" in key]
    assert any("encoder." in key for key in changed)
    assert any("decoder." in key for key in changed)


def test_each_side_may_have_embeddings_of_its_own() -> None:
    config = transformers.MarianConfig(
        vocab_size=20, decoder_vocab_size=30, share_encoder_decoder_embeddings=False, tie_word_embeddings=False,
        d_model=8, encoder_layers=1, decoder_layers=1, encoder_attention_heads=1, decoder_attention_heads=1,
        encoder_ffn_dim=8, decoder_ffn_dim=8, max_position_embeddings=8, pad_token_id=0, decoder_start_token_id=0,
    )  # fmt: skip
    model = Stock(transformers.MarianMTModel(config))
    loop.freeze(model, "embeddings")
    frozen = {name for name, weight in model.named_parameters() if not weight.requires_grad}
    assert {"hf.model.encoder.embed_tokens.weight", "hf.model.decoder.embed_tokens.weight"} <= frozen
    assert not any("layers" in name for name in frozen)


@EACH
def test_saved_and_loaded_it_answers_the_same(family: Family, name: str, tmp_path: Path) -> None:
    made = family(name)
    first = bundle.load(str(made.taught), "cpu", "translate")

    def fill(folder: Path) -> None:
        first.model.save(folder)
        first.tokenizer.save(folder)

    facts = {key: value for key, value in first.info.items() if key not in ("bundle", "sha256")}
    bundle.save(tmp_path / "again", fill, facts, "card\n", None)
    shutil.copytree(tmp_path / "again", tmp_path / "plain", ignore=shutil.ignore_patterns("bundle.json"))
    texts = [text for text, _ in toy_pairs(6, seed=3)]
    found = []
    for folder in (made.taught, tmp_path / "again", tmp_path / "plain"):
        one = bundle.load(str(folder), "cpu", "translate")
        sources = one.tokenizer.sources(texts, [""] * 6, [made.langs[0]] * 6)
        begin = one.tokenizer.begin(made.langs[1])
        found.append(answers(one.model, sources, one.tokenizer, begin=begin, beam=3, nbest=2, max_length=10))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("name", ["t5", "nllb"])
def test_a_run_from_recipe_to_answers(family: Family, name: str, tmp_path: Path) -> None:
    langs = family(name).langs
    for use, count, seed in (("train", 120, 0), ("dev", 10, 1)):
        rows = [
            {"src": source, "tgt": target, "src_lang": langs[0] or "eng", "tgt_lang": "hin-eng"}
            for source, target in toy_pairs(count, seed)
        ]
        (tmp_path / f"{use}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "recipe.yaml").write_text(
        "recipe: 1\ntask: translate\nabout: toy\n"
        "stages: [{name: a, data: [{files: [x.jsonl]}], epochs: 3, lr: 5.0e-3}]\n"
        f"model: {{base: {family(name).random}, max_length: 48}}\n"
    )
    options = ["options.codes={hin-eng: hin_Deva}"] if name == "nllb" else ["options.prefix='translate to {tgt}: '"]
    recipe = load_recipe(
        str(tmp_path / "recipe.yaml"),
        [f"data.train={tmp_path / 'train.jsonl'}", f"data.dev={tmp_path / 'dev.jsonl'}", *options],
    )
    said: list[str] = []
    path = train(recipe, tmp_path / "run", say=said.append)
    losses = [float(line.split("loss ")[1].split()[0]) for line in said if " loss " in line]
    assert losses[-1] < losses[0]
    row = PairRow("1", "the cat sees the dog", lang=langs[0] or "eng", target_lang="hin-eng")
    rows = [list(Predictor(str(path), task="translate", device="cpu")([row])) for _ in range(2)]
    assert rows[0] == rows[1]
    if name == "nllb":
        pieces = bundle.load(str(path), "cpu", "translate").tokenizer
        assert pieces.begin("hin-eng") == [2, pieces.codes["hin_Deva"]]


# -- languages


@pytest.mark.parametrize("name", MULTILINGUAL)
def test_languages_by_their_codes(family: Family, name: str) -> None:
    pieces = load_base(str(family(name).random), {})[1]
    english, french = codes(name)
    for spelling in ("eng_Latn", "eng", "en", "English"):
        assert pieces.code(spelling) == english
    assert pieces.code("fr") == french
    assert pieces.sources(["a"] * 2, ["", ""], ["eng", "fra"]) == [
        *pieces.sources(["a"], [""], ["en"]), *pieces.sources(["a"], [""], ["fra_Latn"]),
    ]  # fmt: skip
    hindi = {"mbart": "hi_IN", "mbart50": "hi_IN", "m2m_100": "hi", "nllb": "hin_Deva"}[name]
    assert pieces.code("hin_Deva") == hindi
    chinese = {"mbart": "zh_CN", "mbart50": "zh_CN", "m2m_100": "zh", "nllb": "zho_Hans"}[name]
    assert pieces.code("cmn_Hans") == chinese
    arabic = {"mbart": "ar_AR", "mbart50": "ar_AR", "m2m_100": "ar", "nllb": "arb_Arab"}[name]
    assert pieces.code("arb_Arab") == pieces.code("ar") == arabic
    estonian = {"mbart": "et_EE", "mbart50": "et_EE", "m2m_100": "et", "nllb": "est_Latn"}[name]
    assert pieces.code("et") == estonian
    for unknown in ("tlh", "hin-eng", "xx_YY", ""):
        with pytest.raises(InputError) as caught:
            pieces.code(unknown)
        assert unknown in caught.value.message or "name no language" in caught.value.message
        assert next(iter(pieces.codes)) in caught.value.hint
        assert f"options.codes.{unknown or 'LANG'}=CODE" in caught.value.hint
        with pytest.raises(InputError):
            pieces.begin(unknown)
    named = load_base(str(family(name).random), {"hin-eng": hindi, "tlh": "nonsense"})[1]
    assert named.code("hin-eng") == hindi
    assert named.begin("hin-eng")[-1] == pieces.codes[hindi]
    with pytest.raises(InputError, match="`nonsense`"):
        named.code("tlh")


def test_a_model_without_codes_takes_any_language(family: Family) -> None:
    pieces: PretrainedPieces = load_base(str(family("t5").random), {})[1]
    assert pieces.code("eng_Latn") is None
    assert pieces.begin("whatever") == [0]


# -- what is no such model


def test_an_encoder_is_refused(tmp_path: Path, tiny_model: Path) -> None:
    config = transformers.BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    transformers.BertForTokenClassification(config).save_pretrained(tmp_path)
    shutil.copy(tiny_model / "tokenizer.json", tmp_path)
    shutil.copy(tiny_model / "tokenizer_config.json", tmp_path)
    for call in (lambda: load_base(str(tmp_path), {}), lambda: bundle.load(str(tmp_path), "cpu", "translate")):
        with pytest.raises(InputError, match="is a bert, no encoder-decoder"):
            call()


def test_pickles_are_refused(family: Family, tmp_path: Path) -> None:
    folder = shutil.copytree(family("t5").random, tmp_path / "t5")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    for call in (lambda: load_base(str(folder), {}), lambda: bundle.load(str(folder), "cpu", "translate")):
        with pytest.raises(InputError, match="pickle"):
            call()
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(InputError, match="no weights"):
        load_base(str(folder), {})


def test_damaged_files_are_one_clear_error(family: Family, tmp_path: Path) -> None:
    folder = shutil.copytree(family("t5").random, tmp_path / "t5")
    (folder / "model.safetensors").write_bytes(b"\0" * 50)
    with pytest.raises(InputError, match="damaged"):
        load_base(str(folder), {})


def test_a_t5_without_a_start_begins_with_pad(family: Family, tmp_path: Path) -> None:
    folder = shutil.copytree(family("t5").random, tmp_path / "t5")
    facts = json.loads((folder / "config.json").read_text())
    facts.pop("decoder_start_token_id")
    (folder / "config.json").write_text(json.dumps(facts))
    model, pieces, _ = load_base(str(folder), {})
    assert pieces.begin("") == [pieces.pad] == [model.config.decoder_start_token_id]
    features = features_of(pieces, toy_pairs(3))
    found = generate.outputs(
        [model], questions([f.ids for f in features], [0]), pieces, Decoding(max_length=3), longest=48, batch_tokens=99
    )
    assert len(found) == 3
    assert isinstance(model, torch.nn.Module)
