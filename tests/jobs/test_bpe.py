"""Vocabularies are the same bytes whatever the order of lines, the number of threads and the run."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from nlpkit.config.subwords import Subwords, parse
from nlpkit.errors import InputError
from nlpkit.jobs import bpe
from nlpkit.jobs.bpe_coding import Asked, Encoder

SYLLABLES = ["ba", "ka", "li", "mo", "ndi", "pe", "ru", "sha", "ti", "wo", "ọ̀", "ẹ́", "gb", "ny", "क्ष", "मि"]
EVERY = [
    ["algorithm=bpe"], ["algorithm=byte-bpe"], ["algorithm=wordpiece"], ["algorithm=unigram"],
    ["pre_tokenizer=whitespace"], ["temperature=3", "language_tags=true"], ["parity=window"], ["parity=base"],
    ["sample=150", "temperature=2", "algorithm=unigram"], ["byte_fallback=true", "protected=[x-1]"],
]  # fmt: skip
CODE = """
import json, sys
from pathlib import Path
from nlpkit.config.subwords import parse
from nlpkit.jobs import bpe
for number, settings in enumerate(json.loads(sys.argv[2])):
    out = Path(sys.argv[3]) / str(number)
    bpe.train([bpe.source(sys.argv[1], None, {})], parse(["vocab_size=420", *settings]), out)
"""


def lines(count: int = 400) -> list[str]:
    draw = random.Random(5)
    words = ["".join(draw.choices(SYLLABLES, k=draw.randint(1, 4))) for _ in range(300)]
    texts = [" ".join(draw.choices(words, k=9)) + draw.choice([".", "!", ", x-1"]) for _ in range(count)]
    return [f"{'swh' if number % 4 else 'yor'}\t{text}" for number, text in enumerate(texts)]


def table(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join(["lang\ttext", *rows]) + "\n", encoding="utf-8")
    return path


def digests(folder: Path) -> list[str]:
    return [hashlib.sha256((folder / str(at) / "tokenizer.json").read_bytes()).hexdigest() for at in range(len(EVERY))]


def test_same_bytes_in_every_run(tmp_path: Path) -> None:
    found = set()
    for number, threads in enumerate((1, 1, 2, 4)):
        rows = lines()
        random.Random(number).shuffle(rows)
        file, out = table(tmp_path / f"{number}.tsv", rows), tmp_path / f"out{number}"
        env = {
            **os.environ,
            "RAYON_NUM_THREADS": str(threads),
            "TOKENIZERS_PARALLELISM": "true",
            "PYTHONHASHSEED": str(number),
        }
        done = subprocess.run(
            [sys.executable, "-c", CODE, str(file), json.dumps(EVERY), str(out)],
            env=env,
            check=False,
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr.decode()
        found.add(tuple(digests(out)))
    assert len(found) == 1
    assert len(set(*found)) >= len(EVERY) - 1  # of two languages, parity=window and parity=base may agree


def test_what_is_recorded(tmp_path: Path) -> None:
    file, out = table(tmp_path / "a.tsv", [*lines(), "swh\t", "yor\t \t"[:-1]]), tmp_path / "out"
    said: list[str] = []
    bpe.train(
        [bpe.source(str(file), None, {})], Subwords(vocab_size=300, temperature=2, sample=100), out, say=said.append
    )
    facts = json.loads((out / bpe.RECORD).read_text(encoding="utf-8"))
    assert facts["inputs"] == [{"name": "a.tsv", "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}]
    assert (facts["lines"], facts["blank"], facts["used"], facts["pieces"]) == (400, 2, 100, 300)
    swh, yor = (facts["languages"][name] for name in ("swh", "yor"))
    assert swh["lines"] == 300
    assert swh["used"] + yor["used"] == 100
    assert yor["learned"] == pytest.approx(yor["used"] ** 0.5 / (yor["used"] ** 0.5 + swh["used"] ** 0.5), abs=1e-5)
    assert facts["settings"]["temperature"] == 2
    assert any("400 lines, and 2 empty ones; learned from 100" in text for text in said)
    assert not list(tmp_path.glob(".*"))


def test_temperature_changes_what_is_learned(tmp_path: Path) -> None:
    rows = [f"big\t{'aaab ' * 5}"] * 96 + [f"small\t{'ccd ccd ee ff ffg'}"] * 4
    file = table(tmp_path / "a.tsv", rows)
    pieces = []
    for temperature in (1, 100):
        out = tmp_path / str(temperature)
        spec = Subwords(vocab_size=25, temperature=temperature, min_frequency=10)
        bpe.train([bpe.source(str(file), None, {})], spec, out)
        pieces.append(set(json.loads((out / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]))
    assert bpe.shares(Counter(big=96, small=4), 2)["small"] == pytest.approx(2 / (2 + 96**0.5))
    assert any("c" in piece and len(piece) > 1 for piece in pieces[1] - pieces[0])


def test_a_sample_is_the_same_in_any_order() -> None:
    texts = [(f"line {number}", "") for number in range(1000)]
    found = []
    for seed, order in ((1, texts), (1, texts[::-1]), (2, texts)):
        drawn = bpe.Drawn(50, seed)
        for text, lang in order:
            drawn.add(text, lang)
        found.append(list(drawn.texts()))
    assert found[0] == found[1] != found[2]
    assert len(found[0]) == 50


def test_nothing_is_left_where_writing_fails(tmp_path: Path) -> None:
    file, out = table(tmp_path / "a.tsv", lines(40)), tmp_path / "out"
    bpe.train([bpe.source(str(file), None, {})], Subwords(vocab_size=150), out)
    before = (out / "tokenizer.json").read_bytes()
    with pytest.raises(InputError, match="is there already"):
        bpe.train([bpe.source(str(file), None, {})], Subwords(vocab_size=100), out)
    with suppress(ZeroDivisionError), bpe.new_folder(out, True) as folder:
        (folder / "tokenizer.json").write_text("{}")
        _ = 1 / 0
    assert (out / "tokenizer.json").read_bytes() == before
    bpe.train([bpe.source(str(file), None, {})], Subwords(vocab_size=120), out, overwrite=True)
    assert (out / "tokenizer.json").read_bytes() != before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tsv", "out"]


def test_transformers_loads_it(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    file, out = table(tmp_path / "a.tsv", lines(100)), tmp_path / "out"
    bpe.train([bpe.source(str(file), None, {})], parse(["vocab_size=200", "language_tags=true"]), out)
    found = AutoTokenizer.from_pretrained(out)
    assert (found.unk_token, found.pad_token, found.mask_token, found.eos_token) == ("<unk>", "<pad>", "<mask>", "</s>")
    ids = found("<swh> bakali moka")["input_ids"]
    assert found.convert_ids_to_tokens(ids)[:2] == ["<s>", "<swh>"]
    assert found.decode(ids, skip_special_tokens=True) == "<swh> bakali moka"


def test_several_processes_keep_the_order(tmp_path: Path) -> None:
    file, out = table(tmp_path / "a.tsv", lines(100)), tmp_path / "out"
    bpe.train([bpe.source(str(file), None, {})], Subwords(vocab_size=200), out)
    texts = [line.partition("\t")[2] for line in lines(100)]
    one = list(Encoder(Asked(str(out)))(iter(texts), chunk=7))
    two = list(Encoder(Asked(str(out)), processes=2, check=True)(iter(texts), chunk=7))
    assert one == two
    assert len(one) == 100
