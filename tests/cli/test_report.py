"""`nlpkit report`: runs in one table, seeds together, differences tested."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sacrebleu
from toy_translate import toy_pairs, write

from nlpkit.data.files import Strictly, write_json
from nlpkit.data.load import read_file
from nlpkit.jobs.evaluate import score, scorer

Cli = Callable[..., Any]
RIGHT = [target for _, target in toy_pairs(60, 3)]


def spoiled(every: int) -> list[str]:
    """Answers of which each so many-th has lost its first word."""
    return [text.split(" ", 1)[1] if at % every == 0 else text for at, text in enumerate(RIGHT)]


def run(folder: Path, answers: list[str], *, seed: int = 1, about: str = "toy") -> Path:
    """A finished run directory of a translation model that gave these answers."""
    for part in ("gold", "predictions", "model"):
        (folder / part).mkdir(parents=True)
    for part, targets in (("gold", RIGHT), ("predictions", answers)):
        rows = [
            {"src": source, "tgt": target, "from": "ab"[at % 2]}
            for at, ((source, _), target) in enumerate(zip(toy_pairs(60, 3), targets, strict=True))
        ]
        write(folder / part / "test.jsonl", rows)
    gold, guess = (
        list(read_file(str(folder / part / "test.jsonl"), "jsonl", Strictly(), kind="pairs"))
        for part in ("gold", "predictions")
    )
    write_json(folder / "metrics.json", {"test": score(gold, guess, scorer("translate"))})
    info = {"bundle": 1, "task": "translate", "options": {}, "labels": [], "max_length": 64}
    write_json(folder / "model" / "bundle.json", info)
    (folder / "recipe.yaml").write_text(f"task: translate\nabout: {about}\nseed: {seed}\noptions: {{}}\n")
    (folder / "DONE").touch()
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> list[str]:
    base = run(tmp_path / "base", spoiled(2), about="base")
    return [str(base), *(str(run(tmp_path / f"better-{n}", spoiled(10 + n), seed=n)) for n in (1, 2))]


def figures(cli: Cli, *arguments: str) -> Any:
    found = cli("report", *arguments, "--json")
    assert found.code == 0, found.err
    return json.loads(found.out)


def test_seeds_are_one_line_with_mean_and_deviation(cli: Cli, runs: list[str]) -> None:
    base, better = figures(cli, *runs)["rows"]
    assert (base["name"], better["name"], better["seeds"]) == ("base", "better", [1, 2])
    each = [sacrebleu.corpus_bleu(spoiled(10 + n), [RIGHT]).score for n in (1, 2)]
    assert better["scores"]["bleu"]["mean"] == pytest.approx(statistics.fmean(each))
    assert better["scores"]["bleu"]["sd"] == pytest.approx(statistics.stdev(each))
    assert "sd" not in base["scores"]["bleu"]


def test_parts_and_differences(cli: Cli, runs: list[str]) -> None:
    found = figures(cli, *runs, "--baseline", runs[0], "--by", "from")
    assert found["parts"] == {"a": 30, "b": 30}
    better = found["rows"][1]
    for number, part in enumerate("ab"):
        each = [sacrebleu.corpus_bleu(spoiled(10 + n)[number::2], [RIGHT[number::2]]).score for n in (1, 2)]
        assert better["parts"][part] == pytest.approx(statistics.fmean(each))
    against = better["against"]  # the first seeds of both, for the baseline has but one
    gain = sacrebleu.corpus_bleu(spoiled(11), [RIGHT]).score - sacrebleu.corpus_bleu(spoiled(2), [RIGHT]).score
    assert (against["seeds"], against["difference"]) == (1, pytest.approx(gain))
    assert against["low"] < gain < against["high"]
    assert against["p"] < 0.01 < 0.1 < against["parts"]["b"]["p"]  # the baseline is wrong in part a only


def test_several_seeds_are_tested_together(cli: Cli, runs: list[str], tmp_path: Path) -> None:
    more = str(run(tmp_path / "base-2", spoiled(3), about="base", seed=2))
    against = figures(cli, *runs, more, "--baseline", runs[0])["rows"][1]["against"]
    ours, theirs = (
        sacrebleu.corpus_bleu(one + other, [RIGHT * 2]).score
        for one, other in ((spoiled(11), spoiled(12)), (spoiled(2), spoiled(3)))
    )
    assert (against["seeds"], against["difference"]) == (2, pytest.approx(ours - theirs))


def test_as_text_markdown_and_csv(cli: Cli, runs: list[str]) -> None:
    common = ["report", *runs, "--baseline", runs[0], "--by", "from"]
    text, table, comma = (cli(*common, "--to", to).out.splitlines() for to in ("text", "md", "csv"))
    assert text[0].split()[:6] == ["run", "seeds", "bleu", "bleu_lower", "chrf", "a"]
    assert "±" in text[2]
    assert "BLEU|nrefs:1" in text[3]
    assert (table[0].startswith("| run | seeds |"), table[1].startswith("| --- |")) == (True, True)
    assert "*" in table[3]
    assert comma[0] == "run,seeds,bleu,bleu_lower,chrf,a,b,difference,95 %,p"


def test_a_run_of_another_kind(cli: Cli, tiny_run: Path) -> None:
    found = figures(cli, str(tiny_run), "--split", "dev", "--by", "lang")
    assert found["metric"] == "f1"
    assert found["rows"][0]["parts"]["eng_Latn"] == pytest.approx(found["rows"][0]["scores"]["f1"]["mean"])


def test_what_cannot_be_compared(cli: Cli, runs: list[str], tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for arguments, what in (
        ([str(tmp_path / "empty")], "is no run directory"),
        ([runs[0], "--split", "dev"], "was not scored on dev rows"),
        ([runs[0], "--split", "all"], "--split"),
        ([*runs, "--by", "form"], "did you mean `from`"),
        ([*runs, str(tiny_run)], "was not scored on test rows"),
    ):
        found = cli("report", *arguments)
        assert (found.code, what in found.err) == (2, True), found.err
    other = run(tmp_path / "other", RIGHT, about="other")
    lines = (other / "gold" / "test.jsonl").read_text().splitlines()
    (other / "gold" / "test.jsonl").write_text("\n".join(lines[1:]) + "\n")
    (other / "predictions" / "test.jsonl").write_text("\n".join(lines[1:]) + "\n")
    assert "different rows" in cli("report", *runs, str(other), "--by", "from").err
    (other / "gold" / "test.jsonl").unlink()
    assert "holds no gold of test" in cli("report", str(other), "--by", "from").err
    (other / "DONE").unlink()
    assert "not finished" in cli("report", str(other)).err
