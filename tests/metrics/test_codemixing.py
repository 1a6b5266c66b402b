"""Code-mixing metrics: figures by hand, of a real corpus, and bounds on any input."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpkit.data.files import Strictly, read_lines
from nlpkit.metrics import codemixing as mixing

EN, HI, UNIV = "EN", "HI", None
GOLDEN = [EN, EN, HI, HI, UNIV, UNIV, HI, HI, EN, EN, EN, HI, HI]
LANGUAGES = st.lists(st.sampled_from(["en", "hi", "es", None]), max_size=30)


def test_the_figures_of_one_utterance() -> None:
    found = mixing.utterance(GOLDEN)
    assert found.pop("languages") == {"EN": 5, "HI": 6}
    assert found == pytest.approx(
        {
            "words": 11, "cmi": 45.4545, "cmi_2016": 36.3636, "m_index": 0.9836,
            "entropy": 0.9940, "i_index": 0.3, "burstiness": -0.5367, "switches": 3,
            "memory": -0.5,  # of (2, 4), (4, 3), (3, 2): 3 * 26 - 9 * 9 over 6
            "span_entropy": 1.5,  # lengths 2, 2, 3, 4
        },
        abs=5e-5,
    )  # fmt: skip


@pytest.mark.parametrize("languages", [[], [None], [None] * 7])
def test_without_a_language_all_is_0(languages: list[None]) -> None:
    found = mixing.utterance(languages)
    assert found.pop("languages") == {}
    assert set(found.values()) == {0}


@pytest.mark.parametrize("languages", [["en"], ["en", "en", None, "en"], [None, "en"]])
def test_one_language_is_one_span(languages: list[str | None]) -> None:
    found = mixing.utterance(languages)
    assert found["burstiness"] == -1
    assert {value for name, value in found.items() if name not in ("words", "languages", "burstiness")} == {0}


def test_two_words_of_two_languages() -> None:
    found = mixing.utterance(["en", None, "hi"])
    assert [found[name] for name in ("cmi", "cmi_2016", "i_index", "m_index", "entropy")] == [50, 50, 1, 1, 1]
    assert (found["burstiness"], found["memory"]) == (-1, 0)


@given(LANGUAGES)
def test_every_figure_keeps_within_its_bounds(languages: list[str | None]) -> None:
    found = mixing.utterance(languages)
    bounds = {
        "words": (0, len(languages)), "cmi": (0, 100), "cmi_2016": (0, 100), "i_index": (0, 1), "m_index": (0, 1),
        "entropy": (0, math.log2(3)), "burstiness": (-1, 1), "memory": (-1, 1),
        "span_entropy": (0, math.log2(30)), "switches": (0, max(0, found["words"] - 1)),
    }  # fmt: skip
    for name, (low, high) in bounds.items():
        assert low - 1e-12 <= found[name] <= high + 1e-12, name
    assert sum(mixing.spans(languages)) == found["words"] == sum(found["languages"].values())
    assert (found["switches"] > 0) == (found["cmi"] > 0) == (found["m_index"] > 0) == (len(found["languages"]) > 1)


@given(LANGUAGES, st.permutations(["en", "hi", "es"]))
def test_names_of_languages_and_words_without_one_change_nothing(languages: list[str | None], names: list[str]) -> None:
    new = dict(zip(["en", "hi", "es"], names, strict=True))
    other = [new[name] for name in languages if name is not None]
    a, b = mixing.utterance(languages), mixing.utterance(other)
    for name in (*mixing.OF_UTTERANCES, *mixing.OF_TAGS):
        assert a[name] == pytest.approx(b[name], abs=1e-12)


@given(LANGUAGES)
def test_it_agrees_with_numpy(languages: list[str | None]) -> None:
    found, words = mixing.utterance(languages), [name for name in languages if name is not None]
    runs = [len(list(run)) for _, run in itertools.groupby(words)]
    shares = np.array(list(Counter(words).values())) / max(1, len(words))
    assert found["entropy"] == pytest.approx(-sum(shares * np.log2(shares)), abs=1e-9)
    if runs:
        expected = (np.std(runs) - np.mean(runs)) / (np.std(runs) + np.mean(runs))
        assert found["burstiness"] == pytest.approx(expected, abs=1e-9)
    if len(shares) > 1:
        expected = (1 - sum(shares**2)) / ((len(shares) - 1) * sum(shares**2))
        assert found["m_index"] == pytest.approx(expected)
    a, b = runs[:-1], runs[1:]
    if len({*a}) > 1 and len({*b}) > 1:
        assert found["memory"] == pytest.approx(np.corrcoef(a, b)[0, 1])


@given(st.lists(LANGUAGES, max_size=12))
def test_a_corpus_is_what_its_utterances_are(utterances: list[list[str | None]]) -> None:
    corpus = mixing.Corpus().extend(utterances)
    found = corpus.figures()
    each = [mixing.utterance(languages) for languages in utterances if any(languages)]
    assert (found["rows"], found["utterances"]) == (len(utterances), len(each))
    assert corpus.cmi_bins.total() == corpus.switches.total() == len(each)
    assert sum(found["languages"].values()) == pytest.approx(1 if each else 0)
    for name in mixing.OF_UTTERANCES:
        for kind, some in (("", each), ("mixed_", [one for one in each if one["switches"]])):
            values = [one[name] for one in some] or [0]
            assert found[name][f"{kind}mean"] == pytest.approx(np.mean(values), abs=1e-9)
            assert found[name][f"{kind}sd"] == pytest.approx(np.std(values), abs=1e-9)
    numbers = [value for name, value in found.items() if isinstance(value, float)]
    assert all(map(math.isfinite, numbers))


def test_spans_end_with_the_utterance() -> None:
    found = mixing.Corpus().extend([["en", "en"], ["en", "hi"]]).figures()
    assert found["span_entropy"] == pytest.approx(mixing.entropy({2: 1, 1: 2}))
    assert found["switch_share"] == 1 / 2
    assert found["m_index"] == mixing.m_index({"en": 3, "hi": 1}) == 0.6


def test_the_figures_of_a_real_corpus(shared: Path) -> None:
    path = str(shared / "translate" / "eng-hinglish" / "lid.jsonl.gz")
    neutral = {"ne", "acro", "univ"}
    corpus = mixing.Corpus()
    for _, line in read_lines(path, Strictly()):
        corpus.add([None if tag in neutral else tag for tag in json.loads(line)["lid"]])
    found: dict[str, Any] = corpus.figures()
    # 12 of the 728 rows have no word in a language
    assert (found["rows"], found["utterances"], found["mixed"]) == (728, 716, 576)
    assert round(found["mixed_share"], 2) == 0.80
    assert round(found["cmi"]["mean"], 1) == 21.9
    assert round(found["i_index"]["mean"], 3) == 0.326
    assert (round(found["switches"]["mean"], 2), round(found["switches"]["sd"], 2)) == (3.58, 3.21)
    assert (round(found["m_index"], 3), round(found["entropy"], 3)) == (0.598, 0.810)
    assert round(found["burstiness"], 3) == -0.006
    assert round(found["languages"]["hi"], 2) == 0.75
