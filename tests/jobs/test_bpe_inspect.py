"""Steps from words to pieces are those of the library; byte-pair encoding as it is taught learns what it learns."""

from __future__ import annotations

import json
import math
from collections import Counter
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, trainers

from nlpkit.config.subwords import Subwords
from nlpkit.errors import InputError
from nlpkit.jobs import bpe
from nlpkit.jobs.bpe_inspect import END, Inspector, learn, segmentations

TEXT = "Habari ya asubuhi, rafiki yangu! COVID-19\nỌlọ́run ni ó dá ayé.\nજમીન પર નામ\nHabari za jioni?\n"
PAPER = {"low": 5, "lower": 2, "newest": 6, "widest": 3}  # of Sennrich et al. (2016), figure 1

SETTINGS: dict[str, dict[str, Any]] = {
    "metaspace": {},
    "suffix": {"pre_tokenizer": "whitespace"},
    "bytes": {"algorithm": "byte-bpe", "vocab_size": 320},
    "fallback": {"byte_fallback": True, "vocab_size": 400},
    "protected": {"protected": ["COVID-19"]},
    "tags": {"language_tags": True, "lower": True},
    "wordpiece": {"algorithm": "wordpiece"},
    "unigram": {"algorithm": "unigram"},
    "unigram fallback": {"algorithm": "unigram", "byte_fallback": True, "vocab_size": 400},
}


@pytest.fixture(scope="session")
def inspectors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Inspector]:
    """One for each kind of tokenizer, nlpkit's own and others."""
    folder = tmp_path_factory.mktemp("tokenizers")
    (folder / "corpus.txt").write_text(TEXT * 20, encoding="utf-8")
    found = {}
    for name, more in SETTINGS.items():
        spec = Subwords.model_validate({"vocab_size": 180, **more})
        out = folder / name
        bpe.train([bpe.Source(str(folder / "corpus.txt"), "swh_Latn")], spec, out)
        found[name] = Inspector(str(out))
    for name, raw in others().items():
        raw.save(str(folder / f"{name}.json"))
        found[name] = Inspector(str(folder / f"{name}.json"))
    return found


def others() -> dict[str, Tokenizer]:
    """Tokenizers of other makers: unknown characters joined or dropped, prefixes, words, a short limit."""
    found = {}
    pieces = {piece: at for at, piece in enumerate(["<unk>", "a", "b", "ab", "##a", "##b", "##ab", "a##b"])}
    found["fused"] = Tokenizer(
        models.BPE({"<unk>": 0, "a": 1, "b": 2, "ab": 3}, [("a", "b")], unk_token="<unk>", fuse_unk=True)
    )
    found["dropped"] = Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")]))
    merges = [("a", "##b"), ("##a", "##b")]
    found["prefix"] = Tokenizer(models.BPE(pieces, merges, unk_token="<unk>", continuing_subword_prefix="##"))
    found["words"] = Tokenizer(models.WordLevel({"<unk>": 0, "ab": 1, "Habari": 2}, unk_token="<unk>"))
    found["short"] = Tokenizer(models.WordPiece(pieces, unk_token="<unk>", max_input_chars_per_word=4))
    for raw in found.values():
        raw.pre_tokenizer = pre_tokenizers.Whitespace()
        raw.normalizer = normalizers.NFC()
    found["fused"].add_tokens([AddedToken("ba", normalized=False)])
    return found


WORDS = st.text(st.sampled_from("abHrinuy-19,ọ́જમીન漢🙂Ca ​"), max_size=12) | st.sampled_from(
    ["Habari", "COVID-19", "COVID-1999", "asubuhi,", "abab", "aaaa", "漢字漢字", "e\u0301", "ﬁ", "a", "", "  ", "<unk>"]
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(WORDS)
@example("Habari ya COVID-19!")
@example("<swh_Latn>x")
@example("a <swh_Latn> b")
def test_steps_lead_to_the_pieces_of_the_tokenizer(inspectors: dict[str, Inspector], word: str) -> None:
    for name, inspector in inspectors.items():
        found = inspector(word)
        wanted = inspector.raw.encode(word, add_special_tokens=False).ids
        assert [piece["id"] for piece in found["pieces"]] == wanted
        assert found["same"], (name, found)
        for part in found["parts"]:
            if part["kind"] == "merges":
                check_merges(part)


def check_merges(part: dict[str, Any]) -> None:
    """Each step joins two neighbors of the step before."""
    first, *steps = part["steps"]
    before = first["pieces"]
    for step in steps:
        assert step["rank"] >= 1
        left, right = step["merge"]
        at = next(at for at, pair in enumerate(pairwise(before)) if pair == (left, right))
        assert step["pieces"] == [*before[:at], left + right.removeprefix("##"), *before[at + 2 :]]
        before = step["pieces"]
    assert before == part["pieces"]


def test_what_each_kind_shows(inspectors: dict[str, Inspector]) -> None:
    assert inspectors["protected"]("COVID-19")["parts"][0]["kind"] == "whole"
    (tag, _) = inspectors["tags"]("<swh_Latn>Ya")["parts"]
    assert (tag["kind"], tag["pieces"]) == ("added", ["<swh_Latn>"])
    (word,) = inspectors["wordpiece"]("Habarini")["parts"]
    assert word["steps"][0]["left"] == "Habarini"
    assert "".join(step["piece"].removeprefix("##") for step in word["steps"]) == "Habarini"
    assert inspectors["wordpiece"]("漢")["parts"][0]["steps"] == [{"left": "漢", "piece": None}]
    assert inspectors["short"]("ababa")["parts"][0]["kind"] == "long"
    assert [part["kind"] for part in inspectors["words"]("ab ba")["parts"]] == ["whole", "unknown"]
    assert inspectors["bytes"]("મ")["pieces"][-1]["text"] in ("મ", "\ufffd")
    (word,) = inspectors["unigram"]("Habari")["parts"]
    assert [step["score"] for step in word["steps"]] == sorted((step["score"] for step in word["steps"]), reverse=True)
    assert all(math.isclose(sum(step["scores"]), step["score"]) for step in word["steps"])
    with pytest.raises(InputError, match="too long to show"):
        inspectors["metaspace"]("a" * 1001)


@given(st.text("ab", min_size=1, max_size=7), st.integers(1, 5))
def test_segmentations_are_the_best_of_all(text: str, number: int) -> None:
    scores = {"a": -1.0, "b": -2.5, "ab": -2.25, "ba": -3.75, "aba": -4.5}
    every = []
    for cuts in product((False, True), repeat=len(text) - 1):
        pieces = "".join(char + ("|" if cut else "") for char, cut in zip(text, (*cuts, False), strict=True)).split("|")
        if all(piece in scores for piece in pieces):
            every.append((sum(scores[piece] for piece in pieces), tuple(pieces)))
    found = segmentations(text, scores, -9.0, number)
    assert [score for score, _ in found] == sorted((score for score, _ in every), reverse=True)[:number]
    assert {*found} <= {*every}


def test_segmentations_of_nothing_and_of_unknown_characters() -> None:
    assert segmentations("", {}, -3.0, 4) == [(0.0, ())]
    assert segmentations("xy", {}, -3.0, 4) == [(-6.0, ("x", "y"))]


# -- learning


def test_the_example_of_the_paper() -> None:
    steps = list(learn(PAPER, 10))
    assert [step.merge for step in steps[:5]] == [
        ("e", "s"), ("t", END), ("es", "t</w>"), ("l", "o"), ("lo", "w"),
    ]  # fmt: skip
    assert steps[0].pairs[:4] == [(("e", "s"), 9), (("s", "t"), 9), (("t", END), 9), (("w", "e"), 8)]
    assert steps[0].tied == [("s", "t"), ("t", END)]
    assert steps[2].words["widest"] == ("w", "i", "d", "est</w>")
    assert steps[4].words["lower"] == ("low", "e", "r", END)


def library(words: dict[str, int], merges: int, least: int) -> list[tuple[str, str]]:
    """The merges of ``tokenizers``, with a character in the place of ``</w>`` that sorts as it does."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    letters = len({char for word in words for char in word}) + 1
    trainer = trainers.BpeTrainer(vocab_size=letters + 1000, min_frequency=least, show_progress=False)
    raw.train_from_iterator(([f"{word}< "] * count for word, count in words.items()), trainer)
    return [tuple(pair) for pair in json.loads(raw.to_str())["model"]["merges"]][:merges]


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.text("abcd", min_size=1, max_size=8), st.integers(1, 5), min_size=1, max_size=8),
    st.integers(0, 25),
)
@example(PAPER, 25)
@example({"aaaa": 3, "aaa": 2, "aa": 1}, 10)
@example({"abab": 2, "ababab": 2}, 10)
def test_the_merges_are_those_of_the_library(words: dict[str, int], merges: int) -> None:
    found = [tuple(part.replace(END, "<") for part in step.merge) for step in learn(words, merges)]
    assert found == library(words, merges, 2)


@given(st.dictionaries(st.text("ab", min_size=1, max_size=6), st.integers(1, 5), max_size=6), st.integers(0, 12))
def test_words_stay_themselves(words: dict[str, int], merges: int) -> None:
    before = sum(count * (len(word) + 1) for word, count in words.items())
    for step in learn(words, merges):
        assert all("".join(symbols) == word + END for word, symbols in step.words.items())
        now = sum(words[word] * len(symbols) for word, symbols in step.words.items())
        assert now < before
        before = now
        assert max(Counter(dict(step.pairs)).values()) == step.pairs[0][1] >= 2
        assert step.pairs[0][0] == step.merge


def test_it_ends_where_no_pair_is_seen_twice() -> None:
    assert list(learn({}, 10)) == list(learn({"abc": 1}, 10)) == list(learn({"abc": 9}, 0)) == []
    assert len(list(learn({"ab": 2}, 10))) == 2
    assert len(list(learn({"abc": 1}, 10, least=1))) == 3


def test_a_folder_without_a_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no tokenizer\.json"):
        Inspector(str(tmp_path))
