"""Models and tokenizers of transformers, read from folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer
from transformers.utils import logging as transformers_logging

from nlpkit.engine.hub import folder_of
from nlpkit.errors import InputError

transformers_logging.disable_progress_bar()
transformers_logging.set_verbosity_error()
# their positions begin after the padding id
_SHIFTED = ("roberta", "xlm-roberta", "camembert", "xlm-roberta-xl", "xmod", "mpnet")


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
        pair = self._backend.encode("a", "a")
        middle = pair.ids[at + len(bare) : len(pair.ids) - len(self.suffix)]
        self.between = middle[: len(middle) - len(bare)]
        self.types = "token_type_ids" in hf.model_input_names and 1 in pair.type_ids
        self.pad = hf.pad_token_id if hf.pad_token_id is not None else 0
        self._unknown = hf.unk_token_id if hf.unk_token_id is not None else self.pad

    def save(self, folder: Path) -> None:
        self.hf.save_pretrained(folder)

    def pieces(self, rows: Sequence[Sequence[str]]) -> list[list[list[int]]]:
        """Sub-word ids of every word. A word that leaves none (a lone ZWSP) gets the unknown piece."""
        result = []
        found = self._backend.encode_batch(list(rows), is_pretokenized=True, add_special_tokens=False)
        for row, encoded in zip(rows, found, strict=True):
            words: list[list[int]] = [[] for _ in row]
            for piece, word in zip(encoded.ids, encoded.word_ids, strict=True):
                if word is not None:
                    words[word].append(piece)
            result.append([word or [self._unknown] for word in words])
        return result

    def texts(self, texts: Sequence[str]) -> list[list[int]]:
        """Sub-word ids of whole texts; a blank one has none."""
        found = self.pieces([[text] for text in texts])
        return [row[0] if text.strip() else [] for row, text in zip(found, texts, strict=True)]


def read(kind: Any, folder: Path, **more: Any) -> Any:
    """``from_pretrained`` that opens no socket, runs no remote code, and fails in one line."""
    try:
        return kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **more)
    except (OSError, ValueError, KeyError, ImportError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"cannot load `{folder}`: {first}") from None
    except Exception as error:  # SafetensorError, the tokenizers' own and what a damaged JSON provokes
        what = "model.safetensors" if type(error).__name__ == "SafetensorError" else "one of its files"
        raise InputError(f"`{folder}`: {what} is damaged: {error}", "copy or train it again") from None


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer in a folder."""
    # byte-level tokenizers must be told that the first word of a list follows a blank
    return Tokenizer(read(AutoTokenizer, folder, add_prefix_space=True))


def load_model(folder: Path, **more: Any) -> Any:
    """The token classifier in a folder, in fp32 (a checkpoint may be bf16)."""
    return read(AutoModelForTokenClassification, folder, dtype=torch.float32, use_safetensors=True, **more)


def label_names(labels: Sequence[str]) -> dict[str, Any]:
    """What config.json says of the labels."""
    return {
        "num_labels": len(labels),
        "id2label": dict(enumerate(labels)),
        "label2id": {label: number for number, label in enumerate(labels)},
    }


def load_base(name: str, labels: Sequence[str], revision: str | None = None) -> tuple[Any, Tokenizer, int]:
    """A pretrained encoder (folder or Hub id) with a new head for ``labels``: (model, tokenizer, longest window)."""
    folder = folder_of(name, revision)
    config = read(AutoConfig, folder, **label_names(labels))
    tokenizer = load_tokenizer(folder)
    model = load_model(folder, config=config, ignore_mismatched_sizes=True)
    return model, tokenizer, longest_window(config, tokenizer)


def longest_window(config: Any, tokenizer: Tokenizer) -> int:
    """Positions the model can read, special tokens included."""
    limit = getattr(config, "max_position_embeddings", None) or 512
    if limit > 0 and config.model_type in _SHIFTED:
        limit -= (config.pad_token_id or 0) + 1
    if limit <= 0:  # relative positions only
        limit = 512
    return int(min(limit, getattr(tokenizer.hf, "model_max_length", limit) or limit))
