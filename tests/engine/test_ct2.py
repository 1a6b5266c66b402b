from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from toy_families import FAMILIES
from toy_pairs import answers, questions, toy_pairs

from nlpkit.config.decoding import Decoding
from nlpkit.data.features import Output
from nlpkit.data.rows import PairRow
from nlpkit.engine import bundle, ct2, seq2seq
from nlpkit.engine.joint import Joint
from nlpkit.errors import InputError, RunError
from nlpkit.jobs.predict import Predictor

ctranslate2 = pytest.importorskip("ctranslate2")

GREEDY = Decoding(beam=1)
INFO: dict[str, Any] = {"task": "translate", "head": "pairs", "options": {}, "labels": [], "max_length": 64}
Say = Callable[[str], None]


def kept(model: Any, pieces: Joint, path: Path, *, plain: bool = False) -> Path:
    """The model in a folder; ``plain`` without bundle.json."""

    def fill(folder: Path) -> None:
        model.save(folder)
        pieces.save(folder)

    bundle.save(path, fill, {**INFO, "pieces": "joint"}, "card\n", None)
    if plain:
        (path / "bundle.json").unlink()
    return path


@pytest.fixture
def folder(transformer: Any, pieces: Joint, tmp_path: Path) -> Path:
    return kept(transformer, pieces, tmp_path / "model")


@pytest.fixture(scope="session")
def marian(transformer: Any, pieces: Joint, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, ct2.Ct2]:
    """The Transformer, its pieces, and what CTranslate2 made of it."""
    folder = kept(transformer, pieces, tmp_path_factory.mktemp("ct2") / "model")
    return transformer, pieces, opened(folder).model


def opened(folder: Path, decoding: Decoding = GREEDY, say: Say = lambda _: None, **more: Any) -> Any:
    wanted = {"device": None, "precision": "fp32", "ensemble": False, "must": True, **more}
    return bundle.converted(str(folder), "translate", decoding, say=say, **wanted)


def texts(found: list[Output]) -> list[str]:
    return [one.texts[0][0] for one in found]


def sources(pieces: Any, count: int, lang: str = "", seed: int = 9) -> list[list[int]]:
    found: list[list[int]] = pieces.sources([text for text, _ in toy_pairs(count, seed)], [""] * count, [lang] * count)
    return found


def written(model: ct2.Ct2, rows: list[list[int]], begin: list[int], *, batch_tokens: int = 4096, **how: Any) -> Any:
    return model.write(questions(rows, begin), Decoding(**how), longest=48, batch_tokens=batch_tokens)


# -- it writes what the model writes


@pytest.mark.parametrize("name", FAMILIES)
def test_greedy_answers_are_equal(family: Callable[[str], Any], name: str, tmp_path: Path) -> None:
    made = family(name)
    folder = shutil.copytree(made.taught, tmp_path / "model")
    whole = bundle.load(str(folder), "cpu", "translate")
    found = opened(folder)
    assert isinstance(found.model, ct2.Ct2)
    rows, begin = sources(whole.tokenizer, 200, made.langs[0]), whole.tokenizer.begin(made.langs[1])
    theirs = texts(written(found.model, rows, begin, beam=1, max_length=12))
    ours = texts(answers(whole.model, rows, whole.tokenizer, begin=begin, beam=1, max_length=12))
    assert theirs == ours
    assert len(set(theirs)) > 20
    beams = [
        written(found.model, rows, begin, beam=4, max_length=12),
        answers(whole.model, rows, whole.tokenizer, begin=begin, beam=4, max_length=12),
    ]
    print(f"{name}: beam 4, {sum(a == b for a, b in zip(*map(texts, beams), strict=True))} of 200 equal")
    lower = opened(folder, precision="int8").model
    quick = texts(written(lower, rows, begin, beam=1, max_length=12))
    assert len(quick) == 200
    assert sorted(path.name for path in (folder / "ctranslate2").iterdir()) == ["float32", "int8"]


def test_scores_and_beams_of_marian(marian: tuple[Any, Any, ct2.Ct2]) -> None:
    model, pieces, converted = marian
    rows = sources(pieces, 200)
    for power in (0.0, 1.0):
        how: dict[str, Any] = {"beam": 4, "nbest": 3, "length_penalty": power, "max_length": 20}
        theirs, ours = written(converted, rows, [pieces.pad], **how), answers(model, rows, pieces, longest=48, **how)
        equal = [(a, b) for a, b in zip(theirs, ours, strict=True) if a.texts[0][0] == b.texts[0][0]]
        print(f"marian: beam 4, length penalty {power}, {len(equal)} of 200 equal")
        assert len(equal) >= 140
        ended = [(a, b) for a, b in equal if len(pieces.bare([a.texts[0][0]])[0]) < 20]
        for one, other in ended:  # <unk> has no share in what CTranslate2 says
            assert one.texts[0][1] == pytest.approx(other.texts[0][1], abs=0.02)
        for one in theirs:
            scores = [score for _, score in one.texts]
            assert len(one.texts) == 3
            assert scores == sorted(scores, reverse=True)


def test_scores_do_not_count_what_was_told(family: Callable[[str], Any], tmp_path: Path) -> None:
    for name in ("mbart", "mbart50", "bart"):
        made = family(name)
        folder = shutil.copytree(made.taught, tmp_path / name)
        whole, found = bundle.load(str(folder), "cpu", "translate"), opened(folder).model
        pieces = whole.tokenizer
        begin = pieces.begin(made.langs[1])
        rows = sources(pieces, 3, made.langs[0])
        plain = written(found, rows, begin, beam=1, length_penalty=0.0, max_length=9)
        mean = written(found, rows, begin, beam=1, length_penalty=1.0, max_length=9)
        for one, other in zip(plain, mean, strict=True):
            count = len(pieces.bare([one.texts[0][0]])[0]) + 1
            if count < 9:
                assert other.texts[0][1] == pytest.approx(one.texts[0][1] / count, abs=1e-4)


def test_chances_are_those_of_the_model(marian: tuple[Any, Any, ct2.Ct2]) -> None:
    from nlpkit.engine.hypotheses import chances

    model, pieces, converted = marian
    pairs = toy_pairs(20, 3)
    rows = pieces.sources([a for a, _ in pairs], [""] * 20, [""] * 20)
    targets = pieces.targets([b for _, b in pairs], [""] * 20)
    ours = chances(model, rows, targets, pieces.pad)
    theirs = converted.chances(rows, [target[1:-1] for target in targets])
    for one, other in zip(ours, theirs, strict=True):
        assert one == pytest.approx(other, abs=1e-3)


def test_lengths_are_held(marian: tuple[Any, Any, ct2.Ct2]) -> None:
    _, pieces, converted = marian
    rows = sources(pieces, 20)

    def lengths(**how: Any) -> set[int]:
        return {len(pieces.bare([text])[0]) for text in texts(written(converted, rows, [pieces.pad], **how))}

    assert max(lengths(beam=2, max_length=3)) == 3
    assert min(lengths(beam=2, min_length=9)) >= 9
    assert max(lengths(beam=1, min_length=90)) <= 48


@pytest.mark.parametrize("name", ["marian", "mbart", "m2m_100", "bart"])
def test_it_writes_up_to_the_last_place(family: Callable[[str], Any], name: str, tmp_path: Path) -> None:
    made = family(name)
    folder = shutil.copytree(made.taught, tmp_path / "model", ignore=shutil.ignore_patterns("bundle.json"))
    found = opened(folder)
    pieces, longest = found.tokenizer, found.info["max_length"]
    begin, [word] = pieces.begin(made.langs[1]), pieces.bare(["cat"])[0][:1]
    rows = [[word] * (longest - 1) + [pieces.end], [word, pieces.end]]
    for how in ({"beam": 1}, {"beam": 3}):
        wanted = Decoding(min_length=999, **how)
        output = found.model.write(questions(rows, begin), wanted, longest=longest, batch_tokens=4096)
        assert len(output) == 2


def test_a_row_may_end_at_once(pieces: Joint, tmp_path: Path) -> None:
    spec = seq2seq.TransformerScratch(hidden=16, layers=1, heads=2, dropout=0.0)
    model = seq2seq.transformer(spec, pieces, 64, 1).eval()
    model.hf.final_logits_bias[0, pieces.end] = 30
    found = opened(kept(model, pieces, tmp_path / "ends")).model
    for beam in (1, 2):
        assert set(texts(written(found, sources(pieces, 5), [pieces.pad], beam=beam))) == {""}


def test_neighbors_change_nothing(marian: tuple[Any, Any, ct2.Ct2]) -> None:
    _, pieces, converted = marian
    rows = sources(pieces, 40)
    together = texts(written(converted, rows, [pieces.pad], beam=2))
    assert texts(written(converted, rows[::-1], [pieces.pad], beam=2))[::-1] == together
    assert texts(written(converted, rows, [pieces.pad], beam=2, batch_tokens=30)) == together
    assert [texts(written(converted, [row], [pieces.pad], beam=2))[0] for row in rows] == together
    assert written(converted, [], [pieces.pad]) == []


def test_predictors_choose_their_engine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [PairRow(str(at), source) for at, (source, _) in enumerate(toy_pairs(10, 2))]
    said: list[str] = []

    def predictor(engine: str, how: Callable[[Decoding], Decoding] = lambda usual: usual, **more: Any) -> Predictor:
        return Predictor(str(folder), task="translate", engine=engine, decoding=how, say=said.append, **more)

    monkeypatch.setattr(ct2, "gpus", lambda: 0)
    fast, slow = predictor("auto", device="cpu"), predictor("torch", device="cpu")
    assert isinstance(fast.model, ct2.Ct2)
    assert isinstance(slow.model, seq2seq.Stock)
    greedy = [
        [row.target for row in predictor(engine, lambda _: Decoding(beam=1, max_length=9))(rows)]
        for engine in ("ct2", "torch")
    ]
    assert greedy[0] == greedy[1]
    sampling = predictor("auto", lambda usual: Decoding(sample=True), device="cpu")
    assert isinstance(sampling.model, seq2seq.Stock)
    assert len([line for line in said if "converting" in line]) == 1


# -- the conversion is made once


def never(*_: Any, **__: Any) -> None:
    raise AssertionError("converted again")


def test_the_second_time_nothing_is_converted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    first = opened(folder, say=said.append)
    assert len(said) == 1
    assert str(folder / "ctranslate2" / "float32") in said[0]
    monkeypatch.setattr(ct2, "_convert", never)
    monkeypatch.setattr(bundle, "load", never)
    second = opened(folder, say=said.append)
    assert len(said) == 1
    rows = sources(first.tokenizer, 5)
    assert written(first.model, rows, [first.tokenizer.pad]) == written(second.model, rows, [first.tokenizer.pad])
    with pytest.raises(AssertionError):
        opened(folder, precision="int8")  # that is another one


def test_other_weights_are_converted_anew(
    transformer: Any, pieces: Joint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = kept(transformer, pieces, tmp_path / "model", plain=True)
    opened(folder)
    other = seq2seq.transformer(seq2seq.TransformerScratch(hidden=32, layers=1, heads=2), pieces, 64, 5).eval()
    other.save(folder)
    said: list[str] = []
    found = opened(folder, say=said.append)
    assert len(said) == 1
    rows = sources(pieces, 10)
    how: dict[str, Any] = {"beam": 1, "max_length": 8}
    assert texts(written(found.model, rows, [pieces.pad], **how)) == texts(answers(other, rows, pieces, **how))
    monkeypatch.setattr(ct2, "_convert", never)
    opened(folder)
    shard = folder / "model-00001-of-00002.safetensors"  # of a model in several files each counts
    shard.write_bytes(b"a")
    with pytest.raises(RunError, match="converted again"):
        opened(folder)


def test_a_conversion_that_is_not_whole_is_made_again(folder: Path) -> None:
    opened(folder)
    (folder / "ctranslate2" / "float32" / "nlpkit.json").unlink()
    said: list[str] = []
    opened(folder, say=said.append)
    assert len(said) == 1
    assert [path.name for path in (folder / "ctranslate2").iterdir()] == ["float32"]


def test_a_folder_that_cannot_be_written_is_converted_into_the_cache(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """``os.access`` is asked, as root may write where it should not."""
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != folder)
    before = sorted(folder.rglob("*"))
    said: list[str] = []
    found = opened(folder, say=said.append)
    assert sorted(folder.rglob("*")) == before
    [place] = (tmp_path / "cache" / "ctranslate2").iterdir()  # NLPKIT_CACHE
    assert str(place) in said[0]
    assert texts(written(found.model, sources(found.tokenizer, 3), [found.tokenizer.pad]))
    monkeypatch.setattr(ct2, "_convert", never)
    opened(folder)


# -- what goes wrong


def shaken(model: Any) -> Any:
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.1 * torch.randn_like(weight)
    return model


def test_a_conversion_that_computes_something_else_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = bundle.load

    def other(*args: Any) -> bundle.Bundle:
        found = load(*args)
        shaken(found.model)
        return found

    monkeypatch.setattr(bundle, "load", other)
    before = sorted(folder.rglob("*"))
    with pytest.raises(RunError, match="does not compute what the model does") as caught:
        opened(folder)
    assert caught.value.hint == "--engine torch"
    assert sorted(folder.rglob("*")) == before
    said: list[str] = []
    assert opened(folder, must=False, say=said.append) is None
    assert "going on by torch" in said[-1]
    assert sorted(folder.rglob("*")) == before


def test_a_row_of_pad_that_is_not_zero_is_refused(transformer: Any, pieces: Joint, tmp_path: Path) -> None:
    """CTranslate2 begins with a zero vector; such a model would be translated badly without a word."""
    folder = kept(transformer, pieces, tmp_path / "model")
    found = bundle.load(str(folder), "cpu", "translate").model
    with torch.no_grad():
        found.hf.get_input_embeddings().weight[pieces.pad] = torch.randn(32) / 4
    broken = kept(found, pieces, tmp_path / "broken")
    with pytest.raises(RunError, match="log-probabilities differ by"):
        opened(broken)
    assert not (broken / "ctranslate2").exists()


def test_an_error_of_the_converter_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise ValueError("no such layer")

    monkeypatch.setattr(ct2, "_adapt", fails)
    with pytest.raises(RunError, match=r"cannot convert .*no such layer"):
        opened(folder)
    assert not (folder / "ctranslate2").exists()


def test_a_full_disk_is_one_clear_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkdtemp", full)
    with pytest.raises(RunError, match=r"cannot write .*No space left"):
        opened(folder)


@pytest.mark.parametrize(
    ("how", "more", "what"),
    [
        ({"sample": True}, {}, "sampling"), ({"beam": 4, "groups": 2}, {}, "diverse beams"),
        ({"force": ["chat"]}, {}, "required words"), ({"script": "Latn"}, {}, "one script only"),
        ({}, {"ensemble": True}, "an ensemble"), ({}, {"device": "mps"}, "no device mps"),
        ({}, {"device": "cuda"}, "no device cuda"), ({}, {"precision": "bf16"}, "cannot do bf16 here"),
    ],
)  # fmt: skip
def test_what_it_cannot_do_is_refused(
    folder: Path, how: dict[str, Any], more: dict[str, Any], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ct2, "gpus", lambda: 0)
    monkeypatch.setattr(ctranslate2, "get_supported_compute_types", lambda device: {"int8", "float32"})
    with pytest.raises(InputError, match=what) as caught:
        opened(folder, Decoding(**how), **more)
    assert caught.value.hint == "--engine torch"
    said: list[str] = []
    assert opened(folder, Decoding(**how), say=said.append, must=False, **more) is None
    assert said == []
    assert not (folder / "ctranslate2").exists()


def test_other_kinds_of_models_are_refused(rnn: Any, pieces: Joint, tmp_path: Path, tiny_model: Path) -> None:
    with pytest.raises(InputError, match="cannot run a model of the kind nlpkit-rnn"):
        opened(kept(rnn, pieces, tmp_path / "rnn"))
    with pytest.raises(InputError, match="is a model for ner"):
        opened(tiny_model)


def test_a_gpu_goes_on_with_torch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ct2, "gpus", lambda: 1)
    assert opened(folder, must=False) is None
    assert opened(folder, must=False, device="cpu") is not None


def test_without_the_package_it_says_how_to_get_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ctranslate2" else find(name))
    with pytest.raises(InputError, match=r"pip install 'nlpkit\[ct2\]'"):
        opened(folder)
    assert opened(folder, must=False) is None


def test_a_damaged_configuration_is_one_clear_error(folder: Path) -> None:
    (folder / "config.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        opened(folder)


def test_a_model_of_others_needs_no_bundle(family: Callable[[str], Any], tmp_path: Path) -> None:
    made = family("marian")
    folder = shutil.copytree(made.taught, tmp_path / "model", ignore=shutil.ignore_patterns("bundle.json"))
    found = opened(folder)
    assert found.info["max_length"] == 64  # what its table of places has
    assert "bundle" not in found.info
    assert len(written(found.model, sources(found.tokenizer, 3), found.tokenizer.begin(""), max_length=5)) == 3


# -- quiet and light


@pytest.mark.parametrize("name", ["marian", "nllb"])
def test_nothing_is_printed(
    family: Callable[[str], Any], name: str, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    made = family(name)
    transformers.utils.logging.enable_progress_bar()
    capfd.readouterr()
    try:
        ct2._convert(made.taught, tmp_path, "int8")
    finally:
        transformers.utils.logging.disable_progress_bar()
    assert capfd.readouterr() == ("", "")


def test_a_converted_model_needs_no_torch(folder: Path) -> None:
    opened(folder)
    code = (
        "import sys\nfrom nlpkit.jobs.predict import Predictor\nfrom nlpkit.data.rows import PairRow\n"
        "one = Predictor(sys.argv[1], task='translate', engine='ct2')\n"
        "[row] = one([PairRow('1', 'the cat')])\nassert row.target\n"
        "print([name for name in ('torch', 'transformers') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert done.stderr == ""


@pytest.mark.parametrize("told", ["2", "0", "4,2", "", "many"])
def test_threads_are_those_that_the_shell_names(folder: Path, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(folder)
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert opened(folder).model.translator.num_translators == 1


def test_the_stamp_names_what_was_read(folder: Path) -> None:
    opened(folder)
    stamp = json.loads((folder / "ctranslate2" / "float32" / "nlpkit.json").read_text())
    assert set(stamp["from"]) == {"precision", "config.json", "model.safetensors", "tokenizer.json"}


def test_a_conversion_that_was_damaged_is_made_again(folder: Path) -> None:
    opened(folder)
    path = folder / "ctranslate2" / "float32" / "model.bin"
    good = path.read_bytes()
    path.write_bytes(good[:-50] + bytes(50))
    opened(folder)
    assert path.read_bytes() == good


def test_a_signal_is_heard_between_two_batches(marian: Any) -> None:
    _, pieces, model = marian
    rows = sources(pieces, 64)
    sizes: list[int] = []
    run = model.translator.translate_batch

    class Spy:
        def translate_batch(self, part: list[Any], **more: Any) -> Any:
            sizes.append(len(part) * max(map(len, part)))
            return run(part, **more)

    whole = texts(written(model, rows, pieces.begin("")))
    kept, model.translator = model.translator, Spy()
    try:
        found = written(model, rows, pieces.begin(""), batch_tokens=160)
    finally:
        model.translator = kept
    assert texts(found) == whole
    assert len(sizes) > 4
    assert max(sizes) <= 160 // Decoding().beam
