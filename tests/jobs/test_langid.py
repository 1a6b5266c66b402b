"""`nlpkit langid` as a job: one answer a line, und and zxx, words, encoders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nlpkit.errors import InputError
from nlpkit.jobs import langid as job
from nlpkit.jobs.prepare import load_recipe
from nlpkit.jobs.train import train
from nlpkit.metrics.codemixing import cmi


@pytest.fixture(scope="session")
def sample_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Trained on the sample corpus, seven languages."""
    out = tmp_path_factory.mktemp("langid")
    return str(train(load_recipe("langid/samples", ["model.scratch.epochs=6", "model.scratch.refine=2"]), out / "run"))


TEXTS = [
    "Amina went home to the market.",
    "Rais alifika jana jioni.",
    "12345",
    "",
    "الرئيس وصل أمس",
    "सुनीता घर गई",
    "ok = 3;",
]


def test_every_text_has_an_answer(sample_model: str) -> None:
    answers = job.Identifier(sample_model)(TEXTS)
    assert [answer.label for answer in answers] == [
        "eng_Latn", "swh_Latn", "zxx", "zxx", "arb_Arab", "hin_Deva", "zxx",
    ]  # fmt: skip
    assert [answer.script for answer in answers] == ["Latn", "Latn", "Zyyy", "Zyyy", "Arab", "Deva", "Latn"]
    assert answers[0].name == "English"
    assert answers[2].name == "no language"


def test_und_where_it_is_short_unsure_or_in_another_script(sample_model: str) -> None:
    assert job.Identifier(sample_model, min_chars=5)(["home"])[0].label == "und"
    assert job.Identifier(sample_model, min_score=1.0)(["home market"])[0].label == "und"
    assert [answer.label for answer in job.Identifier(sample_model)(["日本語です", "한국어"])] == ["und", "und"]


def test_only_takes_codes_names_areas_and_macrolanguages(sample_model: str) -> None:
    text = ["the market was closed"]
    assert job.Identifier(sample_model, only=["africa"], min_score=0)(text)[0].label == "swh_Latn"
    assert set(job.Identifier(sample_model, only=["hin", "ara"]).allowed or []) == {"hin_Deva", "hin_Latn", "arb_Arab"}
    assert job.Identifier(sample_model, only=["swa"]).allowed == ["swh_Latn"]
    with pytest.raises(InputError, match="means no language of this model"):
        job.Identifier(sample_model, only=["klingon"])


def test_top_is_sorted_and_begins_with_the_answer(sample_model: str) -> None:
    (answer,) = job.Identifier(sample_model, top=4)(["Amina went home"])
    assert answer.top[0] == (answer.label, answer.score)
    assert [score for _, score in answer.top] == sorted((score for _, score in answer.top), reverse=True)


def test_words_have_offsets_and_every_word_a_language(sample_model: str) -> None:
    text = "main kal market gaya tha, the shop was closed 123"
    found = job.Identifier(sample_model, only=["hin_Latn", "eng_Latn"]).words(text)
    assert [text[word.start : word.end] for word in found] == [word.text for word in found]
    assert "".join(word.text for word in found) == text.replace(" ", "")
    labels = {word.text: word.label for word in found}
    assert labels[","] == labels["123"] == "zxx"
    assert labels["the"] == labels["was"] == "eng_Latn"
    assert {word.label for word in found} <= {"hin_Latn", "eng_Latn", "zxx"}
    assert 0 <= job.mixing(found) <= 50
    assert job.Identifier(sample_model).words("") == []
    assert [word.label for word in job.Identifier(sample_model).words("12 !")] == ["zxx", "zxx"]


def test_code_mixing_index() -> None:
    assert cmi(["a", "a", "b", None]) == pytest.approx(100 / 3)
    assert cmi(["a", "a"]) == 0
    assert cmi([None]) == cmi([]) == 0


def test_words_in_a_script_of_no_candidate_are_und(sample_model: str) -> None:
    found = job.Identifier(sample_model, only=["swh"]).words("你好 hello 123")
    assert [(word.text, word.label) for word in found] == [
        ("你", "und"), ("好", "und"), ("hello", "swh_Latn"), ("123", "zxx"),
    ]  # fmt: skip


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_an_encoder_learns_the_same_task(tmp_path: Path, pooling: str) -> None:
    overrides = [
        "model.scratch.arch=bert", "model.scratch.hidden=48", "model.scratch.layers=1", "model.scratch.heads=2",
        "model.scratch.vocabulary=1500", f"model.pooling={pooling}", "stages.0.epochs=20", "stages.0.lr=5e-3",
        "stages.0.batch_tokens=512",
    ]  # fmt: skip
    model = train(load_recipe("langid/samples", overrides), tmp_path / "run")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["test"]["macro_f1"] > 0.8
    identifier = job.Identifier(str(model), top=2, min_score=0)
    answers = identifier(["", "12", "الرئيس وصل أمس", "x " * 2000])
    assert [answer.label for answer in answers[:3]] == ["zxx", "zxx", "arb_Arab"]
    assert len(answers[2].top) == 2
    with pytest.raises(InputError, match="cannot be told which labels"):
        job.Identifier(str(model), only=["eng"])(["hello"])
