"""A bundle: one folder that is one model, readable by transformers too.

``bundle.json config.json model.safetensors tokenizer.json tokenizer_config.json README.md``; never a pickle.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer
from transformers.utils import logging as transformers_logging

from nlpkit.engine.recurrent import Bilstm, Words
from nlpkit.errors import InputError, RunError

FORMAT = 1
transformers_logging.disable_progress_bar()
transformers_logging.set_verbosity_error()


class Tokenizer:
    """A fast Hugging Face tokenizer as tasks see it: words in, sub-word ids out."""

    width = 1  # numbers a sub-word

    def __init__(self, hf: Any) -> None:
        if not getattr(hf, "is_fast", False):
            raise InputError(
                f"`{type(hf).__name__}` has no fast tokenizer (tokenizer.json)", "convert it with transformers first"
            )
        self.hf = hf
        self._backend = hf.backend_tokenizer
        self._backend.no_truncation()
        self._backend.no_padding()
        bare = self._backend.encode("a", add_special_tokens=False).ids
        full = self._backend.encode("a").ids
        at = next((i for i in range(len(full)) if full[i : i + len(bare)] == bare), 0)
        self.prefix, self.suffix = full[:at], full[at + len(bare) :]
        self.pad = hf.pad_token_id if hf.pad_token_id is not None else 0
        self._unknown = hf.unk_token_id if hf.unk_token_id is not None else self.pad

    def save(self, folder: Path) -> None:
        self.hf.save_pretrained(folder)

    def pieces(self, rows: Sequence[Sequence[str]]) -> list[list[list[int]]]:
        """Sub-word ids of every word. A word that leaves none (a lone ZWSP) gets the unknown piece."""
        result = []
        for row, encoded in zip(
            rows, self._backend.encode_batch(list(rows), is_pretokenized=True, add_special_tokens=False), strict=True
        ):
            words: list[list[int]] = [[] for _ in row]
            for piece, word in zip(encoded.ids, encoded.word_ids, strict=True):
                if word is not None:
                    words[word].append(piece)
            result.append([word or [self._unknown] for word in words])
        return result


@dataclass
class Bundle:
    """A loaded model: ``model`` is a transformers model, ``info`` the content of bundle.json."""

    path: Path
    model: Any
    tokenizer: Tokenizer | Words
    info: dict[str, Any]

    @property
    def labels(self) -> list[str]:
        return list(self.info["labels"])


def _checked_folder(name: str) -> Path | None:
    """The folder called ``name``; None where the name is a Hub id."""
    path = Path(name)
    if not path.is_dir():
        looks_local = path.is_absolute() or name.startswith((".", "~")) or name.count("/") != 1 or path.parent.is_dir()
        if looks_local:
            raise InputError(f"no model folder `{name}`", "see `nlpkit model list`")
        return None
    if not (path / "config.json").is_file():
        have = ", ".join(sorted(child.name for child in path.iterdir())[:8]) or "nothing"
        raise InputError(
            f"`{name}` is no model: it has no config.json (it holds {have})", "the model of a run lies in RUN/model"
        )
    if not (path / "model.safetensors").is_file() and not (path / "model.safetensors.index.json").is_file():
        pickles = sorted(child.name for child in path.iterdir() if child.suffix in (".bin", ".pt", ".pth", ".pkl"))
        if pickles:
            raise InputError(f"`{name}` holds its weights as a pickle (`{pickles[0]}`), which can run code when read",
                             "convert it to safetensors on a machine you can throw away")  # fmt: skip
        raise InputError(f"`{name}` has no model.safetensors")
    return path


def _from_pretrained(kind: Any, name: str, **more: Any) -> Any:
    """``from_pretrained`` that opens no socket for a folder, runs no remote code, and fails in one line."""
    folder = _checked_folder(name)
    try:
        return kind.from_pretrained(name, local_files_only=folder is not None, trust_remote_code=False, **more)
    except (OSError, ValueError, KeyError, ImportError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if folder is None:
            raise RunError(f"cannot load `{name}` from the Hub: {first}", "offline? name a folder instead") from None
        raise InputError(f"cannot load `{name}`: {first}") from None
    except Exception as error:  # SafetensorError has no public base class
        if "safetensor" in type(error).__name__.lower():
            raise InputError(f"`{name}/model.safetensors` is damaged: {error}", "copy or train it again") from None
        raise


def load_tokenizer(name: str, revision: str | None = None) -> Tokenizer:
    """The tokenizer of a folder or Hub id."""
    more = {"revision": revision} if revision else {}
    # byte-level tokenizers must be told that the first word of a list follows a blank
    return Tokenizer(_from_pretrained(AutoTokenizer, name, add_prefix_space=True, **more))


def load_base(name: str, labels: Sequence[str], revision: str | None = None) -> tuple[Any, Tokenizer, int]:
    """A pretrained encoder with a new head for ``labels``: (model, tokenizer, longest window)."""
    more = {"revision": revision} if revision else {}
    names = {
        "num_labels": len(labels),
        "id2label": dict(enumerate(labels)),
        "label2id": {label: number for number, label in enumerate(labels)},
    }
    config = _from_pretrained(AutoConfig, name, **names, **more)
    tokenizer = load_tokenizer(name, revision)
    model = _from_pretrained(
        AutoModelForTokenClassification,
        name,
        config=config,
        dtype=torch.float32,  # a checkpoint may be bf16; training needs fp32 weights
        use_safetensors=True,
        ignore_mismatched_sizes=True,
        **more,
    )
    return model, tokenizer, longest_window(config, tokenizer)


def longest_window(config: Any, tokenizer: Tokenizer) -> int:
    """Positions the model can read, special tokens included."""
    limit = getattr(config, "max_position_embeddings", None) or 512
    if limit > 0 and config.model_type in ("roberta", "xlm-roberta", "camembert", "xlm-roberta-xl", "xmod", "mpnet"):
        limit -= (config.pad_token_id or 0) + 1  # their positions begin after the padding id
    if limit <= 0:  # relative positions only
        limit = 512
    return int(min(limit, getattr(tokenizer.hf, "model_max_length", limit) or limit))


def load(name: str, device: str | None = None) -> Bundle:
    """A bundle of nlpkit, or any Hugging Face folder or Hub id for token classification."""
    folder = _checked_folder(name)
    info_path = folder / "bundle.json" if folder else None
    if folder is not None and (facts := _own_config(folder)):
        return _load_own(folder, facts, device)
    model = _from_pretrained(AutoModelForTokenClassification, name, dtype=torch.float32, use_safetensors=True)
    tokenizer = load_tokenizer(name)
    labels = [model.config.id2label[number] for number in range(model.config.num_labels)]
    if info_path is not None and info_path.is_file():
        info = read_info(info_path)
        if info["labels"] != labels:
            raise InputError(
                f"`{info_path}` and config.json disagree about the labels", "the folder was changed; copy it again"
            )
    else:
        spans = any(label.startswith(("B-", "I-")) for label in labels)
        if not spans:
            raise InputError(
                f"`{name}` has the labels {', '.join(labels[:6])}: no B- or I- among them, so no entity tagger"
            )
        info = {
            "bundle": FORMAT,
            "task": "ner",
            "options": {},
            "labels": labels,
            "max_length": longest_window(model.config, tokenizer),
        }
    model.eval()
    model.to(device or pick_device())
    return Bundle(folder or Path(name), model, tokenizer, info)


def _own_config(folder: Path) -> dict[str, Any]:
    """config.json where the model is nlpkit's own kind, else nothing."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError:
        raise InputError(f"`{folder / 'config.json'}` is damaged", "copy or train the model again") from None
    return dict(config) if str(config.get("model_type", "")).startswith("nlpkit-") else {}


def _load_own(folder: Path, facts: dict[str, Any], device: str | None) -> Bundle:
    info = read_info(folder / "bundle.json")
    try:
        model = Bilstm.from_facts(facts)
        model.load_state_dict(load_file(folder / "model.safetensors"))
    except (KeyError, ValueError, RuntimeError, SafetensorError) as error:
        what = str(error).splitlines()[0]
        raise InputError(f"`{folder}` is damaged: {what}", "copy or train the model again") from None
    if info["labels"] != model.labels:
        raise InputError(
            f"`{folder / 'bundle.json'}` and config.json disagree about the labels", "copy the folder again"
        )
    return Bundle(folder, model.eval().to(device or pick_device()), Words.load(folder), info)


def pick_device() -> str:
    return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


def read_info(path: Path) -> dict[str, Any]:
    """bundle.json, checked for its version."""
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
        version = info["bundle"]
    except (ValueError, KeyError, TypeError):
        raise InputError(f"`{path}` is damaged", "copy or train the model again") from None
    if version != FORMAT:
        raise InputError(f"`{path}` has format {version}, this nlpkit reads {FORMAT}", "install a newer nlpkit")
    return dict(info)


def save(path: Path, model: Any, tokenizer: Tokenizer | Words, info: dict[str, Any], card: str) -> None:
    """Write a bundle under a temporary name, then rename it."""
    temporary = path.with_name(f".{path.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        if isinstance(model, Bilstm):
            (temporary / "config.json").write_text(json.dumps(model.facts(), indent=1) + "\n", encoding="utf-8")
            save_file(
                {name: value.contiguous() for name, value in model.state_dict().items()},
                temporary / "model.safetensors",
            )
        else:
            model.save_pretrained(temporary)
        tokenizer.save(temporary)
        (temporary / "bundle.json").write_text(
            json.dumps({"bundle": FORMAT, **info}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )
        (temporary / "README.md").write_text(card, encoding="utf-8")
        for child in temporary.iterdir():
            with child.open("rb") as file:
                os.fsync(file.fileno())
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise RunError(
            f"cannot write the model to `{path}`: {error.strerror or error}",
            "free some space, then run the same command again",
        ) from error
