from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


CONLLU = """# newdoc id = d
# sent_id = a
# text = Sie isst im Haus.
# global = kept
1\tSie\tsie\tPRON\tPPER\tCase=Nom\t2\tnsubj\t2:nsubj\t_
2\tisst\tessen\tVERB\tVVFIN\t_\t0\troot\t0:root\t_
3-4\tim\t_\t_\t_\t_\t_\t_\t_\t_
3\tin\tin\tADP\tAPPR\t_\t5\tcase\t5:case\t_
4\tdem\tder\tDET\tART\t_\t5\tdet\t5:det\tLang=de
5\tHaus\tHaus\tNOUN\tNN\t_\t2\tobl\t2:obl\tSpaceAfter=No
5.1\t_\t_\tVERB\t_\t_\t_\t_\t2:conj\tCopyOf=2
6\t.\t.\tPUNCT\t$.\t_\t2\tpunct\t2:punct\t_

"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A linear CRF that knows the sentence above by heart, for UPOS and for XPOS."""
    from nlpkit.jobs.prepare import load_recipe
    from nlpkit.jobs.train import train

    folder = tmp_path_factory.mktemp("pos")
    (folder / "t.conllu").write_text(CONLLU * 8, encoding="utf-8")
    common = ["model.scratch.arch=crf", f"data.train={folder / 't.conllu'}", f"data.dev={folder / 't.conllu'}"]
    return {
        "upos": str(train(load_recipe("pos", common), folder / "u")),
        "xpos": str(train(load_recipe("pos", [*common, "data.columns.tag=xpos"]), folder / "x")),
    }


def blank(column: int) -> str:
    """The sentence with one column emptied."""
    lines = []
    for line in CONLLU.split("\n"):
        fields = line.split("\t")
        if len(fields) == 10 and fields[0].isdigit():
            fields[column] = "_"
        lines.append("\t".join(fields))
    return "\n".join(lines)


@pytest.mark.parametrize(("name", "column"), [("upos", 3), ("xpos", 4)])
def test_a_treebank_comes_back_whole_with_its_tags_in_their_column(
    cli: Cli, models: dict[str, str], name: str, column: int
) -> None:
    Path("in.conllu").write_text(blank(column), encoding="utf-8")
    result = cli("pos", "-m", models[name], "in.conllu")
    assert result.err == ""
    assert result.out == CONLLU


def test_every_format(cli: Cli, models: dict[str, str]) -> None:
    text = ["pos", "-m", models["upos"], "-t", "Sie isst in dem Haus.", "-t", ""]
    assert cli(*text).out == "Sie/PRON isst/VERB in/ADP dem/DET Haus/NOUN ./PUNCT\n\n"
    rows = [json.loads(line) for line in cli(*text, "--to", "jsonl").out.splitlines()]
    assert rows[0]["tags"] == ["PRON", "VERB", "ADP", "DET", "NOUN", "PUNCT"]
    assert len(rows[0]["scores"]) == 6
    assert "entities" not in rows[0]
    assert "<ruby" in cli(*text, "--to", "html").out
    assert cli(*text, "--to", "conllu").out.splitlines()[2].startswith("1\tSie\t_\tPRON\t_")
    refused = cli(*text, "--to", "entities")
    assert refused.code == 2
    assert "for spans" in refused.err


def test_scores_by_tag_known_and_unknown(cli: Cli, models: dict[str, str]) -> None:
    Path("gold.conllu").write_text(CONLLU + CONLLU.replace("Haus", "Auto"), encoding="utf-8")
    result = cli("evaluate", models["upos"], "--gold", "gold.conllu", "--by", "tag", "--from", "conllu")
    assert result.code == 0, result.err
    assert "accuracy 1.0000" in result.out
    assert "known words 1.0000" in result.out
    assert "8.3 % are unknown" in result.out
    assert "NOUN" in result.out
    found = json.loads(cli("evaluate", models["upos"], "--gold", "gold.conllu", "--json").out)
    assert found["per_tag"]["NOUN"]["support"] == 2
    assert found["unknown"] == pytest.approx(1 / 12)
    assert cli("evaluate", models["upos"], "--gold", "gold.conllu", "--fail-under", "accuracy=1.1").code == 1


def test_two_files_are_compared_as_parts_of_speech(cli: Cli) -> None:
    Path("gold.conllu").write_text(CONLLU, encoding="utf-8")
    Path("guess.conllu").write_text(CONLLU.replace("\tVERB\tVVFIN", "\tNOUN\tVVFIN"), encoding="utf-8")
    common = ["evaluate", "--task", "pos", "--gold", "gold.conllu", "--guess", "guess.conllu"]
    result = cli(*common, "--baseline", "gold.conllu", "--by", "tag")
    assert "accuracy 0.8333" in result.out
    assert "most often wrong: VERB as NOUN 1" in result.out
    assert "against gold.conllu: -0.1667 accuracy" in result.out
    assert cli(*common, "--by", "type").code == 2


def test_a_model_of_another_task_is_refused(cli: Cli, models: dict[str, str]) -> None:
    result = cli("ner", "-m", models["upos"], "-t", "x")
    assert result.code == 2
    assert "is a model for pos, not for ner" in result.err


def test_nbest_needs_a_format_that_holds_it(cli: Cli, models: dict[str, str], tiny_model: Path) -> None:
    assert "add --to jsonl" in cli("pos", "-m", models["upos"], "-t", "x", "--nbest", "2").err
    assert "one answer only" in cli("pos", "-m", models["upos"], "-t", "x", "--nbest", "2", "--to", "jsonl").err
    line = cli("ner", "-m", str(tiny_model), "-t", "Juma went home", "--nbest", "3", "--to", "jsonl").out
    found = json.loads(line)
    assert found["nbest"][0]["tags"] == found["tags"]
    assert len(found["nbest"]) == 3


@pytest.mark.parametrize(
    ("args", "what"),
    [
        (["--gold", "gold.conllu", "--guess", "gold.conllu"], "are no entity tags"),
        (["--task", "pos", "--gold", "e.conll", "--guess", "e.conll"], "are entity tags"),
        (
            ["--task", "pos", "--gold", "gold.conllu", "--guess", "gold.conllu", "--scheme", "iobes"],
            "has no tag scheme",
        ),
        (["--gold", "e.conll", "--guess", "e.conll", "--device", "cpu"], "no model is run"),
        (["--gold", "e.conll", "--guess", "e.conll", "--column", "tga=1"], "did you mean `tag`"),
    ],
)
def test_scores_that_would_be_nonsense_are_refused(cli: Cli, args: list[str], what: str) -> None:
    Path("gold.conllu").write_text(CONLLU, encoding="utf-8")
    Path("e.conll").write_text("Juma B-PER\nwent O\n\n", encoding="utf-8")
    result = cli("evaluate", *args)
    assert result.code == 2
    assert what in result.err


def test_empty_lines_survive_conllu(cli: Cli, models: dict[str, str]) -> None:
    out = cli("pos", "-m", models["upos"], "-t", "Sie isst", "-t", "", "-t", "im Haus", "--to", "conllu").out
    Path("o.conllu").write_text(out, encoding="utf-8")
    assert cli("data", "check", "o.conllu").code == 0
    assert cli("pos", "-m", models["upos"], "o.conllu").out == out
    assert cli("data", "convert", "o.conllu", "--to", "text").out.count("\n") == 3


def test_a_column_that_is_the_word_itself_is_refused(cli: Cli, models: dict[str, str]) -> None:
    Path("in.conllu").write_text(CONLLU, encoding="utf-8")
    for name in ("id", "form"):
        assert (
            f"no CoNLL-U column `{name}`"
            in cli("pos", "-m", models["upos"], "in.conllu", "--column", f"tag={name}").err
        )


def test_keys_of_another_model_do_not_stay(cli: Cli, models: dict[str, str]) -> None:
    row = {"text": "Sie isst", "nbest": [1], "scores": [9], "entities": [], "label": "positive", "mine": 1}
    Path("r.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    found = json.loads(cli("pos", "-m", models["upos"], "r.jsonl").out)
    assert "nbest" not in found
    assert len(found["scores"]) == 2
    assert (found["label"], found["mine"], found["entities"]) == ("positive", 1, [])
    Path("bad.jsonl").write_text('{"text": "a", "x": 1e999}\n', encoding="utf-8")
    assert "not finite" in cli("pos", "-m", models["upos"], "bad.jsonl").err
