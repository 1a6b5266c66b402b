from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

import pytest

from nlpkit.data.rows import TokenRow
from nlpkit.errors import CheckFailed, InputError
from nlpkit.jobs import export
from nlpkit.jobs.predict import Predictor

WORDS = ("Amina", "Otieno", "went", "to", "Kisumu", "3", ".")


def test_a_spacy_package_holds_the_model(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spacy.tokens import Doc

    out = export.export(str(tiny_model), "spacy", tmp_path / "out")
    assert (out / "en_nlpkit_ner" / "__init__.py").is_file()
    assert 'name = "en_nlpkit_ner"' in (out / "pyproject.toml").read_text()
    monkeypatch.setattr(sys, "path", [str(out), *sys.path])
    nlp = import_module("en_nlpkit_ner").load()  # what spacy.load does with an installed package
    doc = nlp(Doc(nlp.vocab, words=list(WORDS)))
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("Amina Otieno", "PER"), ("Kisumu", "LOC")]
    many = list(nlp.pipe(["Juma went home to Kisumu 1 ."] * 3))
    assert [[ent.text for ent in one.ents] for one in many] == [["Juma", "Kisumu"]] * 3
    nlp.to_disk(tmp_path / "again")  # the weights go along
    assert (tmp_path / "again" / "nlpkit" / "model.safetensors").is_file()


def test_onnx_gives_the_same_tags(tiny_model: Path, tmp_path: Path) -> None:
    from nlpkit.engine.onnx_model import Runner

    out = export.export(str(tiny_model), "onnx", tmp_path / "out")
    predictor = Predictor(str(tiny_model), device="cpu")
    rows = [TokenRow("1", WORDS), TokenRow("2", WORDS * 40), TokenRow("3", ())]
    expected = [row.tags for row in predictor(rows)]
    predictor.replace_model(Runner(out))
    assert [row.tags for row in predictor(rows)] == expected
    assert json.loads((out / "bundle.json").read_text())["task"] == "ner"
    assert not (out / "model.safetensors").exists()


@pytest.mark.parametrize("target", export.TARGETS)
def test_an_export_that_tags_otherwise_fails_and_leaves_nothing(
    target: str, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(model: Path, *rest: object) -> object:
        return lambda rows: [["B-PER"] * len(row.tokens) for row in rows]

    monkeypatch.setattr(export, f"_{target}", wrong)
    with pytest.raises(CheckFailed, match="what was written tags"):
        export.export(str(tiny_model), target, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_exported_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is there already"):
        export.export(str(tiny_model), "onnx", tmp_path)
    with pytest.raises(InputError, match="no model folder"):
        export.export(str(tmp_path / "none"), "onnx", tmp_path / "x")
    assert not (tmp_path / "x").exists()
