"""TF-IDF of hashed n-grams: counted as scikit-learn counts them, learned, explained, stored."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from nlpkit.config.recipe import NgramScratch
from nlpkit.engine.ngram_training import _folds, train
from nlpkit.engine.ngrams import Counter, Ngrams, chunks, clean
from nlpkit.errors import InputError

SPEC = NgramScratch(buckets=1 << 20)


def counts(texts: list[str], spec: NgramScratch = SPEC) -> list[list[int]]:
    """For each text how often its n-grams stand in it: those of words, then those of characters, sorted."""
    grams = Counter(spec)([clean(text) for text in texts])
    return [sorted(grams.count[grams.segment == segment].tolist()) for segment in range(2 * len(texts))]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(categories=["L", "N"]) | st.just(" "), max_size=40), min_size=1, max_size=4))
def test_as_many_n_grams_as_scikit_learn_counts(texts: list[str]) -> None:
    spec = NgramScratch(least_chars=3, most_chars=3, words=2)
    cleaned = [" ".join(clean(text)) for text in texts]
    wanted = []
    for text in cleaned:
        padded = [f" {word} " for word in text.split()]
        chars = [word[at : at + 3] for word in padded for at in range(max(0, len(word) - 2))]
        words = text.split()
        grams = words + [" ".join(pair) for pair in itertools.pairwise(words)]
        wanted += [sorted(map(grams.count, set(grams))), sorted(map(chars.count, set(chars)))]
    assert counts(texts, spec) == wanted


def test_the_same_n_gram_has_one_hash_wherever_it_stands() -> None:
    alone, among = Counter(SPEC)([["nyumba"]]), Counter(SPEC)([["x", "nyumba"], [], ["ya", "nyumba"]])
    own = set(alone.slot.tolist())
    for text in (0, 2):
        assert own <= set(among.slot[among.segment >> 1 == text].tolist())
    assert not (among.segment >> 1 == 1).any()


def test_counts_of_real_text_are_those_of_scikit_learn() -> None:
    texts = ["Kila mtu alikuja jana , na kila mtu alirudi", "Ọjọ́ kan ni mo rí i", "हम कल मिलेंगे"]
    words = CountVectorizer(analyzer="word", ngram_range=(1, 2), token_pattern=r"\S+").fit_transform(texts).toarray()
    chars = CountVectorizer(analyzer="char_wb", ngram_range=(2, 5)).fit_transform(texts).toarray()
    found = counts(texts)
    for number in range(3):
        assert found[2 * number] == sorted(words[number][words[number] > 0].tolist())
        ours, theirs = found[2 * number + 1], sorted(chars[number][chars[number] > 0].tolist())
        assert abs(len(ours) - len(theirs)) <= 4  # of words shorter than n scikit-learn counts the whole once more


TEXTS = [f"{'sweet mango' if n % 2 else 'loud horn'} number {n} of the day" for n in range(60)]
WANTED = np.array([[n % 2 == 0, n % 2 == 1] for n in range(60)], float)


def learn(spec: NgramScratch = SPEC, texts: list[str] = TEXTS, wanted: np.ndarray = WANTED) -> Ngrams:
    model, _, _ = train(
        spec, ["bad", "good"], texts, wanted, seed=1, say=lambda _: None, tick=lambda *_: None, poll=lambda: None
    )
    return model


def test_values_are_tf_idf_scaled_to_length_one() -> None:
    spec = NgramScratch(words=1, most_chars=0, least=1)
    model = learn(spec)
    vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=r"\S+").fit(TEXTS)
    text = "sweet sweet mango of unseen things"
    grams = model.count([clean(text)])
    _, _, values = model.values(grams, 1)
    assert sorted(values.tolist()) == pytest.approx(sorted(vectorizer.transform([text]).data.tolist()), rel=1e-5)


def test_what_is_learned_survives_its_folder_and_the_batch(tmp_path: Path) -> None:
    model = learn()
    model.save(tmp_path)
    again = Ngrams.load(tmp_path, json.loads((tmp_path / "config.json").read_text()))
    texts = ["A SWEET mango", "the loud horn", "", "zzz", "mango " * 3000]
    found = again.logits(texts)
    assert np.array_equal(found, model.logits(texts))
    assert np.allclose(found, np.concatenate([again.logits([text]) for text in texts]), atol=1e-5)
    assert found[:2].argmax(1).tolist() == [1, 0]
    assert [output.labels for output in again.tag_texts(texts)][2] == []
    assert again.logits(["Ọjọ́"]).tolist() == again.logits(["Ọjọ́"]).tolist()


def test_explanations_add_up_to_the_score() -> None:
    model = learn()
    for text in ("a sweet, loud mango mango", "horn", "nothing known here ??"):
        added = sum((weights for *_, weights in model.explain(text)), np.zeros(2))
        assert added + model.bias == pytest.approx(model.logits([text])[0], abs=1e-4)
    words, offsets = model.words_of("  Ab\u00a0cd\tAb ")
    assert (words, offsets) == (["ab", "cd", "ab"], [(2, 4), (5, 7), (8, 10)])


def test_long_texts_are_counted_whole() -> None:
    text = " ".join(f"w{n}" for n in range(60_000))
    parts = list(chunks([["a"], clean(text), ["b"]]))
    assert [(first, len(part)) for first, part in parts] == [(0, 1), (1, 1), (2, 1)]
    assert int(Counter(NgramScratch(words=1, most_chars=0))([clean(text)]).count.sum()) == 60_000


def test_labels_that_teach_nothing() -> None:
    with pytest.raises(InputError, match="no n-gram stands in 2 training texts"):
        learn(texts=["aa", "zz"], wanted=np.eye(2))
    never = np.stack([np.ones(60), np.zeros(60)], 1)
    assert learn(wanted=never).logits(["sweet"])[0].tolist() == [10.0, -10.0]


def test_held_out_parts_hold_every_label_evenly() -> None:
    fold = _folds(WANTED, 4, 1)
    spread = [int(WANTED[fold == part, label].sum()) for part in range(4) for label in (0, 1)]
    assert set(spread) == {7, 8}


@pytest.mark.parametrize("what", ["slots", "shape", "file"])
def test_a_damaged_file_is_told(tmp_path: Path, what: str) -> None:
    from safetensors.numpy import load_file, save_file

    model = learn()
    model.save(tmp_path)
    path = tmp_path / "model.safetensors"
    tensors = load_file(path)
    if what == "slots":
        tensors["slots"] = tensors["slots"] + np.uint32(1 << 31)
    elif what == "shape":
        tensors["weights"] = tensors["weights"][1:]
    save_file(tensors, path)
    if what == "file":
        path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(InputError, match="is damaged"):
        Ngrams.load(tmp_path, json.loads((tmp_path / "config.json").read_text()))
