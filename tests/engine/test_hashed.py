"""The n-gram identifier: learned, stored, answering the same whatever stands around a text."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from nlpkit.config import bundle_info
from nlpkit.config.recipe import HashedScratch
from nlpkit.data.rows import TextRow
from nlpkit.engine import bundle
from nlpkit.engine.hashed import EPSILON, LEVELS, Hashed, hashes, pack
from nlpkit.engine.hashed_training import train
from nlpkit.errors import InputError

SPEC = HashedScratch(dimensions=8, buckets=4096, kept=2048, draw=60, epochs=4, refine=2)
LABELS = ["eng_Latn", "rus_Cyrl", "swh_Latn"]
WORDS = {
    "eng_Latn": "the house is on the hill and we went there with them yesterday",
    "swh_Latn": "nyumba iko juu ya kilima na tulienda huko pamoja nao jana asubuhi",
    "rus_Cyrl": "дом стоит на холме и мы ходили туда вместе с ними вчера утром",
}


def rows() -> list[TextRow]:
    found = []
    for label, text in WORDS.items():
        words = text.split()
        for at in range(40):
            part = [words[(at * 3 + i) % len(words)] for i in range(6)]
            found.append(TextRow(str(at), " ".join(part), (label,)))
    return found


def learn(seed: int = 1, given: list[TextRow] | None = None) -> Hashed:
    data = rows() if given is None else given
    labels = sorted({row.label or "" for row in data})
    return train(
        SPEC, labels, data, rows(), seed=seed, say=lambda _: None, tick=lambda *_: None, poll=lambda: None
    )  # fmt: skip


@pytest.fixture(scope="module")
def model() -> Hashed:
    return learn()


def test_it_learns_and_says_how_sure_it_is(model: Hashed) -> None:
    texts = ["the house", "nyumba ya kilima", "дом", "we went", "jana"]
    found = model.tag_texts(texts)
    assert [model.labels[output.labels[0]] for output in found] == [
        "eng_Latn", "swh_Latn", "rus_Cyrl", "eng_Latn", "swh_Latn",
    ]  # fmt: skip
    assert all(0 <= (output.scores or [2])[0] <= 1 for output in found)
    sure, guess = model.tag_texts(["the house is on the hill and we went", "zzqq xkcd"])
    assert not guess.labels or sure.scores[0] > guess.scores[0]  # type: ignore[index]


def test_a_script_that_no_label_has_gets_no_label(model: Hashed) -> None:
    assert [output.labels for output in model.tag_texts(["", "123", "日本語", "ኢትዮጵያ", "😀"])] == [[]] * 5
    assert [output.labels[0] for output in model.tag_texts(["дом house", "дом"])][1] == 1


def test_only_allowed_labels_are_given(model: Hashed) -> None:
    (output,) = model.tag_texts(["the house is on the hill"], top=3, allowed=["swh_Latn", "rus_Cyrl"])
    assert [model.labels[labels[0]] for labels, _ in output.others] == ["swh_Latn"]
    (output,) = model.tag_texts(["the house is on the hill"], top=3)
    assert [model.labels[labels[0]] for labels, _ in output.others] == ["eng_Latn", "swh_Latn"]
    assert sum(chance for _, chance in output.others) <= 1 + 1e-9


def test_neighbors_batches_and_order_change_nothing(model: Hashed) -> None:
    texts = [f"{row.text} {at}" for at, row in enumerate(rows())] * 5 + ["", "house " * 3000]
    together = [(o.labels, o.scores) for o in model.tag_texts(texts)]
    model._forget()
    alone = [(o.labels, o.scores) for text in texts for o in model.tag_texts([text])]
    assert [labels for labels, _ in together] == [labels for labels, _ in alone]
    for (_, a), (_, b) in zip(together, alone, strict=True):
        assert np.allclose(a or [], b or [], atol=1e-5)
    backwards = model.tag_texts(texts[::-1])[::-1]
    assert [o.labels for o in backwards] == [labels for labels, _ in together]


def test_memory_of_words_stays_bounded(model: Hashed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlpkit.engine.hashed._MOST_WORDS", 50)
    before = model.tag_texts(["the house"])[0]
    model.tag_texts([f"{'abcdefghij'[n % 10]}{'klmnopqrst'[n // 10 % 10]} the" for n in range(2000)])
    assert len(model._memory) < 50 + 600
    assert model.tag_texts(["the house"])[0].labels == before.labels


def test_what_is_saved_answers_the_same(model: Hashed, tmp_path: Path) -> None:
    model.save(tmp_path)
    again = Hashed.load(tmp_path, json.loads((tmp_path / "config.json").read_text()))
    texts = [row.text for row in rows()] + ["unseen wörter да"]
    assert [(o.labels, o.scores) for o in again.tag_texts(texts)] == [
        (o.labels, o.scores) for o in model.tag_texts(texts)
    ]
    assert again.weights() == model.weights()


def test_the_same_rows_and_seed_give_the_same_bytes(tmp_path: Path) -> None:
    files = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        learn(3).save(tmp_path / name)
        files.append((tmp_path / name / "model.safetensors").read_bytes())
    assert files[0] == files[1]


def test_a_word_list_alone_teaches_a_label() -> None:
    lists = [
        TextRow("", word, ("yor_Latn",), extra={"count": str(9 - n)})
        for n, word in enumerate(["ni", "ti", "sí", "awọn", "ọmọ", "ilé"])
    ]
    model = learn(given=rows() + lists)
    (output,) = model.tag_texts(["awọn ọmọ ti ilé"])
    assert model.labels[output.labels[0]] == "yor_Latn"


def test_word_frequencies_are_counted_as_the_formula_says() -> None:
    model = learn()
    word = hashes(["kilima"], SPEC.buckets)[2][0]
    at = int(np.searchsorted(model._names, word))
    assert model._names[at] == word
    entries = model._entries[model._first[at] : model._first[at + 1]]
    words = [word for row in rows() if row.label == "swh_Latn" for word in row.text.split()]
    wanted = np.log1p(words.count("kilima") / len(words) / EPSILON)
    step = model._levels[1]
    assert [int(entry & 2047) for entry in entries] == [2]
    assert abs(model._levels[int(entries[0]) >> 11 & LEVELS] - wanted) <= step / 2 + 1e-6


def test_gaps_of_any_size_come_back() -> None:
    names = np.array([5, 6, 65535, 65536, 400_000, 2**32 - 1], np.uint32)
    first = np.arange(7)
    data = pack(
        64, np.arange(2), np.ones((2, 2), np.float32), np.ones((2, 2)), np.zeros(2),
        (names, first, np.array([0, 1, 0, 1, 0, 1]), np.linspace(1, 6, 6)), np.ones(2),
    )  # fmt: skip
    model = Hashed(["a", "b"], 64, data)
    assert model._names.tolist() == names.tolist()
    assert model._first.tolist() == first.tolist()


def test_hashes_do_not_depend_on_the_words_around() -> None:
    words = ["nyumba", "a", "'ng", "我们", "𞤀𞤣"]
    ids, counts, names = hashes(words, 1 << 16)
    at = 0
    for word, count, name in zip(words, counts, names, strict=True):
        alone, number, own = hashes([word], 1 << 16)
        assert (alone.tolist(), number.tolist(), own.tolist()) == (ids[at : at + count].tolist(), [count], [name])
        at += count
    assert counts[1] == 4  # a, <a, a>, <a>


def test_too_many_labels_are_refused() -> None:
    labels = [f"l{n}" for n in range(2048)]
    with pytest.raises(InputError, match="at most 2047"):
        train(SPEC, labels, [], [], seed=1, say=lambda _: None, tick=lambda *_: None, poll=lambda: None)


def bundled(model: Hashed, folder: Path) -> Path:
    info = {"task": "langid", "options": {}, "labels": model.labels, "max_length": 0}
    bundle.save(folder, model.save, info, "", None)
    return folder


def test_a_bundle_starts_without_torch_and_refuses_damage(model: Hashed, tmp_path: Path) -> None:
    folder = bundled(model, tmp_path / "model")
    assert bundle.load(str(folder)).model.tag_texts(["nyumba"])[0].labels == [2]
    with pytest.raises(InputError, match="runs on the CPU only"):
        bundle.load(str(folder), "cuda")
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-9] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="is damaged"):
        bundle.load(str(folder))


@pytest.mark.parametrize("cut", [0, 7, 100, -1])
def test_a_cut_file_is_told_even_without_its_hash(model: Hashed, tmp_path: Path, cut: int) -> None:
    folder = bundled(model, tmp_path / "model")
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:cut])
    info = bundle_info.read(folder)
    info["sha256"] = {}
    (folder / "bundle.json").write_text(json.dumps(info))
    with pytest.raises(InputError, match="is damaged"):
        bundle.load(str(folder))
    shutil.rmtree(folder)


def test_numba_computes_the_same_bits(model: Hashed) -> None:
    pytest.importorskip("numba")
    texts = [row.text for row in rows()] + ["unseen wörter да нет", "x" * 5000, "", "'ng 𞤀𞤣"]
    model._forget()
    slow = [(o.labels, o.scores) for o in model.tag_texts(texts)]
    vectors = model._vectors[: len(model._memory)].copy()
    model._forget()
    model.compile()
    assert model._compiled is not None
    fast = [(o.labels, o.scores) for o in model.tag_texts(texts)]
    assert fast == slow
    assert (model._vectors[: len(model._memory)] == vectors).all()
    model._compiled = None
