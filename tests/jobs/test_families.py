"""The same cards, scorer and run directory for every family: linear CRF, spaCy, BiLSTM."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from toy import write_toy

from nlpkit.config.recipe import Source
from nlpkit.data.rows import TokenRow
from nlpkit.errors import InputError, Preempted
from nlpkit.jobs.evaluate import evaluate
from nlpkit.jobs.predict import Predictor
from nlpkit.jobs.prepare import load_recipe
from nlpkit.jobs.train import dry_run, train

FAMILIES = {
    "crf": ["model.scratch.arch=crf"],
    "spacy": ["model.spacy=efficiency", "model.spacy.max_steps=120", "model.spacy.eval_every=40"],
}
WORDS = ("Amina", "Otieno", "went", "to", "Kisumu", "3", ".")


def trained(folder: Path, family: str, *more: str) -> Path:
    write_toy(folder / "train.conll", 60)
    write_toy(folder / "dev.conll", 12)
    files = [f"data.train={folder / 'train.conll'}", f"data.dev={folder / 'dev.conll'}", "data.lang=eng_Latn"]
    return train(load_recipe("ner", [*FAMILIES[family], *files, *more]), folder / "run")


@pytest.fixture(scope="module", params=list(FAMILIES))
def learned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp(request.param), request.param)


def test_the_toy_is_learned_into_a_run_directory_of_the_same_shape(learned: Path) -> None:
    run = learned.parent
    names = {path.name for path in run.iterdir()}
    assert names == {
        "DONE", "data.json", "environment.json", "gold", "log.txt", "metrics.json", "model", "predictions",
        "recipe.yaml",
    }  # fmt: skip
    assert json.loads((run / "metrics.json").read_text())["dev"]["f1"] > 0.95
    assert "library_name" in (learned / "README.md").read_text()
    assert not any(path.suffix in (".bin", ".pt", ".pkl", ".pickle") for path in learned.iterdir())


def test_the_bundle_tags_rows_and_scores_as_the_run_said(learned: Path) -> None:
    rows = [TokenRow("1", WORDS), TokenRow("2", ()), TokenRow("3", WORDS * 300), TokenRow("4", ("\u200b", "\u00a0"))]
    found = list(Predictor(str(learned))(rows))
    assert found[0].tags == ("B-PER", "I-PER", "O", "O", "B-LOC", "O", "O")
    assert [len(row.tags or ()) for row in found] == [7, 0, 2100, 2]
    dev = Source.model_validate({"files": [str(learned.parent.parent / "dev.conll")], "format": "conll"})
    reported = json.loads((learned.parent / "metrics.json").read_text())["dev"]
    assert evaluate(str(learned), dev)["f1"] == reported["f1"]


def test_a_damaged_bundle_is_one_clear_error(learned: Path, tmp_path: Path) -> None:
    target = "model.crfsuite" if (learned / "model.crfsuite").exists() else "pipeline/ner/model"
    for name in (target, "config.json", "bundle.json"):
        shutil.copytree(learned, tmp_path / "m")
        data = (learned / name).read_bytes()
        (tmp_path / "m" / name).write_bytes(data[:20] if name != target else data[:-30] + bytes(30))
        with pytest.raises(InputError, match="damaged"):
            list(Predictor(str(tmp_path / "m"))([TokenRow("1", WORDS)]))
        shutil.rmtree(tmp_path / "m")


def test_a_flipped_bit_is_noticed(learned: Path, tmp_path: Path) -> None:
    target = "model.crfsuite" if (learned / "model.crfsuite").exists() else "pipeline/vocab/strings.json"
    shutil.copytree(learned, tmp_path / "m")
    data = bytearray((learned / target).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "m" / target).write_bytes(data)
    with pytest.raises(InputError, match="not what was saved"):
        Predictor(str(tmp_path / "m"))
    (tmp_path / "m" / target).unlink()
    with pytest.raises(InputError, match=r"is missing|no weights"):
        Predictor(str(tmp_path / "m"))


def test_what_the_kind_of_model_cannot_do_is_refused(learned: Path) -> None:
    for options in ({"device": "cuda"}, {"precision": "bf16"}, {"nbest": 3}, {"batch_tokens": 64}):
        with pytest.raises(InputError):
            Predictor(str(learned), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("family", list(FAMILIES))
def test_the_same_recipe_gives_the_same_tags(family: str, tmp_path: Path) -> None:
    answers = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        model = trained(tmp_path / name, family, "seed=7")
        answers.append([row.tags for row in Predictor(str(model))([TokenRow("1", WORDS[::-1])])])
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("family", "override", "what"),
    [
        ("crf", "stages.0.lr=1", "the family crf has no lr"),
        ("crf", "stages.0.epochs=1", "the family crf has no epochs"),
        ("spacy", "stages.0.data.0.weight=2", "the family spacy has no weight"),
        ("spacy", "precision=bf16", "the family spacy has no precision"),
        ("crf", "model.trim_vocabulary=true", "`trim_vocabulary` is for a `base`"),
        ("crf", "model.max_length=64", "reads rows whole"),
        ("crf", "stages.0.data.0.rename={PER: 'a b'}", "empty or holds a blank"),
        ("crf", "model.crf=true", "`crf` and `pooling` are for encoders"),
        ("crf", "model.embeddings=x.vec", "`embeddings` is for"),
    ],
)
def test_keys_that_a_family_would_ignore_are_refused(family: str, override: str, what: str) -> None:
    with pytest.raises(InputError, match=what):
        load_recipe("ner", [*FAMILIES[family], override])


def test_words_nobody_annotated_cut_a_row_for_the_crf(tmp_path: Path) -> None:
    lines = [
        f"{word} {tag}"
        for word, tag in zip(["the", "cat", "saw", "it", "."], ["DET", "NOUN", "_", "PRON", "PUNCT"], strict=True)
    ]
    (tmp_path / "t.conll").write_text(("\n".join(lines) + "\n\n") * 9)
    recipe = load_recipe("pos", ["model.scratch.arch=crf", f"data.train={tmp_path / 't.conll'}"])
    model = train(recipe, tmp_path / "run")
    (row,) = Predictor(str(model))([TokenRow("1", ("the", "cat", "saw"))])
    assert (row.tags or ())[:2] == ("DET", "NOUN")
    assert "_" not in (row.tags or ())


def test_spacy_without_dev_rows_says_which_rows_it_used(tmp_path: Path) -> None:
    write_toy(tmp_path / "train.conll", 40)
    said: list[str] = []
    train(
        load_recipe("ner", [*FAMILIES["spacy"], f"data.train={tmp_path / 'train.conll'}"]),
        tmp_path / "r",
        say=said.append,
    )
    assert any("every tenth training row (4)" in text for text in said)


def test_dry_run_writes_nothing(tmp_path: Path) -> None:
    write_toy(tmp_path / "train.conll", 5)
    recipe = load_recipe("ner", [*FAMILIES["crf"], f"data.train={tmp_path / 'train.conll'}"])
    assert "B-LOC" in dry_run(recipe)["labels"]
    assert [path.name for path in tmp_path.iterdir()] == ["train.conll"]


@pytest.mark.parametrize("family", list(FAMILIES))
def test_a_signal_stops_it_and_the_same_command_begins_again(family: str, tmp_path: Path) -> None:
    sent: list[int] = []

    def tick(done: int, total: int, text: str) -> None:
        if not sent:
            sent.append(done)
            signal.raise_signal(signal.SIGTERM)

    write_toy(tmp_path / "train.conll", 30)
    write_toy(tmp_path / "dev.conll", 8)
    files = [f"data.train={tmp_path / 'train.conll'}", f"data.dev={tmp_path / 'dev.conll'}"]
    recipe = load_recipe("ner", [*FAMILIES[family], *files])
    with pytest.raises(Preempted):
        train(recipe, tmp_path / "run", tick=tick)
    assert sent
    assert not (tmp_path / "run" / "DONE").exists()
    said: list[str] = []
    model = train(recipe, tmp_path / "run", say=said.append)
    assert any("begins again" in text for text in said)
    assert model.is_dir()


def test_a_linear_crf_tags_without_torch(tmp_path: Path) -> None:
    model = trained(tmp_path, "crf")
    code = (
        "import sys; from nlpkit.jobs.predict import predict; from nlpkit.data.rows import TokenRow; "
        f"print(list(predict([TokenRow('1', ('Juma',))], {str(model)!r}))[0].tags, "
        "sorted({'torch', 'transformers', 'spacy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "('B-PER',) []\n"


def test_an_installed_pipeline_tags_and_one_that_is_not_there_says_so(tmp_path: Path) -> None:
    import spacy

    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("attribute_ruler")
    ruler.add([[{"LOWER": "went"}]], {"POS": "VERB"})  # type: ignore[attr-defined]
    nlp.to_disk(tmp_path / "p")
    name = f"spacy:{tmp_path / 'p'}"
    raw = TokenRow("1", ("don't", "went"), text="don't went", offsets=[(0, 5), (6, 10)], raw=True)
    (row,) = Predictor(name, task="pos")([raw])
    assert row.tokens == ("do", "n't", "went")  # the pipeline's own tokenizer
    assert row.tags == ("_", "_", "VERB")
    assert row.scores is None
    with pytest.raises(InputError, match="has no component ner"):
        Predictor(name, task="ner")
    with pytest.raises(InputError, match="cannot load the spaCy pipeline `no_such`"):
        Predictor("spacy:no_such", task="pos")


def test_a_name_that_no_row_has_cannot_be_renamed_and_o_is_outside(tmp_path: Path) -> None:
    write_toy(tmp_path / "t.conll", 8)
    common = [*FAMILIES["crf"], f"data.train={tmp_path / 't.conll'}"]
    with pytest.raises(InputError, match="no label is called `PRE`; did you mean `PER`"):
        train(load_recipe("ner", [*common, "data.rename={PRE: X}"]), tmp_path / "r")
    assert not (tmp_path / "r").exists()
    model = train(load_recipe("ner", [*common, "data.rename={PER: O, LOC: PLACE}"]), tmp_path / "r")
    assert json.loads((model / "bundle.json").read_text())["labels"] == ["O", "B-PLACE", "I-PLACE"]


def test_vectors_of_a_pipeline_that_is_not_installed(tmp_path: Path) -> None:
    write_toy(tmp_path / "t.conll", 8)
    recipe = load_recipe("ner", ["model.spacy.base=no_such_md", f"data.train={tmp_path / 't.conll'}"])
    for call in (lambda: dry_run(recipe), lambda: train(recipe, tmp_path / "r")):
        with pytest.raises(InputError, match="no pipeline `no_such_md` is installed"):
            call()
    assert not (tmp_path / "r").exists()
