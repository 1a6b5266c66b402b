from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
import transformers
from toy_pairs import Letters, answers, toy_joint, toy_pairs

from nlpkit.config.recipe import RnnScratch, TransformerScratch
from nlpkit.data.features import Output
from nlpkit.engine import joint, seq2seq
from nlpkit.engine.batches import padded
from nlpkit.engine.hypotheses import repeats
from nlpkit.engine.joint import Joint
from nlpkit.errors import InputError

LONGEST = 40


def rnn(size: int, seed: int = 0, ends: float = 0.0) -> seq2seq.AttentionRnn:
    """Random, but sure of itself; ``ends`` is how much it likes to end."""
    torch.manual_seed(seed)
    model = seq2seq.AttentionRnn(RnnScratch(embedding=8, state=8, dropout=0.0), size, size - 1).eval()
    with torch.no_grad():
        model.embedding.weight *= 6
        model.bias[0] += ends
    return model


def marian(size: int, seed: int = 0, ends: float = 0.0) -> seq2seq.Stock:
    spec = TransformerScratch(hidden=16, layers=1, heads=2, dropout=0.0)
    model = seq2seq.transformer(spec, Letters(size), LONGEST, seed).eval()
    with torch.no_grad():
        model.hf.get_input_embeddings().weight *= 3
        model.hf.final_logits_bias[0, 0] += ends
    return model


MODELS = pytest.mark.parametrize("make", [rnn, marian])
Make = Callable[..., Any]


def chances(models: Sequence[Any], source: list[int], written: Sequence[int], pad: int) -> torch.Tensor:
    """Log-probabilities of the next piece, read all at once: the mean of what the models say."""
    with torch.inference_mode():
        found = [
            model(
                input_ids=torch.tensor([source]), attention_mask=torch.ones(1, len(source), dtype=torch.long),
                decoder_input_ids=torch.tensor([[pad, *written]]),
            ).logits[0, -1].double().softmax(-1)
            for model in models
        ]  # fmt: skip
    return torch.stack(found).mean(0).log()


def every(models: Sequence[Any], source: list[int], pieces: Letters, most: int, power: float) -> dict[str, float]:
    """The score of everything that may be written with at most so many letters."""
    letters = [at for at in range(1, pieces.size - 1) if at not in pieces.never]
    totals: dict[tuple[int, ...], float] = {(): 0.0}
    found = {}
    for length in range(most + 1):
        for written in [one for one in totals if len(one) == length]:
            now = chances(models, source, written, pieces.pad)
            found[pieces.said(written)] = (totals[written] + float(now[0])) / (length + 1) ** power
            if length < most:
                totals |= {(*written, at): totals[written] + float(now[at]) for at in letters}
    return found


def close(found: Output, wanted: Sequence[tuple[str, float]]) -> None:
    assert [text for text, _ in found.texts] == [text for text, _ in wanted]
    assert [score for _, score in found.texts] == pytest.approx([score for _, score in wanted], abs=1e-4)


def same(found: Sequence[Output], wanted: Sequence[Output]) -> None:
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        close(one, other.texts)


@MODELS
def test_greedy_is_the_best_piece_at_each_step(make: Make) -> None:
    pieces, model = Letters(9), make(9, ends=1.0)
    for source in pieces.sources(8):
        written: list[int] = []
        total = 0.0
        while True:
            now = chances([model], source, written, pieces.pad)
            now[pieces.pad] = -math.inf
            best = int(now.argmax()) if len(written) < 6 else pieces.end
            total += float(now[best])
            if best == pieces.end:
                break
            written.append(best)
        [found] = answers(model, [source], pieces, beam=1, max_length=6)
        close(found, [(pieces.said(written), total / (len(written) + 1))])


@MODELS
@pytest.mark.parametrize("power", [0.0, 0.6, 1.0, 2.0])
def test_a_beam_as_wide_as_all_finds_the_best_of_all(make: Make, power: float) -> None:
    pieces, model = Letters(5), make(5, seed=3)
    for source in pieces.sources(2, seed=1):
        ranked = sorted(every([model], source, pieces, 3, power).items(), key=lambda entry: -entry[1])
        [found] = answers(model, [source], pieces, beam=64, nbest=20, max_length=3, length_penalty=power)
        close(found, ranked[:20])


@MODELS
def test_limits_hold_for_all_that_is_found(make: Make) -> None:
    pieces, model = Letters(5, never=[2]), make(5, seed=4)
    [source] = pieces.sources(1)
    ranked = sorted(every([model], source, pieces, 4, 1.0).items(), key=lambda entry: -entry[1])
    wanted = [(text, score) for text, score in ranked if len(text) >= 2 and len(set(text)) == len(text)]
    [found] = answers(model, [source], pieces, beam=64, nbest=64, max_length=4, min_length=2, no_repeat_ngram=1)
    close(found, wanted)
    assert all("b" not in text for text, _ in found.texts)


@MODELS
@pytest.mark.parametrize("power", [0.0, 1.0])
@pytest.mark.parametrize("force", [["ab"], ["aa"], ["c", "a"], ["ab", "c"]])
def test_required_words_are_found_in_the_best_way(make: Make, power: float, force: list[str]) -> None:
    pieces, model = Letters(5), make(5, seed=5)
    [source] = pieces.sources(1)
    ranked = sorted(every([model], source, pieces, 4, power).items(), key=lambda entry: -entry[1])
    wanted = [(text, score) for text, score in ranked if all(phrase in text for phrase in force)]
    [found] = answers(model, [source], pieces, beam=64, nbest=10, max_length=4, length_penalty=power, force=force)
    close(found, wanted[:10])


@MODELS
def test_required_words_stand_whole_in_all_answers(make: Make) -> None:
    pieces = Letters(12)
    model = make(12, seed=6, ends=2.0)
    sources = pieces.sources(3)
    for force, more in (
        (["abc"], {}), (["abc", "bcd"], {}), (["aab", "ab", "j"], {}), (["abcdefgh"], {"max_length": 2}),
        (["abab", "ba"], {"max_length": 1, "beam": 1}), (["aa"], {"no_repeat_ngram": 1}),
        (["j", "a", "f"], {"beam": 2}),
    ):  # fmt: skip
        for found in answers(model, sources, pieces, force=force, **{"beam": 4, **more}):
            assert found.texts
            assert all(phrase in text for phrase in force for text, _ in found.texts)
            if "max_length" in more:
                assert len(found.texts[0][0]) <= max(more["max_length"], sum(map(len, force)))


def test_required_words_are_written_even_where_they_may_not_be_chosen() -> None:
    pieces = Letters(8, never=[3])
    [found] = answers(rnn(8), pieces.sources(1), pieces, force=["cd"], max_length=5)
    assert "cd" in found.texts[0][0]
    assert found.texts[0][0].count("c") == 1


def test_required_words_that_cannot_be_written_are_refused() -> None:
    pieces = toy_joint()
    model = marian(len(pieces))
    source = pieces.sources(["the cat"], [""], [""])
    with pytest.raises(InputError, match="cannot write `日本`"):
        answers(model, source, pieces, force=["chat", "日本"])
    with pytest.raises(InputError, match="the model writes 38 at most"):
        answers(model, source, pieces, force=["chat noir " * 20])
    [found] = answers(model, source, pieces, force=["chat"])
    assert "chat" in found.texts[0][0]


DECODINGS: list[dict[str, Any]] = [
    {"beam": 1}, {"beam": 4, "nbest": 3}, {"beam": 6, "groups": 3, "nbest": 4, "diversity": 0.7},
    {"sample": True, "nbest": 3}, {"sample": True, "top_k": 3, "top_p": 0.8, "temperature": 0.7},
    {"beam": 3, "no_repeat_ngram": 2, "length_penalty": 0.5},
]  # fmt: skip


@MODELS
@pytest.mark.parametrize("decoding", DECODINGS)
def test_neighbors_change_nothing(make: Make, decoding: dict[str, Any]) -> None:
    pieces, model = Letters(12), make(12, ends=0.5)
    sources = pieces.sources(14, seed=2)
    together = answers(model, sources, pieces, **decoding)
    same([answers(model, [source], pieces, **decoding)[0] for source in sources], together)
    same(answers(model, sources[::-1], pieces, **decoding)[::-1], together)
    same(answers(model, sources, pieces, batch_tokens=40, **decoding), together)


@MODELS
def test_the_best_are_sorted_distinct_and_right(make: Make) -> None:
    pieces, model = Letters(12), make(12, ends=0.5)
    sources = pieces.sources(10)
    for decoding in ({"beam": 8, "nbest": 8}, {"beam": 8, "nbest": 8, "groups": 4}):
        for source, found in zip(sources, answers(model, sources, pieces, **decoding), strict=True):
            texts, scores = [text for text, _ in found.texts], [score for _, score in found.texts]
            assert len(set(texts)) == len(texts)
            assert scores == sorted(scores, reverse=True)
            for text, score in found.texts[:2]:  # the score is what the model says of it
                [written] = pieces.bare([text])
                steps = [*written, pieces.end]
                total = sum(
                    float(chances([model], source, steps[:at], pieces.pad)[step]) for at, step in enumerate(steps)
                )
                assert score == pytest.approx(total / len(steps), abs=1e-4)


@MODELS
def test_lengths_are_held(make: Make) -> None:
    pieces = Letters(12)
    sources = pieces.sources(10)
    for sample in (False, True):
        beam = {"beam": 1} if sample else {"beam": 3}
        never_ends, ends = make(12, ends=-99.0), make(12, ends=99.0)
        lengths = [len(found.texts[0][0]) for found in answers(never_ends, sources, pieces, sample=sample, **beam)]
        assert lengths == [min(20 + 3 * len(source), LONGEST - 1) for source in sources]  # the default
        found = answers(never_ends, sources, pieces, longest=12, sample=sample, **beam)
        assert {len(one.texts[0][0]) for one in found} == {11}  # with what it begins with
        found = answers(never_ends, sources, pieces, max_length=5, sample=sample, **beam)
        assert {len(one.texts[0][0]) for one in found} == {5}
        found = answers(ends, sources, pieces, min_length=4, max_length=4, sample=sample, **beam)
        assert {len(one.texts[0][0]) for one in found} == {4}
        assert all(math.isfinite(one.texts[0][1]) for one in found)


def test_a_model_with_places_writes_up_to_its_last_place() -> None:
    pieces, model = Letters(6), marian(6, ends=-99.0)
    sources = [[1, 2, 0], [1] * (LONGEST - 1) + [0]]
    for decoding in ({"beam": 2}, {"sample": True}, {"force": ["ab"]}):
        for begin in ([5], [5, 1], [5, 1, 2]):
            found = answers(model, sources, pieces, begin=begin, **decoding)
            assert len(found[1].texts[0][0]) == LONGEST - len(begin)


@MODELS
def test_a_row_may_end_at_once(make: Make) -> None:
    pieces, model = Letters(6), make(6, ends=99.0)
    sources = pieces.sources(4)
    for decoding in ({"beam": 1}, {"beam": 4, "nbest": 4}, {"sample": True}, {"beam": 4, "groups": 2}):
        for found in answers(model, sources, pieces, **decoding):
            assert found.texts[0][0] == ""
            assert found.texts[0][1] == pytest.approx(0.0, abs=1e-3)
    [found] = answers(model, sources[:1], pieces, beam=2, force=["ab"])
    assert found.texts[0][0] == "ab"


def test_nothing_to_answer_for() -> None:
    assert answers(rnn(6), [], Letters(6), beam=2) == []
    assert answers(rnn(6), [], Letters(6), beam=2, force=["a"]) == []


def test_repeats() -> None:
    assert repeats([1, 2, 1, 3, 1], 2) == [2, 3]
    assert repeats([1, 2, 3, 1, 2], 3) == [3]
    assert sorted(set(repeats([4, 5, 4], 1))) == [4, 5]
    assert repeats([], 1) == repeats([1], 2) == repeats([1, 2], 3) == []


@MODELS
@pytest.mark.parametrize("size", [1, 2, 3])
def test_no_ngram_stands_twice(make: Make, size: int) -> None:
    pieces, model = Letters(6), make(6, seed=1, ends=-3.0)
    for decoding in ({"beam": 3, "nbest": 3}, {"sample": True, "nbest": 3}, {"beam": 4, "groups": 2}):
        for found in answers(model, pieces.sources(5), pieces, no_repeat_ngram=size, max_length=12, **decoding):
            for text, _ in found.texts:
                ngrams = [text[at : at + size] for at in range(len(text) - size + 1)]
                assert len(set(ngrams)) == len(ngrams)


@pytest.mark.parametrize("decoding", [{"beam": 3, "nbest": 3}, {"sample": True, "nbest": 5}])
def test_what_is_banned_is_never_written(decoding: dict[str, Any]) -> None:
    pieces, model = Letters(9, never=[2, 3, 4]), rnn(9, ends=-1.0)
    for found in answers(model, pieces.sources(6), pieces, max_length=8, **decoding):
        assert all(set(text) <= set("aefg") for text, _ in found.texts)


def test_one_script_only_and_the_end_is_of_all() -> None:
    pieces = joint.train(["the cat यह बिल्ली है 42 !"] * 3, 200, ["<2hin>"], symbols=False)
    model = rnn(len(pieces), ends=2.0)
    sources = pieces.sources(["the cat", "यह 42"], ["", ""], ["", ""])
    for script, wanted in (("Deva", "DEVANAGARI"), ("Latn", "LATIN")):
        for found in answers(model, sources, pieces, beam=3, nbest=3, script=script, max_length=12):
            for text, _ in found.texts:
                assert all(unicodedata.name(char).startswith(wanted) for char in text if char.isalpha())
        ends = rnn(len(pieces), ends=99.0)
        assert [found.texts[0][0] for found in answers(ends, sources, pieces, script=script)] == ["", ""]


def test_rows_of_the_table_that_no_piece_has_are_never_written() -> None:
    pieces, model = Letters(6), rnn(9)
    with torch.no_grad():
        model.bias[6:] += 50  # it would write nothing else
    model.pad = 5
    for decoding in ({"beam": 2}, {"sample": True}, {"beam": 2, "force": ["a"]}):
        for found in answers(model, pieces.sources(3), pieces, max_length=4, **decoding):
            assert set(found.texts[0][0]) <= set("abcd")


# -- groups


@MODELS
def test_groups_without_a_charge_are_beams_of_their_own(make: Make) -> None:
    pieces, model = Letters(12), make(12, ends=0.5)
    sources = pieces.sources(10)
    plain = answers(model, sources, pieces, beam=2, nbest=2)
    same(answers(model, sources, pieces, beam=6, groups=3, nbest=2, diversity=0.0), plain)
    same(answers(model, sources, pieces, beam=2, groups=1, nbest=2, diversity=0.9), plain)


@MODELS
def test_groups_avoid_each_other(make: Make) -> None:
    pieces, model = Letters(12), make(12, ends=0.5)
    sources = pieces.sources(10)

    def firsts(**decoding: Any) -> float:
        found = answers(model, sources, pieces, beam=4, nbest=4, min_length=1, **decoding)
        return sum(len({text[:1] for text, _ in one.texts}) for one in found) / len(found)

    assert firsts(groups=4, diversity=50.0) == 4  # as many first letters as groups
    assert firsts(groups=4, diversity=50.0) > firsts()


# -- draws


@MODELS
def test_draws_follow_from_the_seed(make: Make) -> None:
    pieces, model = Letters(12), make(12)
    sources = pieces.sources(8)
    first = answers(model, sources, pieces, sample=True, nbest=4, seed=1)
    same(answers(model, sources, pieces, sample=True, nbest=4, seed=1), first)
    other = answers(model, sources, pieces, sample=True, nbest=4, seed=2)
    assert sum(a.texts != b.texts for a, b in zip(first, other, strict=True)) >= 6
    same(answers(model, sources[:3], pieces, sample=True, nbest=4, seed=1), first[:3])
    assert answers(model, sources[:1], pieces, sample=True, seed=10**18)  # any seed


@MODELS
@pytest.mark.parametrize("narrow", [{"top_k": 1}, {"top_p": 1e-6}, {"temperature": 1e-4}])
def test_the_narrowest_draw_is_greedy(make: Make, narrow: dict[str, Any]) -> None:
    pieces, model = Letters(12), make(12, ends=0.5)
    sources = pieces.sources(8)
    same(answers(model, sources, pieces, sample=True, **narrow), answers(model, sources, pieces, beam=1))


@pytest.mark.parametrize(
    "narrow", [{}, {"temperature": 2.0}, {"top_k": 3}, {"top_p": 0.7}, {"top_k": 5, "top_p": 0.9, "temperature": 0.5}]
)
def test_draws_are_as_frequent_as_they_are_probable(narrow: dict[str, Any]) -> None:
    pieces, model = Letters(8), rnn(8, seed=2)
    [source] = pieces.sources(1)
    counts: Counter[str] = Counter()
    for seed in range(40):
        [found] = answers(model, [source], pieces, sample=True, nbest=50, max_length=1, seed=seed, **narrow)
        counts.update(text for text, _ in found.texts)
    now = chances([model], source, [], pieces.pad)
    now[pieces.pad] = -math.inf
    kept = (now / narrow.get("temperature", 1.0)).softmax(-1)
    if "top_k" in narrow:
        kept = kept.where(kept >= kept.topk(narrow["top_k"]).values[-1], torch.zeros(()))
        kept = kept / kept.sum()
    if "top_p" in narrow:
        best, order = kept.sort(descending=True)
        size = int((best.cumsum(0) < narrow["top_p"]).sum()) + 1
        kept = torch.zeros_like(kept).scatter(0, order[:size], best[:size])
        kept = kept / kept.sum()
    assert sum(counts.values()) == 2000
    surprise = 0.0
    for at, share in enumerate(kept.tolist()):
        text = pieces.said([at]) if at else ""
        if share == 0:
            assert text not in counts or at == pieces.pad
        else:
            surprise += (counts[text] - 2000 * share) ** 2 / (2000 * share)
    assert surprise < 22  # of at most 6 degrees of freedom: one in a thousand


# -- several models


@MODELS
@pytest.mark.parametrize("decoding", [{"beam": 3, "nbest": 2}, {"sample": True}, {"beam": 2, "force": ["ba"]}])
def test_a_model_with_itself_is_the_model(make: Make, decoding: dict[str, Any]) -> None:
    pieces, model = Letters(12), make(12, ends=0.5)
    sources = pieces.sources(5)
    same(answers([model, model], sources, pieces, **decoding), answers(model, sources, pieces, **decoding))


def test_several_models_answer_by_the_mean_of_their_probabilities() -> None:
    pieces = Letters(5)
    models = [rnn(5, seed=1), marian(5, seed=2), rnn(5, seed=3)]
    [source] = pieces.sources(1)
    ranked = sorted(every(models, source, pieces, 3, 1.0).items(), key=lambda entry: -entry[1])
    [found] = answers(models, [source], pieces, beam=64, nbest=10, max_length=3)
    close(found, ranked[:10])


# -- beside transformers

MOST = 30


@pytest.fixture(scope="module")
def fifty(transformer: seq2seq.Stock, pieces: Joint) -> Callable[..., list[tuple[str, float, bool, Output]]]:
    """For fifty sources what transformers' search finds: text, score and whether it ended; and our output."""
    sources = pieces.sources([source for source, _ in toy_pairs(50, seed=5)], [""] * 50, [""] * 50)
    ids, mask = padded(sources, pieces.pad)

    def both(beam: int, power: float) -> list[tuple[str, float, bool, Output]]:
        config = transformers.GenerationConfig(
            num_beams=beam, length_penalty=power, max_new_tokens=MOST, early_stopping=False, do_sample=False,
            pad_token_id=pieces.pad, eos_token_id=pieces.end, decoder_start_token_id=pieces.pad,
            return_dict_in_generate=True, output_scores=True,
        )  # fmt: skip
        bias = transformer.hf.final_logits_bias
        bias[0, pieces.pad] = -1e9  # it would count <pad> among what can be written
        try:
            found = transformer.hf.generate(input_ids=ids, attention_mask=mask, generation_config=config)
        finally:
            bias[0, pieces.pad] = 0
        scores = found.sequences_scores.tolist() if beam > 1 else [0.0] * 50
        ours = answers(transformer, sources, pieces, beam=beam, max_length=MOST, length_penalty=power, longest=64)
        return [
            (pieces.said(row), score, pieces.end in row, output)
            for row, score, output in zip(found.sequences.tolist(), scores, ours, strict=True)
        ]

    return both


def test_greedy_is_that_of_transformers(fifty: Callable[..., Any]) -> None:
    found = fifty(1, 1.0)
    assert [output.texts[0][0] for *_, output in found] == [text for text, *_ in found]
    assert len({len(text.split()) for text, *_ in found}) > 3


@pytest.mark.parametrize(("beam", "power"), [(2, 1.0), (3, 1.0), (4, 1.0), (4, 0.0)])
def test_beam_search_is_as_good_as_that_of_transformers(fifty: Callable[..., Any], beam: int, power: float) -> None:
    """A text that comes to the limit must end there in our search, not in theirs; all others are equal."""
    found = fifty(beam, power)
    ended = [(text, score, output.texts[0]) for text, score, done, output in found if done]
    equal = sum(text == output.texts[0][0] for text, *_, output in found)
    print(f"beam {beam}, length penalty {power}: {equal} of 50 equal, {len(ended)} of theirs ended")
    assert len(ended) >= 45
    assert sum(text == ours for text, _, (ours, _) in ended) >= len(ended) - 1
    assert sum(score for *_, (_, score) in ended) >= sum(score for _, score, _ in ended) - 1e-3
