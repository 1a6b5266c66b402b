"""BLEU, chrF and TER: equal to sacreBLEU in every case, and to values worked by hand."""

from __future__ import annotations

import importlib
import math
import random
import time
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU, CHRF, TER

from nlpkit.errors import InputError
from nlpkit.metrics import significance, translation

WORDS = [
    "the", "The", "a", "cat", "Cat", "sat", "mat.", "mat", ",", "on", "Ōn", "3.5", "(hi)", "naïve", "مرحبا", "नमस्ते",
    "猫", "がいる", "😀", "don't", "U.S.", "x-y", "«oui»",
]  # fmt: skip
METRICS: dict[str, tuple[Any, Any, Any]] = {
    "bleu": (translation.bleu_counts, translation.bleu_of, lambda **o: BLEU(force=True, **o)),
    "chrf": (translation.chrf_counts, translation.chrf_of, lambda **o: CHRF(**o)),
    "chrf++": (
        lambda h, r, **o: translation.chrf_counts(h, r, word_order=2, **o),
        translation.chrf_of,
        lambda **o: CHRF(word_order=2, **o),
    ),
    "ter": (translation.ter_counts, translation.ter_of, lambda lowercase=True: TER(case_sensitive=not lowercase)),
}


def sentence(random_: random.Random) -> str:
    if random_.random() < 0.12:
        return random_.choice(["", "", " ", "\t"])
    return " ".join(random_.choices(WORDS, k=random_.randint(1, 9)))


def corpus(seed: int) -> tuple[list[str], list[list[str]]]:
    """Hypotheses, and references whose number differs by row in every second corpus; some repeat the hypothesis."""
    random_ = random.Random(seed)
    rows, most = random_.randint(1, 7), random_.randint(1, 4)
    hyps = [sentence(random_) for _ in range(rows)]
    sizes = [random_.randint(1, most) if seed % 2 else most for _ in range(rows)]
    refs = [
        [hyp if random_.random() < 0.2 else sentence(random_) for _ in range(size)]
        for hyp, size in zip(hyps, sizes, strict=True)
    ]
    return hyps, refs


def streams(refs: list[list[str]]) -> list[list[str | None]]:
    """References as sacreBLEU takes them: a stream for each, None where a row has fewer."""
    return [[row[at] if at < len(row) else None for row in refs] for at in range(max(map(len, refs)))]


@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("name", METRICS)
def test_scores_and_signatures_equal_sacrebleu(name: str, lowercase: bool) -> None:
    counts, statistic, theirs = METRICS[name]
    for seed in range(200):
        hyps, refs = corpus(seed)
        metric = theirs(lowercase=lowercase)
        wanted = metric.corpus_score(hyps, streams(refs)).score
        found = counts(hyps, refs, lowercase=lowercase)
        assert found.shape[0] == len(hyps)
        assert statistic(found.sum(0)[None])[0] == pytest.approx(wanted, abs=1e-9), seed
        own = translation.signature(name, refs, lowercase=lowercase)
        assert own.partition("|")[2] == metric.get_signature().format()


@pytest.mark.parametrize("tokenize", ["13a", "intl", "char", "zh", "none"])
def test_bleu_equals_sacrebleu_with_every_tokenizer(tokenize: str) -> None:
    for seed in range(200):
        hyps, refs = corpus(2 * seed)
        wanted = BLEU(tokenize=tokenize, force=True).corpus_score(hyps, streams(refs))
        counts = translation.bleu_counts(hyps, refs, tokenize)
        assert translation.value(counts, translation.bleu_of) == pytest.approx(wanted.score, abs=1e-9)
        parts = translation.bleu_parts(counts)
        assert parts["brevity_penalty"] == pytest.approx(wanted.bp)
        assert parts["length_ratio"] == pytest.approx(wanted.ratio)
        if wanted.score:  # where there is none sacreBLEU stops at the first order that is empty
            assert parts["precisions"] == pytest.approx(wanted.precisions)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=20), st.lists(st.text(max_size=20), min_size=2, max_size=2)), min_size=1))
def test_any_text_scores_as_in_sacrebleu(rows: list[tuple[str, list[str]]]) -> None:
    hyps, refs = [hyp for hyp, _ in rows], [row for _, row in rows]
    for counts, statistic, theirs in METRICS.values():
        wanted = theirs().corpus_score(hyps, streams(refs)).score
        assert translation.value(counts(hyps, refs), statistic) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("name", METRICS)
def test_resampled_totals_score_as_sacrebleu_does_on_the_resampled_rows(name: str) -> None:
    counts, statistic, theirs = METRICS[name]
    pairs = [corpus(2 * seed) for seed in range(20)]
    hyps, refs = [h for some, _ in pairs for h in some], [row[:1] for _, some in pairs for row in some]
    found = counts(hyps, refs)
    random_ = random.Random(1)
    draws = [[random_.randrange(len(hyps)) for _ in hyps] for _ in range(20)]
    ours = statistic(np.stack([found[drawn].sum(0) for drawn in draws]))
    assert ours.shape == (20,)
    for drawn, own in zip(draws, ours, strict=True):
        wanted = theirs().corpus_score([hyps[at] for at in drawn], [[refs[at][0] for at in drawn]]).score
        assert own == pytest.approx(wanted, abs=1e-9)


def test_bleu_worked_by_hand() -> None:
    """5 of 6 words, 3 of 5 pairs, 1 of 4 triples, half of one of 3 quadruples (smoothed)."""
    counts = translation.bleu_counts(["the cat sat on a mat"], [["the cat sat upon a mat"]])
    assert counts.tolist() == [[6, 6, 5, 3, 1, 0, 6, 5, 4, 3]]
    parts = translation.bleu_parts(counts)
    assert parts["precisions"] == pytest.approx([500 / 6, 60, 25, 50 / 3])
    wanted = 100 * (5 / 6 * 3 / 5 * 1 / 4 * 1 / 6) ** 0.25
    assert translation.value(counts, translation.bleu_of) == pytest.approx(wanted)


def test_brevity_penalty_worked_by_hand() -> None:
    counts = translation.bleu_counts(["a b c d"], [["a b c d e f"]])
    assert translation.value(counts, translation.bleu_of) == pytest.approx(100 * math.exp(1 - 6 / 4))


def test_the_nearest_reference_length_counts_and_the_shorter_of_two_as_near() -> None:
    assert translation.bleu_counts(["a b c"], [["a b c d", "a b", "a b c d e f g"]])[0, 1] == 2


def test_chrf_worked_by_hand() -> None:
    """`ab` and `ac`: one of two characters, no pair of one; longer n-grams are in neither."""
    counts = translation.chrf_counts(["ab"], [["ac"]])
    assert counts[0].tolist() == [2, 2, 1, 1, 1, 0, *[0] * 12]
    assert translation.value(counts, translation.chrf_of) == pytest.approx(100 * 0.25)


def test_ter_worked_by_hand() -> None:
    """A phrase moved is one edit, and the length is the mean of the references'."""
    assert translation.ter_counts(["c d a b"], [["a b c d"]]).tolist() == [[1, 4]]
    assert translation.ter_counts(["a b"], [["a b", "a b c d"]]).tolist() == [[0, 3]]
    assert translation.value(translation.ter_counts(["a"], [[""]]), translation.ter_of) == 100.0


def test_score_has_every_key_and_they_agree_with_the_parts() -> None:
    hyps = ["The cat sat on the mat.", "dogs bark", ""]
    refs = [["The cat sat on the mat."], ["Dogs bark", "Dogs do bark"], ["something"]]
    found = translation.score(hyps, refs)
    assert found.keys() == {
        "bleu", "bleu_lower", "chrf", "chrf_lower", "interval", "chrf_interval", "precisions", "brevity_penalty",
        "length_ratio", "exact", "rows", "empty", "signature", "signatures",
    }  # fmt: skip
    assert (found["rows"], found["empty"], found["exact"]) == (3, 1, pytest.approx(1 / 3))
    assert found["bleu"] == pytest.approx(BLEU().corpus_score(hyps, _padded(refs)).score)
    assert found["bleu_lower"] == pytest.approx(BLEU(lowercase=True).corpus_score(hyps, _padded(refs)).score)
    assert found["chrf"] == pytest.approx(CHRF().corpus_score(hyps, _padded(refs)).score)
    assert found["chrf_lower"] == pytest.approx(CHRF(lowercase=True).corpus_score(hyps, _padded(refs)).score)
    assert found["bleu_lower"] > found["bleu"]
    assert found["interval"][0] <= found["bleu"] <= found["interval"][1]
    assert found["signature"] == found["signatures"]["bleu"]
    assert "nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp|version:" in found["signature"]
    assert found["signatures"].keys() == {"bleu", "bleu_lower", "chrf", "chrf_lower"}
    assert "case:lc" in found["signatures"]["chrf_lower"]


def _padded(refs: list[list[str]]) -> list[list[str]]:
    """The first reference again where a row has fewer: it changes neither BLEU nor chrF."""
    most = max(map(len, refs))
    return [[row[at] if at < len(row) else row[0] for row in refs] for at in range(most)]


def test_lower_cased_counts_of_rows_without_case_are_those_at_hand() -> None:
    hyps, refs = ["नमस्ते दुनिया", "The End"], [["नमस्ते"], ["the end"]]
    cased = translation.bleu_counts(hyps, refs)
    seen: list[str] = []

    def count(some: Any, theirs: Any) -> Any:
        seen.extend(some)
        return translation.bleu_counts(some, theirs, lowercase=True)

    found = translation.lowered(cased, hyps, refs, count)
    assert seen == ["The End"]
    assert (found == translation.bleu_counts(hyps, refs, lowercase=True)).all()


def test_nothing_scores_zero_and_does_not_fail() -> None:
    found = translation.score([], [])
    numbers = [found[key] for key in ("bleu", "bleu_lower", "chrf", "chrf_lower", "length_ratio", "exact")]
    assert numbers == [0.0] * 6
    assert (found["interval"], found["precisions"], found["brevity_penalty"]) == ([0.0, 0.0], [0.0] * 4, 0.0)
    assert "nrefs:1" in found["signature"]
    everything_empty = translation.score(["", ""], [[""], ["x"]])
    assert (everything_empty["bleu"], everything_empty["chrf"], everything_empty["empty"]) == (0.0, 0.0, 2)


def test_rows_that_do_not_fit_are_errors() -> None:
    with pytest.raises(ValueError, match="2 hypotheses and references for 1"):
        translation.bleu_counts(["a", "b"], [["a"]])
    with pytest.raises(ValueError, match="row 2 has no reference"):
        translation.chrf_counts(["a", "b"], [["a"], []])


def test_a_thousand_rows_take_less_than_three_seconds() -> None:
    random_ = random.Random(7)
    words = ["".join(random_.choices("abcdefghijklmnop", k=random_.randint(1, 9))) for _ in range(3000)]
    refs = [[" ".join(random_.choices(words, k=25)).capitalize() + "."] for _ in range(1000)]
    hyps = [" ".join(word for word in row[0].split() if random_.random() > 0.2) for row in refs]
    start = time.process_time()
    translation.score(hyps, refs)
    assert time.process_time() - start < 3


def test_the_permutation_test_is_symmetric_and_sees_a_plain_difference() -> None:
    random_ = random.Random(3)
    refs = [[" ".join(random_.choices("abcdefgh", k=10))] for _ in range(60)]
    bad = [" ".join(random_.sample(row[0].split(), 10)) for row in refs]
    good = [row[0][:-2] for row in refs]
    for counts, statistic, _ in METRICS.values():
        a, b = counts(bad, refs), counts(good, refs)
        p = significance.paired_permutation(a, b, statistic)
        assert p == significance.paired_permutation(b, a, statistic) < 0.01
        assert significance.paired_permutation(a, a, statistic) == 1.0


# -- tokenizers


@pytest.mark.parametrize(
    ("lang", "wanted"),
    [
        ("zh", "zh"), ("zho", "zh"), ("zho_Hans", "zh"), ("zho_Hant", "zh"), ("cmn", "zh"), ("yue_Hant", "zh"),
        ("zh-TW", "zh"), ("zh-Hans-CN", "zh"), ("cmn_Latn", "13a"), ("nan_Latn", "13a"),
        ("th", "char"), ("tha", "char"), ("tha_Thai", "char"), ("lao", "char"), ("khm_Khmr", "char"), ("my", "char"),
        ("mya", "char"), ("bod", "char"), ("dzo", "char"), ("shn_Mymr", "char"),
        ("swa", "13a"), ("sw", "13a"), ("hin_Deva", "13a"), ("arb_Arab", "13a"), ("en-GB", "13a"), ("uzb", "13a"),
        ("vie_Latn", "13a"), ("", "13a"), ("??", "13a"), ("Thai", "char"), ("jpn_Latn", "13a"),
    ],
)  # fmt: skip
def test_the_tokenizer_of_a_language(lang: str, wanted: str) -> None:
    assert translation.tokenizer_for(lang) == wanted
    assert translation.unspaced(lang) is (wanted != "13a")


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize(("lang", "name"), [("ja", "ja-mecab"), ("jpn_Jpan", "ja-mecab"), ("kor", "ko-mecab")])
def test_japanese_and_korean_have_their_own_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, lang: str, name: str, there: bool
) -> None:
    def load(package: str) -> ModuleType:
        if not there:
            raise ImportError(package)
        return math

    monkeypatch.setattr(importlib, "import_module", load)
    assert translation.tokenizer_for(lang) == (name if there else "char")
    assert translation.unspaced(lang) is (name == "ja-mecab")
    if not there:
        with pytest.raises(InputError, match=f"the tokenizer `{name}` needs") as error:
            translation.check_tokenizer(name)
        assert error.value.hint.startswith("pip install 'sacrebleu[")


@pytest.mark.parametrize("name", ["spm", "flores101", "flores200", "spBLEU-1K"])
def test_a_tokenizer_that_is_fetched_is_refused(name: str) -> None:
    assert name in BLEU.TOKENIZERS
    with pytest.raises(InputError, match="fetched from the network"):
        translation.bleu_counts(["a"], [["a"]], name)


def test_the_tokenizers_are_those_of_sacrebleu() -> None:
    fetched = {"spm", "flores101", "flores200", "spBLEU-1K"}
    assert {*translation.TOKENIZERS} == {*BLEU.TOKENIZERS} - fetched, "a new one: does it fetch anything?"
    with pytest.raises(InputError, match="no tokenizer is called `14a`"):
        translation.check_tokenizer("14a")
