"""A bundle: one folder that is one model; encoders are readable by transformers too.

``bundle.json config.json model.safetensors README.md`` and ``tokenizer.json tokenizer_config.json`` (an encoder) or
``features.json`` (a BiLSTM); never a pickle.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from nlpkit.config import bundle_info
from nlpkit.engine.hub import folder_of
from nlpkit.engine.recurrent import Bilstm, Words
from nlpkit.errors import InputError, RunError

if TYPE_CHECKING:
    from nlpkit.engine.pretrained import Tokenizer


@dataclass
class Bundle:
    """A loaded model; ``info`` is the content of bundle.json."""

    path: Path
    model: Any
    tokenizer: Tokenizer | Words
    info: dict[str, Any]


def load(name: str, device: str | None = None) -> Bundle:
    """A bundle of nlpkit, or any folder or Hub id that transformers reads as a token classifier."""
    where = _device(device)
    folder = folder_of(name)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = str(config.get("model_type", ""))
    except (ValueError, AttributeError):
        raise InputError(f"`{folder / 'config.json'}` is damaged", "copy or train the model again") from None
    info = bundle_info.read(folder) if (folder / "bundle.json").is_file() else None
    found = _own(folder, config, info) if kind == "nlpkit-bilstm" else _foreign(folder, info)
    found.model.eval().to(where)
    return found


def _own(folder: Path, config: dict[str, Any], info: dict[str, Any] | None) -> Bundle:
    try:
        model = Bilstm.from_facts(config)
        model.load_state_dict(load_file(folder / "model.safetensors"))
    except (KeyError, ValueError, RuntimeError, SafetensorError) as error:
        what = str(error).splitlines()[0]
        raise InputError(f"`{folder}` is damaged: {what}", "copy or train the model again") from None
    if info is None:
        raise InputError(f"`{folder}` has no bundle.json", "copy or train the model again")
    _agree(folder, info, model.labels)
    return Bundle(folder, model, Words.load(folder), info)


def _foreign(folder: Path, info: dict[str, Any] | None) -> Bundle:
    from nlpkit.engine.pretrained import load_model, load_tokenizer, longest_window

    model = load_model(folder)
    tokenizer = load_tokenizer(folder)
    labels = [model.config.id2label[number] for number in range(model.config.num_labels)]
    if info is not None:
        _agree(folder, info, labels)
    else:
        if not any(label.startswith(("B-", "I-")) for label in labels):
            some = ", ".join(labels[:4])
            raise InputError(f"`{folder}` has the labels {some}, ...: no B- or I- among them, so no entity tagger")
        info = {"task": "ner", "options": {}, "labels": labels, "max_length": longest_window(model.config, tokenizer)}
    return Bundle(folder, model, tokenizer, info)


def _agree(folder: Path, info: dict[str, Any], labels: list[str]) -> None:
    if info["labels"] != labels:
        path = folder / "bundle.json"
        raise InputError(f"`{path}` and config.json disagree about the labels", "the folder was changed; copy it again")


def pick_device() -> str:
    return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


def _device(name: str | None) -> torch.device:
    """The device called ``name``. One that is not there raises InputError."""
    if name is None:
        return torch.device(pick_device())
    have = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    have += ["mps"] if torch.backends.mps.is_available() else []
    if name not in have and not (name == "cuda" and len(have) > 1):
        raise InputError(f"no device `{name}`", "devices here: " + ", ".join(have))
    return torch.device(name)


def save(path: Path, model: Any, tokenizer: Tokenizer | Words, info: dict[str, Any], card: str) -> None:
    """Write a bundle under a temporary name, then rename it."""
    temporary = path.with_name(f".{path.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        if isinstance(model, Bilstm):
            (temporary / "config.json").write_text(json.dumps(model.facts(), indent=1) + "\n", encoding="utf-8")
            tensors = {name: value.contiguous() for name, value in model.state_dict().items()}
            save_file(tensors, temporary / "model.safetensors")
        else:
            model.save_pretrained(temporary)
        tokenizer.save(temporary)
        text = json.dumps({"bundle": bundle_info.FORMAT, **info}, ensure_ascii=False, indent=1)
        (temporary / "bundle.json").write_text(text + "\n", encoding="utf-8")
        (temporary / "README.md").write_text(card, encoding="utf-8")
        for child in temporary.iterdir():
            with child.open("rb") as file:
                os.fsync(file.fileno())
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        why = getattr(error, "strerror", None) or str(error)
        raise RunError(
            f"cannot write the model to `{path}`: {why}", "free some space, then run the same command again"
        ) from error
