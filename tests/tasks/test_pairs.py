"""Translation and pronunciation: a toy that must be learned, long texts, tags of languages, odd answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from toy_translate import RNN, TRANSFORMER, recipe, toy_pairs, write, write_toys

from nlpkit.config.decoding import Decoding
from nlpkit.data.features import Feature, Output
from nlpkit.data.rows import PairRow
from nlpkit.errors import InputError
from nlpkit.jobs.evaluate import evaluate
from nlpkit.jobs.predict import Predictor
from nlpkit.jobs.prepare import load_recipe
from nlpkit.jobs.train import train
from nlpkit.tasks.base_pairs import PairTask
from nlpkit.tasks.g2p import G2p
from nlpkit.tasks.translate import Translate


@pytest.fixture(scope="module", params=["rnn", "transformer"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    files = write_toys(folder)
    arch = RNN if request.param == "rnn" else TRANSFORMER
    return train(load_recipe(str(recipe(folder)), [*files, *arch]), folder / "run")


def test_the_toy_is_learned_scored_and_kept(model: Path) -> None:
    run = model.parent
    scores = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["dev"]
    assert scores["bleu"] > (50 if "rnn" in str(run) else 80)  # an LSTM needs longer to look at the right place
    assert scores["interval"][0] <= scores["bleu"] <= scores["interval"][1]
    from nlpkit.config.recipe import Source

    again = evaluate(str(model), Source.model_validate({"files": [str(run.parent / "dev.jsonl")], "format": "jsonl"}))
    assert again["bleu"] == pytest.approx(scores["bleu"], abs=1e-6)
    card = (model / "README.md").read_text(encoding="utf-8")
    assert "From eng to fra." in card
    assert "BLEU" in card
    info = json.loads((model / "bundle.json").read_text(encoding="utf-8"))
    assert (info["head"], info["languages"], info["target_languages"]) == ("pairs", ["eng"], ["fra"])


def test_every_row_and_every_part_is_answered(model: Path) -> None:
    predictor = Predictor(str(model), task="translate")
    long = ". ".join(a for a, _ in toy_pairs(60, 3)) + "."
    rows = [PairRow("1", "the cat"), PairRow("2", ""), PairRow("3", long), PairRow("4", "the dog\n\nthe cat")]
    found = list(predictor(rows))
    assert [row.id for row in found] == ["1", "2", "3", "4"]
    assert (found[0].target, found[1].target, found[3].target) == ("le chat", "", "le chien\n\nle chat")
    assert len((found[2].target or "").split()) > 0.6 * len(long.split())
    alone = [next(iter(predictor([row]))).target for row in rows]
    assert alone == [row.target for row in found]


def test_what_was_never_seen_is_told(model: Path) -> None:
    predictor = Predictor(str(model), task="translate")
    list(predictor([PairRow("7", "the 猫", line=3), PairRow("8", "the cat")]))
    assert [row.id for row in predictor.task.unknown] == ["7"]
    odd = predictor.task.decode(
        PairRow("1", "the cat sees the dog"),
        [(Feature(0, [1], None, [], [], [], 0), Output([], None, texts=[("x" * 300, -1.0)]))],
    )
    assert predictor.task.odd_rows[0] is odd


def test_of_rows_to_be_told_of_only_the_first_is_kept() -> None:
    task = Translate(Translate.Options(), [])
    task.ratio = (0.0, 0.1)

    class Pieces:
        unknown = 1

        def sources(self, texts: list[str], tags: list[str], langs: list[str]) -> list[list[int]]:
            return [[2, int("?" not in text)] for text in texts]

        def begin(self, lang: str) -> list[int]:
            return [0]

    rows = [PairRow(str(number), text) for number, text in enumerate(["the cat?"] + ["the cat"] * 9)]
    for _ in range(2):  # as dev rows are, which are answered for again and again
        features = task.encode(rows, Pieces(), 8, learn=False)  # type: ignore[arg-type]
        long = Output([], None, texts=[("x" * 99, -1.0)])
        answered = [task.decode(rows[feature.row], [(feature, long)]) for feature in features]
    assert (len(task.unknown), list(task.unknown)) == (18, [rows[1]])
    assert (len(task.odd_rows), list(task.odd_rows)) == (20, [answered[0]])


def test_a_task_of_pairs_must_say_what_tells_its_languages() -> None:
    assert "tag" in PairTask.__abstractmethods__
    assert not (Translate.__abstractmethods__ | G2p.__abstractmethods__)


PAIRS = """recipe: 1
task: translate
about: toy
model:
  base: some/model
  {}
stages:
  - name: a
    data: [{{files: [x.tsv]}}]
    {}
"""


@pytest.mark.parametrize(
    ("keys", "override", "what"),
    [
        (("freeze: body", ""), "", "line 6: model.freeze: translate has no head beside the body"),
        (("", ""), "model.freeze=body", "override: model.freeze: translate has no head beside the body"),
        (("", "layer_decay: 0.9"), "", "line 10: stages.0: the family pretrained of translate has no layer_decay"),
        (("", ""), "stages.0.layer_decay=0.5", "the family pretrained of translate has no layer_decay"),
    ],
)
def test_what_pairs_cannot_use_is_refused(tmp_path: Path, keys: tuple[str, str], override: str, what: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(PAIRS.format(*keys), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_recipe(str(path), [override] if override else None)
    assert what in caught.value.message
    path.write_text(PAIRS.format("freeze: embeddings", "layer_decay: 1.0"), encoding="utf-8")
    assert load_recipe(str(path)).model.freeze == "embeddings"


def test_several_targets_get_a_tag_and_one_that_is_not_known_is_refused(tmp_path: Path) -> None:
    rows = []
    for a, b in toy_pairs(200):
        rows += [
            {"src": a, "tgt": b, "src_lang": "eng", "tgt_lang": "fra"},
            {"src": a, "tgt": a.upper(), "src_lang": "eng", "tgt_lang": "hin-eng"},
        ]
    path = write(tmp_path / "train.jsonl", rows)
    more = [f"data.train={path}", "data.dev=" + str(path), *TRANSFORMER, "stages.0.epochs=12"]
    found = train(load_recipe(str(recipe(tmp_path)), more), tmp_path / "run")
    predictor = Predictor(str(found), task="translate")
    assert predictor.info["labels"] == ["<2fra>", "<2hin-eng>"]
    french, mixed = (
        next(iter(predictor([PairRow("1", "the big cat", target_lang=lang)]))).target for lang in ("fr", "hin-eng")
    )
    assert (french, mixed) == ("le grand chat", "THE BIG CAT")
    with pytest.raises(InputError, match="has no `<2deu>`") as error:
        list(predictor([PairRow("1", "the cat", target_lang="deu", line=4)]))
    assert "<2fra>" in error.value.hint
    with pytest.raises(InputError):
        list(predictor([PairRow("1", "the cat")]))


def test_pronunciation_letters_are_apart_and_blanks_have_a_sign() -> None:
    task = G2p(G2p.Options(), [])
    assert task.source("한") == "\u1112 \u1161 \u11ab"
    assert task.source("Hà Nội").split() == ["H", "a", "\u0300", "\u2581", "N", "o", "\u0323", "\u0302", "i"]
    rows = [PairRow("1", "a", "x y", "fra"), PairRow("2", "b", "z", "fra"), PairRow("3", "c", "z", "deu")]
    guess = [PairRow("1", "a", "x y"), PairRow("2", "b", "y"), PairRow("3", "c", "z")]
    scores = task.score(rows, guess)
    assert (scores["wer"], scores["accuracy"]) == (25.0, 0.75)  # fra 50, deu 0
    assert task.statistic(task.counts(rows, guess).sum(0)[None])[0] == pytest.approx(0.75)
    assert task.score([], [])["accuracy"] == 0.0


def test_prefix_and_tokenizer_of_the_scores() -> None:
    task = Translate(Translate.Options(prefix="translate {src} to {tgt}: "), [])
    assert task.prefix(PairRow("1", "x", lang="eng", target_lang="yor")) == "translate eng to yor: "
    assert task.tokenize([PairRow("1", "x", target_lang="zho")]) == "zh"
    assert Translate(Translate.Options(tokenize="char"), []).tokenize([]) == "char"


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        ({"beam": 5, "groups": 2}, "multiple of groups"), ({"beam": 2, "nbest": 3}, "more than beam"),
        ({"top_k": 5}, "are for `sample`"), ({"force": ["a"], "sample": True}, "without groups"),
        ({"min_length": 9, "max_length": 3}, "more than max_length"),
    ],
)  # fmt: skip
def test_ways_to_choose_that_do_not_fit(keys: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        Decoding.model_validate(keys)
