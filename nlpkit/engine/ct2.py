"""The same model by CTranslate2: converted once into a folder beside the weights, and tried against them.

Needs neither torch nor transformers once that is done, if the tokenizer was learned with the model.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import random
import shutil
import tempfile
import warnings
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
_PATIENCE = 2  # with 1 a search ends as soon as a beam of hypotheses has, though one that goes on may be better
_ROUND = 8  # pieces of source to which a limit is rounded up, so that rows share one


def refusal(kind: str, decoding: Decoding, device: str | None, *, ensemble: bool, precision: str) -> str:
    """Why CTranslate2 cannot do what is asked; empty where it can."""
    if importlib.util.find_spec("ctranslate2") is None:
        return "CTranslate2 is not installed: pip install 'nlpkit[ct2]'"
    if kind not in FAMILIES:
        return f"CTranslate2 cannot run a model of the kind {kind}"
    if why := unable(decoding, ensemble=ensemble):
        return why
    if device not in (None, "cpu", "cuda") or (device == "cuda" and not gpus()):
        return f"CTranslate2 has no device {device} here"
    import ctranslate2

    known = ctranslate2.get_supported_compute_types(device or "cpu")
    if PRECISIONS[precision] not in known:
        return f"CTranslate2 cannot do {precision} here"
    return ""


def unable(decoding: Decoding, *, ensemble: bool) -> str:
    """What CTranslate2 does not do of what is asked, whatever the model; empty where it does it all."""
    for name, wanted in (
        ("an ensemble", ensemble), ("sampling", decoding.sample), ("diverse beams", decoding.groups > 1),
        ("required words", bool(decoding.force)), ("one script only", decoding.script is not None),
    ):  # fmt: skip
        if wanted:
            return f"{name} needs --engine torch"
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
        told = os.environ.get("OMP_NUM_THREADS", "")
        threads = int(told) if told.isdecimal() and int(told) else threads
        self.translator = ctranslate2.Translator(
            str(folder), device=device, compute_type=PRECISIONS[precision], inter_threads=1, intra_threads=threads
        )
        self._names: list[str] = pieces.pieces()
        self._ids = {name: number for number, name in enumerate(self._names)}
        start = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("decoder_start_token")
        self._skipped = 0 if start is None else 1  # what an answer begins with and the model knows by itself
        writes = {name for name, banned in zip(self._names, pieces.banned(None), strict=True) if not banned}
        self._never = [[name] for name in _vocabulary(folder) if name not in writes]

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
        """An output for each feature, as ``generate.outputs`` gives them.

        But for the limit of length, which is that of a source of a few pieces more, so that many rows share it.
        """
        order = sorted(range(len(features)), key=lambda at: len(features[at].ids))
        results: list[Output] = [Output([], None) for _ in features]
        size = max(1, batch_tokens // decoding.beam)
        while order:
            poll()
            part = [order.pop()]
            widest, most = len(features[part[0]].ids), _most(features[part[0]], decoding)
            # one batch a call: nothing interrupts a call
            while order and _most(features[order[-1]], decoding) == most and (len(part) + 1) * widest <= size:
                part.append(order.pop())
            begins = [self.named((features[at].labels or [])[self._skipped :]) for at in part]
            told = max(0, len(features[part[0]].labels or ()) - 1)  # CTranslate2 counts all but the first
            limit = min(told + most, longest)
            found = self.translator.translate_batch(
                [self.named(features[at].ids) for at in part],
                target_prefix=begins if any(begins) else None,
                beam_size=decoding.beam, patience=_PATIENCE,
                num_hypotheses=decoding.nbest, length_penalty=decoding.length_penalty,
                no_repeat_ngram_size=decoding.no_repeat_ngram, suppress_sequences=self._never, return_scores=True,
                min_decoding_length=min(told + decoding.min_length, limit), max_decoding_length=limit,
                max_input_length=0,
            )  # fmt: skip
            for at, result in zip(part, found, strict=True):
                results[at] = self._output(result, told, decoding)
        return results

    def _output(self, result: Any, told: int, decoding: Decoding) -> Output:
        """Answers without the ``told`` pieces before them, which their scores are not to count either."""
        texts = []
        for names, score in zip(result.hypotheses, result.scores, strict=True):
            ids = [self._ids[name] for name in names[told:] if name in self._ids]
            longer = (len(names) + 1) / (len(names) + 1 - told)
            texts.append((self.pieces.said(ids), float(score * longer**decoding.length_penalty)))
        return Output([], None, texts=sorted(texts, key=lambda entry: -entry[1]))

    def chances(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[list[float]]:
        """The log-probability of each piece of each target, the end too."""
        found = self.translator.score_batch(
            [self.named(ids) for ids in sources], [self.named(ids) for ids in targets], max_input_length=0
        )
        return [list(one.log_probs) for one in found]


def _most(feature: Feature, decoding: Decoding) -> int:
    """How many pieces an answer may have."""
    return decoding.max_length or 20 + 3 * _ROUND * -(-len(feature.ids) // _ROUND)


def _vocabulary(folder: Path) -> list[str]:
    """What a converted model writes with; more than the tokenizer has where its table has more rows."""
    paths = [folder / f"{name}_vocabulary.json" for name in ("shared", "target")]
    found: list[str] = json.loads(next(filter(Path.is_file, paths)).read_text(encoding="utf-8"))
    return found


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
    stamp = _stamp(folder, precision)
    inside = folder / "ctranslate2" / PRECISIONS[precision]
    digest = hashlib.sha256(json.dumps(stamp, sort_keys=True).encode()).hexdigest()[:16]
    outside = places.cache() / "ctranslate2" / f"{digest}-{PRECISIONS[precision]}"
    place = next((place for place in (inside, outside) if _made_from(place) == stamp), None)
    if place is None:
        shipped = folder.resolve().is_relative_to(places.models().resolve())  # nlpkit's own folders stay as they are
        place = inside if os.access(folder, os.W_OK) and not shipped else outside
        say(f"converting the model for CTranslate2, once, into `{place}`")
        _make(folder, place, pieces, precision, stamp, reference())
    return Ct2(place, pieces, device or "cpu", precision)


def _stamp(folder: Path, precision: str) -> dict[str, str]:
    """What a conversion is made from: the SHA-256 of weights, configuration and tokenizer."""
    names = ("config.json", "tokenizer.json", "vocab.json")
    files = [path for path in folder.iterdir() if path.name in names or path.suffix == ".safetensors"]
    return {"precision": precision, **{path.name: bundle_info.digest(path) for path in sorted(files)}}


def _made_from(place: Path) -> Any:
    """The stamp of a conversion; None where there is none, or one that is not whole."""
    try:
        told = json.loads((place / "nlpkit.json").read_text(encoding="utf-8"))
        return told["from"] if told["files"] == _files(place) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _files(place: Path) -> dict[str, str]:
    """SHA-256 of the files of a conversion."""
    return {name: digest for name, digest in bundle_info.digests(place).items() if name != "nlpkit.json"}


def _make(folder: Path, place: Path, pieces: Any, precision: str, stamp: dict[str, str], model: Any) -> None:
    """Convert and try under a temporary name, then rename."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    except OSError as error:
        raise RunError(f"cannot write `{place}`: {error.strerror or error}", "--engine torch") from error
    try:
        _convert(folder, temporary, precision)
        _try(Ct2(temporary, pieces, "cpu", precision), model, precision)
        told = json.dumps({"from": stamp, "files": _files(temporary)}, indent=1)
        (temporary / "nlpkit.json").write_text(told + "\n", encoding="utf-8")
        temporary.chmod(0o755)
        shutil.rmtree(place, ignore_errors=True)
        temporary.rename(place)
    except RunError:
        raise
    except Exception as error:
        if _made_from(place) != stamp:  # else another process was faster
            raise RunError(f"CTranslate2 cannot convert `{folder}`: {error}", "--engine torch") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if not any(place.parent.iterdir()):
            place.parent.rmdir()


def _convert(folder: Path, place: Path, precision: str) -> None:
    """Write the conversion into a folder that is there."""
    from ctranslate2.converters import TransformersConverter
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()

    class Converter(TransformersConverter):  # type: ignore[misc]
        def load_model(self, kind: Any, name: str, **more: Any) -> Any:
            model = super().load_model(kind, name, **more)
            _adapt(model.config)
            return model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Marian's tokenizer recommends sacremoses
        Converter(str(folder)).convert(str(place), quantization=PRECISIONS[precision], force=True)
    path = place / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    if config.get("bos_token", "") is None:  # of mBART-50, whose answers begin with the end
        config["bos_token"] = config["eos_token"]
        path.write_text(json.dumps(config) + "\n", encoding="utf-8")


def _adapt(config: Any) -> None:
    """Give a configuration the keys that the converter looks for."""
    kind = config.model_type
    if kind in ("bart", "mbart"):
        config.normalize_before, config.normalize_embedding = kind == "mbart", True
    if kind == "mbart" and config.decoder_start_token_id == config.eos_token_id:
        config.tokenizer_class = "MBart50Tokenizer"  # it begins with the end, the first mBART with a language
    if kind in ("t5", "mt5"):  # transformers ties them all, but only T5's own outputs are scaled
        config.tie_word_embeddings = getattr(config, "scale_decoder_outputs", False)
        if getattr(config, "decoder_start_token_id", None) is None:
            config.decoder_start_token_id = config.pad_token_id


def _try(converted: Ct2, model: Any, precision: str) -> None:
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
