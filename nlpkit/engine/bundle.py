"""A bundle: one folder that is one model; encoders are readable by transformers too.

``bundle.json config.json README.md`` and, for an encoder, ``model.safetensors tokenizer.json tokenizer_config.json``
(and ``head.safetensors`` or ``crf.safetensors`` where the head is nlpkit's own),
for a BiLSTM ``model.safetensors features.json``, for n-grams ``model.safetensors``, for a linear CRF
``model.crfsuite``, for spaCy ``pipeline/``; never a pickle. What a kind of model does not need is not imported: n-grams
and a linear CRF start without torch.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpkit.config import bundle_info
from nlpkit.config.decoding import Decoding
from nlpkit.data.seen import FILE as SEEN
from nlpkit.engine.hub import folder_of
from nlpkit.errors import InputError, RunError

if TYPE_CHECKING:
    import torch

Say = Callable[[str], None]
SPACY = "spacy:"  # begins the name of an installed pipeline
ENDINGS = (".bin", ".ftz")  # end the name of a fastText model
TEXTS = ("classify", "langid")  # tasks for which a model of others is read as a classifier of texts
PAIRS = ("translate", "g2p")  # and these, as one that writes texts


@dataclass
class Bundle:
    """A loaded model; ``info`` is the content of bundle.json.

    ``tokenizer`` is None for a model that takes words as they are (``features.WordTagger``), ``path`` for one that is
    not a folder.
    """

    path: Path | None
    model: Any
    tokenizer: Any  # a pretrained.Tokenizer, recurrent.Words, joint.Joint, pretrained_pairs.PretrainedPieces, or None
    info: dict[str, Any]


def load(name: str, device: str | None = None, task: str | None = None) -> Bundle:
    """A bundle of nlpkit, any folder or Hub id that transformers reads as a token or sequence classifier,
    ``spacy:NAME``, or a fastText model.

    ``task`` is what the model is wanted for, where it does not say so itself.
    """
    if name.startswith(SPACY):
        return _installed(name.removeprefix(SPACY), task or "ner", device)
    if name.endswith(ENDINGS):
        from nlpkit.engine.fasttext_model import FastText

        _no_device(name, device)
        model = FastText(Path(name))
        return Bundle(None, model, None, {"task": "langid", "options": {}, "labels": model.labels, "max_length": 0})
    folder = folder_of(name)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = str(config.get("model_type", ""))
    except (ValueError, AttributeError):
        raise InputError(f"`{folder / 'config.json'}` is damaged", "copy or train the model again") from None
    info = bundle_info.read(folder) if (folder / "bundle.json").is_file() else None
    if info is not None:
        bundle_info.verify(folder, info)
    if kind.startswith("nlpkit-") and info is None:
        raise InputError(f"`{folder}` has no bundle.json", "copy or train the model again")
    if kind in ("nlpkit-crf", "nlpkit-spacy", "nlpkit-ngrams", "nlpkit-linear"):
        _no_device(name, device)
        assert info is not None
        if kind == "nlpkit-crf":
            if "model.crfsuite" not in info.get("sha256", {}):  # crfsuite may crash on a damaged file
                raise InputError(f"`{folder}` is damaged: no SHA-256 of model.crfsuite", "train the model again")
            from nlpkit.engine.linear_crf import LinearCrf as Kind
        elif kind == "nlpkit-ngrams":
            from nlpkit.engine.hashed import Hashed as Kind  # type: ignore[assignment]
        elif kind == "nlpkit-linear":
            from nlpkit.engine.ngrams import Ngrams as Kind  # type: ignore[assignment]
        else:
            from nlpkit.engine.pipelines import Pipeline as Kind  # type: ignore[assignment]
        words = Kind.load(folder, config)
        _agree(folder, info, words.labels)
        return Bundle(folder, words, None, info)
    where = _device(device)
    if kind == "nlpkit-bilstm":
        assert info is not None
        found = _bilstm(folder, config, info)
    elif task in PAIRS if info is None else info.get("head") == "pairs":
        found = _of_pairs(folder, kind, config, info, task)
    else:
        found = _foreign(folder, info, task)
    found.model.eval().to(where)
    return found


def check_base(name: str, *, pairs: bool) -> None:
    """Raise InputError where a model of nlpkit is no beginning for one that writes texts, or (not ``pairs``) labels.

    What others have made is told apart where it is loaded.
    """
    from nlpkit.engine.ct2 import kind_of

    folder = Path(name)
    if not (folder / "bundle.json").is_file():
        return
    info, kind = bundle_info.read(folder), kind_of(folder)
    if kind.startswith("nlpkit-") or (info.get("head") == "pairs") != pairs:
        wanted = "an encoder-decoder of transformers" if pairs else "an encoder of transformers"
        raise InputError(
            f"model.base: `{name}` is a model for {info['task']} of the kind {kind}, {wanted} is wanted",
            "take a T5, mBART, NLLB, M2M100 or Marian" if pairs else "take a BERT, XLM-R or the like",
        )


def _no_device(name: str, device: str | None) -> None:
    if device not in (None, "cpu"):
        raise InputError(f"`{name}` runs on the CPU only", "leave out --device")


def _installed(name: str, task: str, device: str | None) -> Bundle:
    from nlpkit.engine.pipelines import Pipeline

    _no_device(SPACY + name, device)
    found = Pipeline.installed(name, spans=task == "ner")
    info = {"task": task, "options": {}, "labels": found.labels, "max_length": 0}
    return Bundle(None, found, None, info)


def converted(
    name: str,
    task: str,
    decoding: Decoding,
    *,
    device: str | None,
    precision: str,
    ensemble: bool,
    must: bool,
    say: Say,
) -> Bundle | None:
    """The model by CTranslate2; None where it cannot serve, or InputError where it ``must``."""
    from nlpkit.engine import ct2

    folder = folder_of(name)
    kind = ct2.kind_of(folder)
    info = bundle_info.read(folder) if (folder / "bundle.json").is_file() else None
    why = ct2.refusal(kind, decoding, device, ensemble=ensemble, precision=precision)
    if not why and not must and device is None and ct2.gpus():
        return None  # torch is as fast there, and answers exactly as it did when it was scored
    if info is not None and (info.get("head") != "pairs" or info["task"] != task):
        why = f"`{name}` is a model for {info['task']}"
    if info is not None and not why:
        bundle_info.verify(folder, info)
    if why:
        if must:
            raise InputError(f"--engine ct2: {why}", "--engine torch")
        return None
    if info is None:
        from nlpkit.engine.pretrained_pairs import load_pieces

        pieces = load_pieces(folder, {})
        info = {"task": task, "head": "pairs", "options": {}, "labels": [], "max_length": pieces.longest}
    else:
        pieces = pieces_of(folder, kind, info)
    try:
        model = ct2.opened(
            folder, pieces, device=device, precision=precision, reference=lambda: load(name, "cpu", task).model, say=say
        )
    except RunError as error:
        if must:
            raise
        say(f"note: {error.message}; going on by torch")
        return None
    return Bundle(folder, model, pieces, info)


def pieces_of(folder: Path, kind: str, info: dict[str, Any]) -> Any:
    """The tokenizer of a model of nlpkit that writes texts. One that was learned with the model needs no torch."""
    if kind == "nlpkit-rnn" or info.get("pieces") == "joint":
        from nlpkit.engine.joint import Joint

        return Joint.load(folder)
    from nlpkit.engine.pretrained_pairs import load_pieces

    return load_pieces(folder, info["options"].get("codes", {}))


def _of_pairs(folder: Path, kind: str, config: dict[str, Any], info: dict[str, Any] | None, task: str | None) -> Bundle:
    if kind == "nlpkit-rnn":
        from nlpkit.engine.seq2seq import rnn_of

        assert info is not None
        return Bundle(folder, _weighted(folder, lambda: rnn_of(config)), pieces_of(folder, kind, info), info)
    from nlpkit.engine.pretrained_pairs import load_base, load_stock

    if info is None:
        model, pieces, limit = load_base(str(folder), {})
        facts = {"task": task, "head": "pairs", "options": {}, "labels": [], "max_length": limit}
        return Bundle(folder, model, pieces, facts)
    return Bundle(folder, load_stock(folder), pieces_of(folder, kind, info), info)


def _weighted(folder: Path, make: Callable[[], Any]) -> Any:
    """A model of nlpkit's own with the weights of the folder."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        model = make()
        model.load_state_dict(load_file(folder / "model.safetensors"))
    except (KeyError, ValueError, RuntimeError, OSError, SafetensorError) as error:
        what = str(error).splitlines()[0]
        raise InputError(f"`{folder}` is damaged: {what}", "copy or train the model again") from None
    return model


def _bilstm(folder: Path, config: dict[str, Any], info: dict[str, Any]) -> Bundle:
    from nlpkit.engine.recurrent import Words, of_facts

    found: list[Words] = []

    def make() -> Any:
        found.append(Words.load(folder))
        return of_facts(config, found[0])

    model = _weighted(folder, make)
    _agree(folder, info, model.labels)
    return Bundle(folder, model, found[0], info)


def _foreign(folder: Path, info: dict[str, Any] | None, task: str | None) -> Bundle:
    from nlpkit.engine.heads import with_head
    from nlpkit.engine.pretrained import load_model, load_tokenizer, longest_window

    tokenizer = load_tokenizer(folder)
    if task in TEXTS if info is None else info.get("head") == "texts":
        return _of_texts(folder, info, task, tokenizer)
    model = load_model(folder)
    labels = [model.config.id2label[number] for number in range(model.config.num_labels)]
    if info is not None:
        _agree(folder, info, labels)
        model = with_head(model, labels, folder=folder, **info.get("tagger", {}))
    else:
        info = {"options": {}, "labels": labels, "max_length": longest_window(model.config, tokenizer)}
        info["task"] = _task_of(folder, labels, task)
    return Bundle(folder, model, tokenizer, info)


def _of_texts(folder: Path, info: dict[str, Any] | None, task: str | None, tokenizer: Any) -> Bundle:
    from nlpkit.engine import text_heads
    from nlpkit.engine.pretrained import longest_window

    if info is None:
        model, labels, multi_label = text_heads.of_others(folder)
        options = {"multi_label": multi_label} if task == "classify" else {}
        limit = longest_window(model.config, tokenizer)
        return Bundle(
            folder, model, tokenizer, {"task": task, "options": options, "labels": labels, "max_length": limit}
        )
    multi_label = bool(info["options"].get("multi_label"))
    model = text_heads.load(folder, info["labels"], pooling=info.get("pooling", "mean"), multi_label=multi_label)
    _agree(folder, info, [model.config.id2label[number] for number in range(model.config.num_labels)])
    return Bundle(folder, model, tokenizer, info)


def _task_of(folder: Path, labels: list[str], wanted: str | None) -> str:
    """What a token classifier of others is for, by its labels."""
    if any(label.startswith(("B-", "I-")) for label in labels):
        return "ner"
    some = ", ".join(labels[:4])
    if any(label.startswith("LABEL_") for label in labels):
        raise InputError(f"`{folder}` has the labels {some}, which say nothing: it was not trained to tag")
    if wanted == "ner":
        raise InputError(f"`{folder}` has the labels {some}, ...: no B- or I- among them, so no entity tagger")
    return "pos"


def _agree(folder: Path, info: dict[str, Any], labels: list[str]) -> None:
    if info["labels"] != labels:
        path = folder / "bundle.json"
        raise InputError(f"`{path}` and config.json disagree about the labels", "the folder was changed; copy it again")


def pick_device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


def _device(name: str | None) -> torch.device:
    """The device called ``name``. One that is not there raises InputError."""
    import torch

    if name is None:
        return torch.device(pick_device())
    have = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    have += ["mps"] if torch.backends.mps.is_available() else []
    if name not in have and not (name == "cuda" and len(have) > 1):
        raise InputError(f"no device `{name}`", "devices here: " + ", ".join(have))
    return torch.device(name)


def prepared(bundle: Bundle, precision: str) -> Any:
    """The model in the arithmetic asked for."""
    if bundle.tokenizer is None:
        if precision != "fp32":
            raise InputError("this kind of model has no precision to choose", "leave out --precision")
        return bundle.model
    from nlpkit.engine.predict import lower_precision

    return lower_precision(bundle.model, precision)


def save(path: Path, fill: Callable[[Path], None], info: dict[str, Any], card: str, seen: bytes | None) -> None:
    """Write a bundle under a temporary name, then rename it. ``fill`` writes the model into a folder."""
    temporary = path.with_name(f".{path.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        fill(temporary)
        if seen is not None:
            (temporary / SEEN).write_bytes(seen)
        facts = {"bundle": bundle_info.FORMAT, **info, "sha256": bundle_info.digests(temporary)}
        text = json.dumps(facts, ensure_ascii=False, indent=1)
        (temporary / "bundle.json").write_text(text + "\n", encoding="utf-8")
        (temporary / "README.md").write_text(card, encoding="utf-8")
        mode = (temporary / "README.md").stat().st_mode  # safetensors lets nobody else read what it writes
        for child in temporary.rglob("*"):
            if child.is_file():
                child.chmod(mode)
                with child.open("rb") as file:
                    os.fsync(file.fileno())
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)
    except Exception as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if not isinstance(error, OSError) and type(error).__name__ != "SafetensorError":
            raise
        why = getattr(error, "strerror", None) or str(error)
        raise RunError(
            f"cannot write the model to `{path}`: {why}", "free some space, then run the same command again"
        ) from error
