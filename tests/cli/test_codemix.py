"""`nlpkit codemix stats` in the shell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nlpkit.data.files import Strictly
from nlpkit.jobs import codemix_stats as job
from nlpkit.metrics.codemixing import Corpus

Cli = Callable[..., Any]
TOKENS = ["hello", "yar", ",", "mera", "2", "movie"]
LABELS = ["en", "hi", "univ", "hi", "hi", "en"]
ROWS = [(TOKENS, LABELS), (["haan"], ["hi"]), (["!"], ["univ"])]


@pytest.fixture
def tagged(tmp_path: Path) -> dict[str, Path]:
    """The same rows in each format."""
    files = {name: tmp_path / f"rows.{name}" for name in ("jsonl", "conll", "tsv")}
    files["jsonl"].write_text("".join(json.dumps({"tokens": t, "lid": g}) + "\n" for t, g in ROWS))
    files["conll"].write_text("\n".join("".join(f"{w}\t{x}\n" for w, x in zip(t, g, strict=True)) for t, g in ROWS))
    files["tsv"].write_text("langs\ttokens\n" + "".join(f"{' '.join(g)}\t{' '.join(t)}\n" for t, g in ROWS))
    return files


def figures(cli: Cli, *args: str | Path) -> dict[str, Any]:
    found = cli("codemix", "stats", "--json", *map(str, args))
    assert found.code == 0, found.err
    data: dict[str, Any] = json.loads(found.out)
    return data


def test_labels_given_in_any_format(cli: Cli, tagged: dict[str, Path]) -> None:
    for path in tagged.values():
        found = figures(cli, path)
        assert (found["file"], found["rows"], found["utterances"], found["mixed"]) == (str(path), 3, 2, 1)
        assert found["words"] == 5  # a number is in no language, whatever its label
        assert found["cmi"] == {"mean": 25.0, "sd": 25.0, "mixed_mean": 50.0, "mixed_sd": 0.0}
        assert found["languages"] == {"hi": 0.6, "en": 0.4}
    several = figures(cli, *tagged.values())
    assert (several["file"], several["rows"]) == ("3 files", 9)


def test_neutral_labels_and_other_names(cli: Cli, tagged: dict[str, Path]) -> None:
    path = tagged["jsonl"]
    assert figures(cli, path, "--neutral", "UNIV")["words"] == 6
    assert figures(cli, path, "--neutral", "hi,univ")["languages"] == {"en": 1.0}
    assert figures(cli, path, "--map", "en=eng,hi=hin")["languages"] == {"hin": 0.6, "eng": 0.4}
    assert figures(cli, path, "--map", "en=univ", "--map", "hi=hin")["languages"] == {"hin": 1.0}
    assert "no word had the label `fr`" in cli("codemix", "stats", str(path), "--map", "fr=fra").err
    assert "--only was not needed" in cli("codemix", "stats", str(path), "--only", "eng").err


@pytest.mark.parametrize(
    ("token", "language"),
    [("&", True), ("%", True), ("12.5", False), ("5%", False), (":)", False), ("😀", False), ("é", True), ("u2", True)],
)
def test_signs_and_numbers(token: str, language: bool) -> None:
    labels = job.Labels(lambda: pytest.fail("nothing is predicted"))
    (row,) = [job.TokenRow("1", (token,), ("en",))]
    assert labels.languages(row) == (["en"] if language else [None])


def test_a_table(cli: Cli, tagged: dict[str, Path]) -> None:
    lines = cli("codemix", "stats", str(tagged["conll"])).out.splitlines()
    cells = {line.rsplit("  ", 1)[0].strip(): line.split()[-1] for line in lines[1:-1]}
    assert (cells["CMI"], cells["CMI, mixed"], cells["share hi"], cells["M-index"]) == (
        "25.0000", "50.0000", "0.6000", "0.9231",
    )  # fmt: skip
    assert lines[-1].startswith("codemixing|means:utterances with a language|")


def test_row_by_row(cli: Cli, tagged: dict[str, Path], tmp_path: Path) -> None:
    plain = cli("codemix", "stats", str(tagged["tsv"]), "--words").out.splitlines()
    assert plain == ["50.0\t2\thello/en yar/hi ,/univ mera/hi 2/hi movie/en", "0.0\t0\thaan/hi", "0.0\t0\t!/univ"]
    bare = [json.loads(line) for line in cli("codemix", "stats", str(tagged["tsv"]), "--to", "jsonl").out.splitlines()]
    assert len(bare) == 3
    assert list(bare[0]) == [
        "id", "words", "languages", "cmi", "cmi_2016", "i_index", "switches", "m_index", "entropy", "burstiness",
        "memory", "span_entropy",
    ]  # fmt: skip
    again = tmp_path / "again.jsonl"
    again.write_text(cli("codemix", "stats", str(tagged["tsv"]), "--to", "jsonl", "--words").out)
    assert {**figures(cli, again), "file": ""} == {**figures(cli, tagged["tsv"]), "file": ""}


def test_texts_are_predicted(cli: Cli, tmp_path: Path) -> None:
    text = "yaar mujhe lagta hai this movie is really good"
    (tmp_path / "a.txt").write_text(f"{text}\n\n12 !\n")
    (tmp_path / "a.jsonl").write_text(json.dumps({"src": "x", "tgt": text}) + "\n" + json.dumps({"text": ""}) + "\n")
    (tmp_path / "a.tsv").write_text(f"src\ttgt\nx\t{text}\n")
    for name, rows in (("a.txt", 3), ("a.jsonl", 2), ("a.tsv", 1)):
        found = figures(cli, tmp_path / name, "--only", "hin_Latn,eng_Latn")
        assert (found["rows"], found["utterances"], found["words"]) == (rows, 1, 9)
        assert found["switches"]["mean"] == 1
        assert set(found["languages"]) == {"hin_Latn", "eng_Latn"}
    told = cli("codemix", "stats", "--words", "--only", "hin_Latn,eng_Latn", stdin=f"{text}\n".encode())
    assert told.out.endswith("really/eng_Latn good/eng_Latn\n")
    assert "the words of 1 row had no labels" in told.err
    other = json.dumps({"tweet": text, "text": ""}).encode()
    args = ("--from", "jsonl", "--column", "text=tweet", "--to", "jsonl", "--only", "hin_Latn,eng_Latn")
    assert json.loads(cli("codemix", "stats", *args, stdin=other).out)["words"] == 9


def test_two_files_are_compared_and_drawn(cli: Cli, tagged: dict[str, Path], tmp_path: Path) -> None:
    real = tmp_path / "_$x$ & <real>.jsonl"
    real.write_text(json.dumps({"tokens": ["a", "b", "c", "d"], "langs": ["en", "en", "en", "hi"]}) + "\n")
    args = (str(tagged["jsonl"]), "--compare", str(real))
    found = figures(cli, *args)
    assert found["real"]["cmi"]["mean"] == found["difference"]["cmi"]["mean"] + 25 == 25
    assert found["difference"]["languages"] == pytest.approx({"hi": 0.35, "en": -0.35})
    table = cli("codemix", "stats", *args, "--plots", str(tmp_path / "pictures"))
    assert table.out.splitlines()[0].split()[-1] == "difference"
    drawn = [tmp_path / "pictures" / f"rows-{kind}.svg" for kind in ("cmi", "switches")]
    for path in drawn:
        assert f"`{path}`" in table.err
        assert "_$x$ &amp; &lt;real&gt;.jsonl" in path.read_text()
    first = drawn[0].read_text()
    cli("codemix", "stats", *args, "--plots", str(tmp_path / "pictures"))
    assert drawn[0].read_text() == first
    real.write_text(json.dumps({"tokens": ["a"], "langs": ["fr"]}) + "\n")
    assert "no label is in both (en, hi; fr)" in cli("codemix", "stats", *args).err


def test_pictures_of_one_file_and_of_nothing(cli: Cli, tmp_path: Path) -> None:
    wide, none = tmp_path / "wide.jsonl", tmp_path / "none.jsonl"
    wide.write_text(json.dumps({"tokens": ["a", "b"] * 150, "lid": ["en", "hi"] * 150}) + "\n")
    none.write_text('{"tokens": ["1"], "lid": ["univ"]}\n')
    for path, option in ((wide, ["--to", "text"]), (none, ["--words"])):
        assert cli("codemix", "stats", str(path), "--plots", str(tmp_path), *option).code == 0
        assert all("<svg" in (tmp_path / f"{path.stem}-{kind}.svg").read_text() for kind in ("cmi", "switches"))
    assert cli("codemix", "stats", str(wide), "--compare", str(none), "--to", "text").code == 0


BAD = {
    "empty.jsonl": ("", "is empty: it has no rows"),
    "unequal.jsonl": ('\n{"tokens": ["a", "b"], "lid": ["en"]}\n', ":2: words and labels differ in number: 2 in `tok"),
    "bare.jsonl": ('{"tokens": ["a"]}\n', ":1: `tokens` without `lid` or `langs`"),
    "labels.jsonl": ('{"langs": ["a"]}\n', ":1: `langs` without `tokens`"),
    "nothing.jsonl": ('{"a": 1}\n', ":1: neither labels nor `tgt` or `text`"),
    "number.jsonl": ('{"tokens": ["a"], "lid": [1]}\n', ":1: `lid` is not a list of non-empty strings"),
    "string.jsonl": ('{"tokens": "a", "lid": ["en"]}\n', ":1: `tokens` is not a list"),
    "text.jsonl": ('{"text": 3}\n', ":1: `text` is no string"),
    "control.jsonl": ('{"tokens": ["a"], "lid": ["e\\u0007n"]}\n', ":1: `lid` holds a control character"),
    "list.jsonl": ("[]\n", ":1: not a JSON object"),
    "broken.jsonl": ('{"tokens"\n', ":1: not JSON"),
    "words.conll": ("hello\nyar\n", ":1: `hello` has no label"),
    "columns.conll": ("a\ten\nb\n", ":2: 1 column, 2 expected"),
    "unequal.tsv": ("tokens\tlid\na b\ten\n", ":2: words and labels differ in number"),
    "headless.tsv": ("a\ten\nb\thi\n", ":2: neither labels nor `tgt` or `text`"),
    "head.tsv": ("tokens\tlid\n", "is empty: it has no rows"),
    "a.csv": ("text\n", "is not read here"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_clear_error(cli: Cli, tmp_path: Path, name: str) -> None:
    content, told = BAD[name]
    (tmp_path / name).write_text(content)
    for args in ((), ("--words",)):
        found = cli("codemix", "stats", str(tmp_path / name), *args)
        assert (found.code, found.out) == (2, "")
        assert told in found.err
        assert name in found.err
        assert (found.err.count("error:"), found.err.count("hint:")) == (1, 1)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--json", "--words"], "--words and --json cannot be asked for at once"),
        (["--compare", "x", "--to", "jsonl"], "--to jsonl and --compare cannot be asked for at once"),
        (["--json", "--to", "text"], "--to text and --json cannot be asked for at once"),
        (["--compare", "-"], "stdin can be read once only"),
        (["--to", "html"], "no such choice"),
        (["--from", "json"], "no such choice; did you mean `jsonl`?"),
        (["--map", "en"], "`--map en` is not LABEL=LABEL"),
        (["--map", "en=eng,"], "is not LABEL=LABEL"),
        (["--only", "klingon"], "means no language of this model"),
        (["--only", ""], "an empty name among the languages"),
        (["--from", "jsonl", "--column", "tag=lid"], "no column is called `tag`; did you mean `tags`?"),
        (["--compare", "nowhere.jsonl"], "no file `nowhere.jsonl`"),
    ],
)
def test_wrong_questions_get_one_clear_error(cli: Cli, args: list[str], told: str) -> None:
    found = cli("codemix", "stats", *args, stdin=b"x\n")
    assert (found.code, found.out) == (2, "")
    assert told in found.err
    assert found.err.count("error:") == 1


def test_the_real_corpus(cli: Cli, shared: Path) -> None:
    found = figures(cli, shared / "translate" / "eng-hinglish" / "lid.jsonl.gz")
    rounded = {
        "mixed_share": round(found["mixed_share"], 2), "cmi": round(found["cmi"]["mean"], 1),
        "i_index": round(found["i_index"]["mean"], 3), "switches": round(found["switches"]["mean"], 2),
        "m_index": round(found["m_index"], 3), "entropy": round(found["entropy"], 3),
        "burstiness": round(found["burstiness"], 3), "hi": round(found["languages"]["hi"], 2),
    }  # fmt: skip
    assert rounded == {
        "mixed_share": 0.80, "cmi": 21.9, "i_index": 0.326, "switches": 3.58, "m_index": 0.598, "entropy": 0.81,
        "burstiness": -0.006, "hi": 0.75,
    }  # fmt: skip


LINES = st.lists(
    st.lists(st.tuples(st.text(min_size=1), st.sampled_from(["en", "hi", "univ"])), max_size=8), min_size=1
)


@given(LINES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_any_words_in_json_lines_are_counted(tmp_path: Path, lines: list[list[tuple[str, str]]]) -> None:
    path = tmp_path / "any.jsonl"
    data = [{"tokens": [word for word, _ in line], "lid": [label for _, label in line]} for line in lines]
    path.write_text("".join(json.dumps(row, ensure_ascii=True) + "\n" for row in data))
    labels, corpus = job.Labels(lambda: pytest.fail("nothing is predicted")), Corpus()
    job.count(job.lines(job.rows([str(path)], None, {}, Strictly()), labels, corpus))
    assert corpus.rows == len(lines)
    assert corpus.tokens == sum(map(len, lines))
    assert labels.seen.total() == corpus.tokens
    known = [label for line in lines for word, label in line if any(map(str.isalpha, word)) and label != "univ"]
    assert corpus.counts.total() >= len(known)
