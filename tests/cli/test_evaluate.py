"""nlpkit evaluate: a model or a file against the right tags."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from toy import TINY, write_toy

from nlpkit.config import places

Cli = Callable[..., Any]
GOLD = "Amina B-PER\nOtieno I-PER\nwent O\n\nJuma B-PER\nsat O\n\nKisumu B-LOC\nis O\nfar O\n\n"
KEYS = {
    "f1", "precision", "recall", "interval", "macro_f1", "lenient_f1", "accuracy", "per_type", "support", "rows",
    "tokens", "signature",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written("gold.conll", GOLD)
    written("half.conll", GOLD.replace("Juma B-PER", "Juma O"))


def written(name: str, text: str) -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def scores(cli: Cli, *args: str) -> dict[str, Any]:
    result = cli("evaluate", *args, "--json")
    assert result.code == 0, result.err
    return json.loads(result.out)


# -- files


def test_a_perfect_guess_scores_one(cli: Cli) -> None:
    found = scores(cli, "--gold", "gold.conll", "--guess", "gold.conll")
    assert found.keys() == KEYS
    assert [found[key] for key in ("f1", "precision", "recall", "macro_f1", "lenient_f1", "accuracy")] == [1.0] * 6
    assert (found["rows"], found["tokens"], found["support"]) == (3, 8, 3)
    assert found["per_type"]["PER"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 2}
    assert "mode:strict" in found["signature"]


def test_a_missed_entity_costs_recall_only(cli: Cli) -> None:
    found = scores(cli, "--gold", "gold.conll", "--guess", "half.conll")
    assert found["precision"] == 1.0
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["f1"] == pytest.approx(0.8)
    assert found["accuracy"] == pytest.approx(7 / 8)
    low, high = found["interval"]
    assert 0 <= low <= found["f1"] <= high <= 1


def test_i_where_b_belongs_scores_zero_strictly_and_one_leniently(cli: Cli) -> None:
    written("inside.conll", GOLD.replace("B-", "I-"))
    result = cli("evaluate", "--gold", "gold.conll", "--guess", "inside.conll", "--json")
    found = json.loads(result.out)
    assert found["f1"] == 0.0
    assert found["lenient_f1"] == 1.0
    assert "the gold looks like IOB2 and the guess `inside.conll` like IOB1; both are read as IOB2" in result.err


def test_a_scheme_that_is_named_is_the_one_used(cli: Cli) -> None:
    written("iob1.conll", GOLD.replace("B-", "I-"))
    found = scores(cli, "--gold", "iob1.conll", "--guess", "iob1.conll", "--scheme", "iob2")
    assert (found["f1"], found["support"]) == (0.0, 0), "as IOB2 there is no entity in it"
    assert scores(cli, "--gold", "iob1.conll", "--guess", "iob1.conll", "--scheme", "iob1")["support"] == 3


def test_files_of_two_formats_are_compared(cli: Cli) -> None:
    written("guess.jsonl", cli("data", "convert", "half.conll", "--to", "jsonl").out)
    assert scores(cli, "--gold", "gold.conll", "--guess", "guess.jsonl")["f1"] == pytest.approx(0.8)


def test_the_report_says_what_was_scored_and_how(cli: Cli) -> None:
    result = cli("evaluate", "--gold", "gold.conll", "--guess", "half.conll")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == "gold.conll: 3 rows, 8 tokens, 3 entities"
    assert lines[1].startswith("F1 0.8000  (95 %: ")
    assert "recall 0.6667" in lines[1]
    assert "lenient F1 0.8000" in lines[2]
    assert lines[3].startswith("spans|scheme:IOB2|mode:strict")


# -- by


def test_by_type_adds_a_line_a_type(cli: Cli) -> None:
    lines = cli("evaluate", "--gold", "gold.conll", "--guess", "half.conll", "--by", "type").out.splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines[5:]}
    assert rows["LOC"] == ["1.0000", "1.0000", "1.0000", "1"]
    assert rows["PER"] == ["1.0000", "0.5000", "0.6667", "2"]
    assert rows["micro"][-1] == "3"


def test_by_language_adds_a_score_a_language_and_their_mean(cli: Cli) -> None:
    sample = str(places.samples() / "test.conllu")
    args = ("--card", "samples_ner", "--guess", sample, "--column", "tag=misc:NER", "--by", "lang")
    found = scores(cli, *args)
    assert len(found["by_lang"]) == 7
    assert sum(part["rows"] for part in found["by_lang"].values()) == found["rows"] == 42
    assert found["macro_lang_f1"] == 1.0
    out = cli("evaluate", *args).out
    assert "swh_Latn" in out
    assert out.rstrip().endswith("macro over languages  1.0000")


def test_rows_without_a_language_are_undetermined(cli: Cli) -> None:
    found = scores(cli, "--gold", "gold.conll", "--guess", "half.conll", "--by", "lang")
    assert found["by_lang"].keys() == {"und"}
    assert found["macro_lang_f1"] == found["f1"]


# -- fail-under


@pytest.mark.parametrize(
    ("limit", "code"),
    [("f1=0.8", 0), ("f1=0.81", 1), ("recall=0.5", 0), ("precision=1", 0), ("accuracy=0.99", 1), ("macro_f1=0.9", 1),
     ("f1=-1", 0)],
)  # fmt: skip
def test_fail_under_is_exit_code_1_below_the_limit(cli: Cli, limit: str, code: int) -> None:
    result = cli("evaluate", "--gold", "gold.conll", "--guess", "half.conll", "--fail-under", limit)
    assert result.code == code
    assert result.out.startswith("gold.conll: 3 rows"), "the scores are printed all the same"
    assert bool(result.err) is bool(code)


def test_fail_under_works_with_json(cli: Cli) -> None:
    result = cli("evaluate", "--gold", "gold.conll", "--guess", "half.conll", "--fail-under", "f1=0.9", "--json")
    assert result.code == 1
    assert json.loads(result.out)["f1"] == pytest.approx(0.8)
    assert result.err == "error: f1 is 0.8000, under 0.9\n"


# -- baseline


def test_a_baseline_file_gives_the_difference_its_interval_and_p(cli: Cli) -> None:
    found = scores(cli, "--gold", "gold.conll", "--guess", "gold.conll", "--baseline", "half.conll")["against"]
    assert found["baseline"] == "half.conll"
    assert found["difference"] == pytest.approx(0.2)
    assert found["low"] <= found["difference"] <= found["high"]
    assert 0 < found["p"] <= 1
    swapped = scores(cli, "--gold", "gold.conll", "--guess", "half.conll", "--baseline", "gold.conll")["against"]
    assert swapped["difference"] == pytest.approx(-0.2)


def test_a_baseline_equal_to_the_guess_is_no_difference(cli: Cli) -> None:
    result = cli("evaluate", "--gold", "gold.conll", "--guess", "half.conll", "--baseline", "half.conll")
    assert "against half.conll: +0.0000 F1 (95 %: +0.0000 to +0.0000), p = 1.0000" in result.out


def test_a_model_may_be_the_baseline_of_a_model(cli: Cli, tiny_model: Path) -> None:
    write_toy(Path("toy.conll"), 12)
    found = scores(cli, str(tiny_model), "--gold", "toy.conll", "--baseline", str(tiny_model))
    assert found["against"]["difference"] == 0.0
    assert found["against"]["p"] == 1.0


# -- models


def test_a_model_that_learned_its_toy_scores_one(cli: Cli, tiny_model: Path) -> None:
    write_toy(Path("toy.conll"), 12)
    assert scores(cli, str(tiny_model), "--gold", "toy.conll")["f1"] == 1.0


def test_a_model_never_sees_the_gold_tags(cli: Cli, tiny_model: Path) -> None:
    write_toy(Path("toy.conll"), 12)
    wrong = Path("toy.conll").read_text(encoding="utf-8").replace("-PER", "-DATE").replace("-LOC", "-ORG")
    assert scores(cli, str(tiny_model), "--gold", written("wrong.conll", wrong))["f1"] == 0.0


def test_evaluating_a_model_equals_scoring_its_output(cli: Cli, tiny_model: Path) -> None:
    gold = str(places.samples() / "test.conllu")
    out = cli("ner", "--model", str(tiny_model), gold, "--to", "conllu").out
    files = scores(cli, "--card", "samples_ner", "--guess", written("out.conllu", out), "--column", "tag=misc:NER")
    own = scores(cli, str(tiny_model), "--card", "samples_ner")
    assert 0 <= own.pop("ece") <= 1  # a file of tags has no probabilities
    assert own.pop("leaks") == {"found": [], "unknown": []}  # nor training rows
    assert files == own
    assert 0 < files["f1"] < 1


@pytest.mark.parametrize("fmt", ["conll", "conllu"])
def test_the_predictions_of_a_run_score_what_the_run_reported(cli: Cli, fmt: str) -> None:
    write_toy(Path("toy.conll"), 16)
    column = []
    if fmt == "conllu":
        written("toy.conllu", cli("data", "convert", "toy.conll", "--to", "conllu").out)
        column = ["data.columns.tag=misc:NER"]
    command = ["data.train=toy." + fmt, "data.dev=toy." + fmt, "stages.0.steps=3", *column]
    result = cli("train", "ner", *TINY, *command, "--out", "run", "--quiet")
    assert result.code == 0, result.err
    reported = json.loads(Path("run/metrics.json").read_text(encoding="utf-8"))["dev"]
    assert reported["f1"] < 1, "it must differ from the gold for the test to say something"
    more = ["--column", "tag=misc:NER"] if fmt == "conllu" else []
    found = scores(cli, "--gold", "toy." + fmt, "--guess", f"run/predictions/dev.{fmt}", *more)
    assert found["f1"] == reported["f1"]
    assert found["accuracy"] == reported["accuracy"]


def test_a_hugging_face_folder_without_bundle_json_is_evaluated_too(cli: Cli, tiny_model: Path) -> None:
    shutil.copytree(tiny_model, "theirs")
    Path("theirs/bundle.json").unlink()
    write_toy(Path("toy.conll"), 12)
    assert scores(cli, "theirs", "--gold", "toy.conll")["f1"] == 1.0


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_a_lower_precision_scores_nearly_the_same(cli: Cli, tiny_model: Path, precision: str) -> None:
    write_toy(Path("toy.conll"), 12)
    assert scores(cli, str(tiny_model), "--gold", "toy.conll", "--precision", precision)["f1"] > 0.9


def test_pairs_of_another_task_are_refused(cli: Cli, tmp_path: Path) -> None:
    refused = cli("evaluate", str(places.model("translate")), "--card", "samples_g2p")
    assert refused.code == 2
    assert "card `samples_g2p` names no target language, so it holds nothing for translate" in refused.err
    pairs = written("pairs.tsv", "src\ttgt\tsrc_lang\ttgt_lang\ncat\tchat\teng\tfra\n")
    words = written("words.tsv", "src\ttgt\tsrc_lang\ncat\tk a t\teng\n")
    refused = cli("evaluate", "--task", "g2p", "--gold", pairs, "--guess", pairs)
    assert refused.code == 2
    assert "the file holds translations (eng>fra), which are not for g2p" in refused.err
    for task, path in (("g2p", words), ("translate", words), ("translate", pairs)):  # a file may name no language
        assert cli("evaluate", "--task", task, "--gold", path, "--guess", path).code == 0


def test_one_row_is_not_rows(cli: Cli) -> None:
    one, two = written("one.conll", "a O\n\n"), written("two.conll", "a O\n\nb O\n\n")
    assert "1 gold row and 2 guessed rows" in cli("evaluate", "--task", "pos", "--gold", one, "--guess", two).err


def test_mistakes_are_listed_with_the_surest_first(cli: Cli, tiny_run: Path, tmp_path: Path) -> None:
    gold = tmp_path / "gold.conll"
    gold.write_text("Zed\tB-PER\n\x1b[2J\tO\nruns\tO\n\nZed\tO\n\n", encoding="utf-8")
    guess = tmp_path / "guess.conll"
    guess.write_text("Zed\tO\n\x1b[2J\tO\nruns\tO\n\nZed\tO\n\n", encoding="utf-8")
    common = ("evaluate", "--gold", str(gold), "--guess", str(guess))
    found = cli(*common, "--errors", "5")
    assert found.out.endswith("row 1 (line 1)\n  [Zed: O, not B-PER] \\x1b[2J runs\n")
    assert "\x1b" not in found.out
    assert "[Zed" not in cli(*common).out
    assert cli(*common, "--errors", "5", "--json").code == 2
    scored = cli("evaluate", str(tiny_run / "model"), "--gold", str(gold), "--errors", "1")
    assert scored.out.count("row ") >= 1
