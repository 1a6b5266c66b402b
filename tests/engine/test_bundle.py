from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from transformers import (
    BertForTokenClassification,
    DebertaV2Config,
    DebertaV2Model,
    ModernBertConfig,
    ModernBertModel,
    RobertaConfig,
    RobertaModel,
    XLMRobertaConfig,
    XLMRobertaModel,
    pipeline,
)

from nlpkit.config import bundle_info, places
from nlpkit.config.decoding import changed as changed_decoding
from nlpkit.data.rows import PairRow, TextRow, TokenRow
from nlpkit.engine import bundle, encoders, pretrained
from nlpkit.errors import InputError, NlpkitError
from nlpkit.jobs.models import facts
from nlpkit.jobs.predict import Predictor
from nlpkit.text.spans import to_spans

TEXTS = ["Amina Otieno went to Kisumu 3 .", "Juma went home to Dar es Salaam 7 .", "home to Juma ."]


def test_transformers_pipeline_reads_it_with_the_same_entities(tiny_model: Path) -> None:
    theirs = pipeline("token-classification", str(tiny_model), aggregation_strategy="simple", device="cpu")
    predictor = Predictor(str(tiny_model), device="cpu")
    names = 0
    for text in TEXTS:
        (row,) = predictor([TokenRow("1", tuple(text.split()))])
        ours = [(span.label, " ".join(row.tokens[span.start : span.end])) for span in to_spans(row.tags or ())]
        found = [(entity["entity_group"], text[entity["start"] : entity["end"]].strip()) for entity in theirs(text)]
        assert ours == found
        names += len(ours)
    assert names >= 4


def test_a_foreign_folder_loads_here(tmp_path: Path, tiny_model: Path) -> None:
    """A folder as transformers writes it, without bundle.json."""
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_model / name, tmp_path / name)
    rows = [TokenRow("1", tuple(text.split())) for text in TEXTS]
    ours = [row.tags for row in Predictor(str(tiny_model))(rows)]
    assert [row.tags for row in Predictor(str(tmp_path))(rows)] == ours


def test_a_foreign_folder_without_names_for_its_labels_is_refused(tmp_path: Path, tiny_model: Path) -> None:
    shutil.copytree(tiny_model, tmp_path / "m")
    (tmp_path / "m" / "bundle.json").unlink()
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    config["id2label"] = {number: f"LABEL_{number}" for number in config["id2label"]}
    config["label2id"] = {label: int(number) for number, label in config["id2label"].items()}
    (tmp_path / "m" / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="LABEL_0"):
        bundle.load(str(tmp_path / "m"))


class Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("/tmp/nlpkit-was-here"),))


def test_a_pickle_is_never_opened(tmp_path: Path, tiny_model: Path) -> None:
    shutil.copytree(tiny_model, tmp_path / "m")
    (tmp_path / "m" / "model.safetensors").unlink()
    (tmp_path / "m" / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(InputError, match="pickle"):
        bundle.load(str(tmp_path / "m"))
    assert not Path("/tmp/nlpkit-was-here").exists()


def test_labels_that_disagree_are_refused(tmp_path: Path, tiny_model: Path) -> None:
    shutil.copytree(tiny_model, tmp_path / "m")
    info = json.loads((tmp_path / "m" / "bundle.json").read_text())
    info["labels"] = info["labels"][::-1]
    (tmp_path / "m" / "bundle.json").write_text(json.dumps(info))
    with pytest.raises(InputError, match="disagree"):
        bundle.load(str(tmp_path / "m"))


def test_a_bundle_of_a_newer_format_says_so(tmp_path: Path, tiny_model: Path) -> None:
    shutil.copytree(tiny_model, tmp_path / "m")
    info = json.loads((tmp_path / "m" / "bundle.json").read_text())
    (tmp_path / "m" / "bundle.json").write_text(json.dumps({**info, "bundle": 99}))
    with pytest.raises(InputError, match="format 99"):
        bundle.load(str(tmp_path / "m"))


SIZE = {"vocab_size": 400, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
FAMILIES = [
    (RobertaConfig, RobertaModel, {"max_position_embeddings": 66}),
    (XLMRobertaConfig, XLMRobertaModel, {"max_position_embeddings": 66}),
    (DebertaV2Config, DebertaV2Model, {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]}),
    (ModernBertConfig, ModernBertModel, {"global_attn_every_n_layers": 1}),
]


@pytest.mark.parametrize(("config", "kind", "more"), FAMILIES, ids=[kind.__name__ for _, kind, _ in FAMILIES])
def test_encoders_of_every_family_take_a_new_head(tmp_path: Path, config: type, kind: type, more: dict) -> None:
    torch.manual_seed(0)
    tokenizer = encoders.train_tokenizer([text.split() for text in TEXTS], 200, 64)
    special = {"pad_token_id": 0, "cls_token_id": 2, "bos_token_id": 2, "sep_token_id": 3, "eos_token_id": 3}
    kind(config(**SIZE, **more, **special)).save_pretrained(tmp_path)
    tokenizer.hf.save_pretrained(tmp_path)
    model, pieces, longest = pretrained.load_base(str(tmp_path), ["O", "B-X", "I-X"])
    assert longest == 64
    assert model.config.id2label == {0: "O", 1: "B-X", 2: "I-X"}
    ids = torch.tensor([[*pieces.prefix, *pieces.pieces([["Juma"]])[0][0], *pieces.suffix]])
    assert model(input_ids=ids).logits.shape[-1] == 3


def test_words_without_sub_words_keep_their_place(tiny_model: Path) -> None:
    tokens = ("Juma", "\u200b", "went", "\u00ad", "home", "\u200e")
    (row,) = Predictor(str(tiny_model))([TokenRow("1", tokens)])
    assert row.tokens == tokens
    assert row.tags is not None
    assert len(row.tags) == 6
    tokenizer = pretrained.load_tokenizer(tiny_model)
    assert all(pieces for pieces in tokenizer.pieces([tokens])[0])


def test_a_bf16_checkpoint_is_trained_in_fp32(tmp_path: Path, tiny_model: Path) -> None:
    model = BertForTokenClassification.from_pretrained(tiny_model, dtype=torch.bfloat16)
    model.save_pretrained(tmp_path)
    pretrained.load_tokenizer(tiny_model).hf.save_pretrained(tmp_path)
    found, _, _ = pretrained.load_base(str(tmp_path), ["O", "B-X", "I-X"])
    assert {weight.dtype for weight in found.parameters()} == {torch.float32}


def test_the_tokenizer_is_the_same_bytes_each_time() -> None:
    rows = [text.split() for text in TEXTS] * 20
    made = {encoders.train_tokenizer(rows, 300, 64).hf.backend_tokenizer.to_str() for _ in range(5)}
    assert len(made) == 1


def test_lower_precision_still_tags(tiny_model: Path) -> None:
    rows = [TokenRow("1", tuple(text.split())) for text in TEXTS]
    plain = [row.tags for row in Predictor(str(tiny_model), device="cpu")(rows)]
    for precision in ("bf16", "int8"):
        assert [row.tags for row in Predictor(str(tiny_model), device="cpu", precision=precision)(rows)] == plain


ODD = (None, 3, "x", [], {}, [3], True, -1)
ROWS = {
    "tokens": TokenRow("1", ("Juma", "went")),
    "texts": TextRow("1", "Juma went"),
    "pairs": PairRow("1", "Juma went"),
}


@pytest.mark.parametrize("task", ["ner", "langid", "translate"])
def test_an_odd_value_in_bundle_json_is_one_error_that_names_the_key(tmp_path: Path, task: str) -> None:
    folder = Path(shutil.copytree(places.model(task), tmp_path / task))
    path = folder / "bundle.json"
    info = json.loads(path.read_text())
    keys = [(key,) for key in info]
    keys += [(key, inner) for key in ("options", "calibration", "metrics") for inner in info.get(key, {})]
    said: list[tuple[str, str]] = []
    for *outer, last in keys:
        for value in ODD:
            changed = json.loads(json.dumps(info))
            (changed[outer[0]] if outer else changed)[last] = value
            path.write_text(json.dumps(changed))
            try:
                predictor = Predictor(str(folder), decoding=lambda usual: changed_decoding(usual, {"beam": 1}))
                list(predictor([ROWS[predictor.task.head]]))
                facts(folder)
            except NlpkitError as error:
                said.append((last, error.message))
    assert len(said) > 4 * len(info)
    for key, message in said:
        assert str(folder) in message
        assert key in message or key in ("sha256", *info["options"])


@pytest.mark.parametrize("text", ["[" * 100_000, "[3]", "3", "\udcff", '{"bundle": null}', "{}"])
def test_a_bundle_json_that_is_no_object_of_keys_is_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / "bundle.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match="is damaged"):
        bundle_info.read(tmp_path)


def test_keys_of_other_versions_are_left_alone(tmp_path: Path, tiny_model: Path) -> None:
    info = {**json.loads((tiny_model / "bundle.json").read_text()), "later": {"x": None}}
    (tmp_path / "bundle.json").write_text(json.dumps(info))
    assert bundle_info.read(tmp_path) == info


def test_whoever_may_read_the_card_may_read_the_weights(tiny_model: Path) -> None:
    modes = {path.stat().st_mode for path in tiny_model.iterdir()}
    assert len(modes) == 1
