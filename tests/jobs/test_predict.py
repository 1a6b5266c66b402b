from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from toy import TINY, write_toy

from nlpkit.config.recipe import to_yaml
from nlpkit.data.rows import TokenRow
from nlpkit.jobs.predict import Predictor
from nlpkit.jobs.prepare import load_recipe


def rows(count: int) -> list[TokenRow]:
    found = []
    for number in range(count):
        words = (["Juma", "went", "home", "to", "Kisumu"] * (1 + number % 40))[: number % 90]
        found.append(TokenRow(str(number), tuple(words)))
    return found


def test_answers_do_not_depend_on_batches_or_chunks(tiny_model: Path) -> None:
    alone = [r.tags for r in Predictor(str(tiny_model), batch_tokens=1)(rows(100), chunk=1)]
    together = [r.tags for r in Predictor(str(tiny_model), batch_tokens=5000)(rows(100), chunk=1000)]
    assert alone == together


def test_every_row_and_word_comes_back_in_order(tiny_model: Path) -> None:
    given = rows(300)
    found = list(Predictor(str(tiny_model))(given, chunk=64))
    assert [r.id for r in found] == [r.id for r in given]
    assert all(len(r.tags or ()) == len(r.tokens) == len(r.scores or ()) for r in found)


def test_it_streams(tiny_model: Path) -> None:
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield TokenRow(str(taken), ("Juma",))

    assert len(list(islice(Predictor(str(tiny_model))(endless(), chunk=8), 20))) == 20
    assert taken == 24


def test_a_long_row_is_read_in_windows_and_its_names_are_found(tiny_model: Path) -> None:
    """300 words through a model whose window is 64 sub-words."""
    words = ["Juma", "went", "home", "to", "Kisumu", "3", "."] * 43
    (row,) = Predictor(str(tiny_model))([TokenRow("1", tuple(words))])
    names = [tag for word, tag in zip(row.tokens, row.tags or (), strict=True) if word in ("Juma", "Kisumu")]
    assert sum(tag.startswith("B-") for tag in names) > 0.9 * len(names)


def test_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    """torchrun on the CPU: accumulate 2 on one process equals two processes, close but not to the bit."""
    write_toy(tmp_path / "train.conll", 40)
    write_toy(tmp_path / "dev.conll", 8)
    files = [f"data.train={tmp_path / 'train.conll'}", f"data.dev={tmp_path / 'dev.conll'}"]
    recipe = load_recipe(
        "ner", [*TINY, *files, "stages.0.steps=6", "stages.0.batch_tokens=64", "model.scratch.dropout=0"]
    )
    (tmp_path / "two.yaml").write_text(to_yaml(recipe))
    one = recipe.model_copy(update={"stages": [recipe.stages[0].model_copy(update={"accumulate": 2})]})
    (tmp_path / "one.yaml").write_text(to_yaml(one))
    env = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    torchrun = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "0", "--rdzv_backend", "c10d"]
    torchrun += ["--rdzv_endpoint", "127.0.0.1:0"]
    for name, how in (("one", []), ("two", torchrun)):
        asked = ["nlpkit", "train", str(tmp_path / f"{name}.yaml"), "--out", str(tmp_path / name)]
        command = [sys.executable, *how, "-m", *asked]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=200, check=False)
        assert done.returncode == 0, done.stderr
    from safetensors.torch import load_file

    a, b = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("one", "two"))
    assert all(a[key].sub(b[key]).abs().max() < 1e-4 for key in a)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_input(tiny_model: Path) -> None:
    """Peak memory on 20,000 short lines within a tenth of that on 4,000."""

    def peak(lines: int) -> int:
        code = (
            "import resource, subprocess, sys\n"
            f"p = subprocess.run([sys.executable, '-m', 'nlpkit', 'ner', '-m', {str(tiny_model)!r}, '-q'],"
            f" input=b'Juma went home\\n' * {lines}, stdout=subprocess.DEVNULL, check=True)\n"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=200)
        return int(done.stdout)

    assert peak(20_000) < 1.1 * peak(4_000)


def test_raw_text_is_cut_as_the_models_one_language_is(tiny_model: Path) -> None:
    text = "Juma didn't  go."
    offsets = [(0, 4), (5, 11), (13, 15), (15, 16)]
    raw = TokenRow("1", tuple(text[a:b] for a, b in offsets), text=text, offsets=offsets, raw=True)
    (row,) = Predictor(str(tiny_model))([raw])  # it learned English only
    assert row.tokens == ("Juma", "did", "n't", "go", ".")
    assert [text[start:end] for start, end in row.offsets or ()] == list(row.tokens)
    (other,) = Predictor(str(tiny_model))([replace(raw, lang="swh_Latn")])
    assert other.tokens == ("Juma", "didn't", "go", ".")
    (kept,) = Predictor(str(tiny_model))([replace(raw, raw=False)])
    assert kept.tokens == raw.tokens  # words that were given stay
