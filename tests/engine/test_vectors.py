from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from toy import write_toy

from nlpkit.data.rows import TokenRow
from nlpkit.engine import vectors
from nlpkit.errors import InputError
from nlpkit.jobs.predict import Predictor
from nlpkit.jobs.prepare import load_recipe
from nlpkit.jobs.train import train

GOOD = "3 2\nJuma 1 0.5\nsan francisco -1 2e-1\nKisumu 0 0\nJuma 9 9\n"


def test_words_and_numbers_with_and_without_a_header(tmp_path: Path) -> None:
    (tmp_path / "a.vec").write_text(GOOD)
    words, found = vectors.read(str(tmp_path / "a.vec"), 10)
    assert words == ["Juma", "san francisco", "Kisumu"]
    assert found.dtype == np.float32
    assert found.tolist() == [[1, 0.5], [-1, pytest.approx(0.2)], [0, 0]]
    with gzip.open(tmp_path / "b.vec.gz", "wt") as file:
        file.write("Ọlọ́run 1 2 3\nb 4 5 6\n")
    words, found = vectors.read(str(tmp_path / "b.vec.gz"), 1)
    assert (words, found.shape) == (["Ọlọ́run"], (1, 3))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a 1 2\nb 1\n", ":2: not a word"),
        ("a 1 x\n", ":1: not a word"),
        ("a 1 nan\n", ":1: not a word"),
        ("", "no vectors"),
        ("2 3\n", "promises 2 words and ends after 0"),
        ("9 2\na 1 2\n", "promises 9 words and ends after 1"),
        ("1 3\na 1 2\n", ":2: not a word"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "a.vec").write_text(text)
    with pytest.raises(InputError, match=what):
        vectors.read(str(tmp_path / "a.vec"), 10)


def test_no_file_and_a_binary_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file with vectors"):
        vectors.read(str(tmp_path / "none.vec"), 10)
    (tmp_path / "m.bin").write_bytes(b"\0")
    with pytest.raises(InputError, match="not a text file of vectors"):
        vectors.read(str(tmp_path / "m.bin"), 10)


def test_a_bilstm_with_vectors_is_a_bundle_of_its_own(tmp_path: Path) -> None:
    write_toy(tmp_path / "train.conll", 60)
    (tmp_path / "v.vec").write_text("".join(f"{word} {at} 1 0\n" for at, word in enumerate(["Juma", "Eldoret", "to"])))
    size = ["model.scratch.attribute=8", "model.scratch.hidden=32", "model.scratch.state=16", "stages.0.epochs=4"]
    recipe = load_recipe(
        "ner", [f"data.train={tmp_path / 'train.conll'}", f"model.embeddings={tmp_path / 'v.vec'}", *size]
    )
    model = train(recipe, tmp_path / "run")
    (tmp_path / "v.vec").unlink()  # the bundle needs it no more
    assert json.loads((model / "features.json").read_text())["vectors"] == ["Juma", "Eldoret", "to"]
    (row,) = Predictor(str(model))([TokenRow("1", ("Juma", "went", "to", "Eldoret"))])
    assert len(row.tags or ()) == 4
