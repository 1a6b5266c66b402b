"""The same model by CTranslate2: converted once into a folder beside the weights, and tried against them.

Needs neither torch nor transformers once that is done, if the tokenizer was learned with the model.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nlpkit.config import bundle_info, places
from nlpkit.config.decoding import Decoding
from nlpkit.data.features import Feature, Output
from nlpkit.errors import InputError, RunError

PRECISIONS = {"fp32": "float32", "int8": "int8", "bf16": "bfloat16"}
FAMILIES = ("marian", "t5", "mt5", "m2m_100", "mbart", "bart", "pegasus")
_TRIED, _LENGTH = 32, 10  # random pairs by which a conversion is tried, and their pieces
_DRIFT = {"fp32": 1e-3, "int8": 0.25, "bf16": 0.1}  # most mean difference of a piece's log-probability


def refusal(kind: str, decoding: Decoding, device: str | None, *, ensemble: bool, precision: str) -> str:
    """Why CTranslate2 cannot do what is asked; empty where it can."""
    if importlib.util.find_spec("ctranslate2") is None:
        return "CTranslate2 is not installed: pip install 'nlpkit[ct2]'"
    if kind not in FAMILIES:
        return f"CTranslate2 cannot run a model of the kind {kind}"
    for name, wanted in (
        ("an ensemble", ensemble), ("sampling", decoding.sample), ("diverse beams", decoding.groups > 1),
        ("required words", bool(decoding.force)), ("one script only", decoding.script is not None),
    ):  # fmt: skip
        if wanted:
            return f"{name} needs --engine torch"
    if device not in (None, "cpu", "cuda"):
        return f"CTranslate2 has no device {device}"
    import ctranslate2

    known = ctranslate2.get_supported_compute_types(device or "cpu")
    if PRECISIONS[precision] not in known:
        return f"CTranslate2 cannot do {precision} here"
    return ""


def gpus() -> int:
    """How many GPUs CTranslate2 sees."""
    import ctranslate2

    return int(ctranslate2.get_cuda_device_count())


class Ct2:
    """A converted model."""

    def __init__(self, folder: Path, pieces: Any, device: str, precision: str) -> None:
        import ctranslate2

        self.pieces = pieces
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        threads = int(os.environ.get("OMP_NUM_THREADS", threads))
        self.translator = ctranslate2.Translator(
            str(folder), device=device, compute_type=PRECISIONS[precision], inter_threads=1, intra_threads=threads
        )
        self._names: list[str] = pieces.pieces()
        self._ids = {name: number for number, name in enumerate(self._names)}
        start = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("decoder_start_token")
        self._skipped = 0 if start is None else 1  # what an answer begins with and the model knows by itself

    def named(self, ids: Sequence[int]) -> list[str]:
        return [self._names[number] for number in ids]

    def write(
        self,
        features: Sequence[Feature],
        decoding: Decoding,
        *,
        longest: int,
        batch_tokens: int,
        poll: Callable[[], None] = lambda: None,
    ) -> list[Output]:
        """An output for each feature, as ``generate.outputs`` gives them."""
        order = sorted(range(len(features)), key=lambda at: len(features[at].ids))
        results: list[Output] = [Output([], None) for _ in features]
        size = max(1, batch_tokens // decoding.beam)
        while order:
            poll()
            part, used = [], 0
            while order and (not part or used + len(features[order[-1]].ids) <= 8 * size):
                part.append(order.pop())
                used += len(features[part[-1]].ids)
            begins = [self.named((features[at].labels or [])[self._skipped :]) for at in part]
            most = max(decoding.max_length or 20 + 3 * len(features[at].ids) for at in part)
            found = self.translator.translate_batch(
                [self.named(features[at].ids) for at in part],
                target_prefix=begins if any(begins) else None,
                max_batch_size=size, batch_type="tokens", beam_size=decoding.beam,
                num_hypotheses=decoding.nbest, length_penalty=decoding.length_penalty,
                no_repeat_ngram_size=decoding.no_repeat_ngram, disable_unk=True, return_scores=True,
                min_decoding_length=max(1, decoding.min_length), max_decoding_length=min(most, longest),
                max_input_length=0,
            )  # fmt: skip
            for at, begin, result in zip(part, begins, found, strict=True):
                results[at] = self._output(result, len(begin))
        return results

    def _output(self, result: Any, skip: int) -> Output:
        texts = [
            (self.pieces.said([self._ids[name] for name in names[skip:] if name in self._ids]), float(score))
            for names, score in zip(result.hypotheses, result.scores, strict=True)
        ]
        return Output([], None, texts=texts)

    def chances(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[list[float]]:
        """The log-probability of each piece of each target, the end too."""
        found = self.translator.score_batch(
            [self.named(ids) for ids in sources], [self.named(ids) for ids in targets], max_input_length=0
        )
        return [list(one.log_probs) for one in found]


def opened(
    folder: Path,
    pieces: Any,
    *,
    device: str | None,
    precision: str,
    reference: Callable[[], Any],
    say: Callable[[str], None],
) -> Ct2:
    """The converted model of the bundle in ``folder``, converted now if it has not been.

    ``reference`` loads the model itself, by which a new conversion is tried. Raises RunError where the two differ.
    """
    place = _place(folder, precision)
    stamp = {"model.safetensors": bundle_info.digest(_weights(folder)), "precision": precision, "tried": True}
    try:
        ready = json.loads((place / "nlpkit.json").read_text(encoding="utf-8")) == stamp
    except (OSError, ValueError):
        ready = False
    if not ready:
        say(f"converting the model for CTranslate2, once, into `{place}`")
        model = reference()
        _convert(folder, place, precision)
        _try(Ct2(place, pieces, device or "cpu", precision), model, precision, place)
        (place / "nlpkit.json").write_text(json.dumps(stamp) + "\n", encoding="utf-8")
    return Ct2(place, pieces, device or "cpu", precision)


def _weights(folder: Path) -> Path:
    index = folder / "model.safetensors.index.json"
    return index if index.is_file() else folder / "model.safetensors"


def _place(folder: Path, precision: str) -> Path:
    """Where the conversion lies: in the model's folder, or in the cache where that cannot be written."""
    inside = folder / "ctranslate2" / PRECISIONS[precision]
    if inside.is_dir() or os.access(folder, os.W_OK):
        return inside
    return places.cache() / "ctranslate2" / f"{bundle_info.digest(_weights(folder))[:16]}-{PRECISIONS[precision]}"


def _convert(folder: Path, place: Path, precision: str) -> None:
    """Write the conversion under a temporary name, then rename it."""
    from ctranslate2.converters import TransformersConverter

    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    try:
        with tempfile.TemporaryDirectory() as adapted:
            _adapt(folder, Path(adapted))
            converter = TransformersConverter(adapted)
            converter.convert(str(temporary), quantization=PRECISIONS[precision], force=True)
        shutil.rmtree(place, ignore_errors=True)
        temporary.chmod(0o755)
        temporary.rename(place)
    except OSError as error:
        raise RunError(f"cannot write `{place}`: {error.strerror or error}", "--engine torch") from error
    except Exception as error:
        raise RunError(f"CTranslate2 cannot convert `{folder}`: {error}", "--engine torch") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _adapt(folder: Path, adapted: Path) -> None:
    """Links to the model's files, and a config.json with the keys that the converter looks for."""
    for path in folder.iterdir():
        if path.is_file() and path.name != "config.json":
            (adapted / path.name).symlink_to(path.resolve())
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config["model_type"] in ("bart", "mbart"):
        config |= {"normalize_before": config["model_type"] == "mbart", "normalize_embedding": True}
    if config["model_type"] == "mbart" and config.get("decoder_start_token_id") == config.get("eos_token_id"):
        config["tokenizer_class"] = "MBart50Tokenizer"  # it begins with the end, the first mBART with a language
    (adapted / "config.json").write_text(json.dumps(config), encoding="utf-8")


def _try(converted: Ct2, model: Any, precision: str, place: Path) -> None:
    """Compare log-probabilities on random pieces, which all parts of a model take part in."""
    from nlpkit.engine.hypotheses import chances

    dice = random.Random(0)
    pieces = converted.pieces
    usable = [number for number, banned in enumerate(pieces.banned(None)) if not banned and number != pieces.end]
    sources = [[*dice.choices(usable, k=_LENGTH), pieces.end] for _ in range(_TRIED)]
    begin = pieces.begin(next(iter(getattr(pieces, "codes", {})), ""))
    targets = [[*begin, *dice.choices(usable, k=_LENGTH)] for _ in range(_TRIED)]
    wanted = chances(model, sources, [[*target, pieces.end] for target in targets], pieces.pad)
    found = converted.chances(sources, [target[converted._skipped :] for target in targets])
    pairs = [
        abs(a - b) for ours, theirs in zip(wanted, found, strict=True)
        for a, b in zip(ours[-_LENGTH:], theirs[-_LENGTH:], strict=True)
    ]  # fmt: skip
    drift = sum(pairs) / len(pairs)
    if not drift <= _DRIFT[precision]:
        shutil.rmtree(place, ignore_errors=True)
        raise RunError(
            f"CTranslate2 does not compute what the model does: log-probabilities differ by {drift:.3f} a piece",
            "--engine torch",
        )


def kind_of(folder: Path) -> str:
    """The kind of model in a folder, as config.json names it."""
    try:
        return str(json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type", ""))
    except (OSError, ValueError, AttributeError):
        raise InputError(f"`{folder / 'config.json'}` is damaged", "copy or train the model again") from None
