"""Encoders whose answer is for a whole text: the stock head of transformers, or mean or attention pooling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

from nlpkit.engine.hub import folder_of
from nlpkit.engine.pooling import AttentionPooling, mean_of
from nlpkit.engine.pretrained import Tokenizer, label_names, load_tokenizer, longest_window, read
from nlpkit.errors import InputError

FILE = "head.safetensors"
MULTI_LABEL = "multi_label_classification"  # as transformers calls it


class TextHead(nn.Module):
    """An encoder that gives (rows, labels) logits.

    ``pooling="cls"`` is the sequence classifier of transformers as it is, saved so that transformers reads it. With
    ``mean`` and ``attention`` the states of all sub-words are pooled, special ones too, and a linear layer answers; the
    encoder is saved as transformers saves it, the head in a file of its own.
    """

    reads = "texts"

    def __init__(self, encoder: Any, labels: Sequence[str], *, pooling: str, multi_label: bool) -> None:
        super().__init__()
        self.encoder, self.pooling = encoder, pooling
        self.classes, self.multi_label = len(labels), multi_label
        if pooling != "cls":
            if getattr(encoder, "pooler", None) is not None:
                encoder.pooler = None  # the stock one; it would learn nothing, which several processes do not bear
            config = encoder.config
            width = int(config.hidden_size)
            found = getattr(config, "classifier_dropout", None)
            self.dropout = nn.Dropout(0.1 if found is None else float(found))
            self.pool = AttentionPooling(width) if pooling == "attention" else None
            self.classifier = nn.Linear(width, len(labels))

    @property
    def device(self) -> torch.device:
        found: torch.device = self.encoder.device
        return found

    @property
    def body(self) -> Any:
        """The encoder without any head."""
        return getattr(self.encoder, self.encoder.base_model_prefix, self.encoder)

    @property
    def config(self) -> Any:
        return self.encoder.config

    def get_input_embeddings(self) -> Any:
        return self.encoder.get_input_embeddings()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **more: torch.Tensor) -> Any:
        found = self.encoder(input_ids=input_ids, attention_mask=attention_mask, **more)
        if self.pooling == "cls":
            return found
        states, mask = found.last_hidden_state, attention_mask.bool()
        pooled = self.pool(states, mask) if self.pool is not None else mean_of(states, mask)
        return SimpleNamespace(logits=self.classifier(self.dropout(pooled)))

    def save_pretrained(self, folder: Path) -> None:
        self.encoder.save_pretrained(folder)
        if self.pooling != "cls":
            own = {name: value for name, value in self.state_dict().items() if not name.startswith("encoder.")}
            save_file({name: value.contiguous().cpu() for name, value in own.items()}, Path(folder) / FILE)


def _kind(pooling: str) -> Any:
    return AutoModelForSequenceClassification if pooling == "cls" else AutoModel


def names(labels: Sequence[str], multi_label: bool) -> dict[str, Any]:
    """What config.json says of the labels of texts."""
    return {**label_names(labels), "problem_type": MULTI_LABEL if multi_label else "single_label_classification"}


def load_base(
    name: str, labels: Sequence[str], *, pooling: str, multi_label: bool, revision: str | None, seed: int
) -> tuple[TextHead, Tokenizer, int]:
    """A pretrained encoder (folder or Hub id) with a new head: (model, tokenizer, longest window)."""
    folder = folder_of(name, revision)
    config = read(AutoConfig, folder, **names(labels, multi_label))
    tokenizer = load_tokenizer(folder)
    torch.manual_seed(seed)  # a new head is drawn
    encoder = read(
        _kind(pooling), folder, config=config, dtype=torch.float32, use_safetensors=True, ignore_mismatched_sizes=True
    )
    model = TextHead(encoder, labels, pooling=pooling, multi_label=multi_label)
    return model, tokenizer, longest_window(config, tokenizer)


def load(folder: Path, labels: Sequence[str], *, pooling: str, multi_label: bool) -> TextHead:
    """A model that was saved by ``TextHead``."""
    encoder, found = read(_kind(pooling), folder, dtype=torch.float32, use_safetensors=True, output_loading_info=True)
    if pooling == "cls" and (missing := sorted(found["missing_keys"])):
        raise InputError(f"`{folder}` has no weights for {missing[0]}: it was not trained to classify texts")
    model = TextHead(encoder, labels, pooling=pooling, multi_label=multi_label)
    if pooling != "cls":
        try:
            missing, unexpected = model.load_state_dict(load_file(folder / FILE), strict=False)
            if unexpected or any(not name.startswith("encoder.") for name in missing):
                raise ValueError("its weights are not those of the head")
        except Exception as error:  # OSError, RuntimeError, SafetensorError
            raise InputError(f"`{folder / FILE}` is damaged: {error}", "copy or train the model again") from None
    return model


def of_others(folder: Path) -> tuple[TextHead, list[str], bool]:
    """A sequence classifier that transformers saved: (model, labels, whether a text may have any number of them)."""
    config = read(AutoConfig, folder)
    labels = [config.id2label[number] for number in range(config.num_labels)]
    multi_label = getattr(config, "problem_type", None) == MULTI_LABEL
    if getattr(config, "problem_type", None) == "regression" or len(labels) < 2:
        raise InputError(f"`{folder}` gives a number, not a label", "nlpkit classify is for models with labels")
    return load(folder, labels, pooling="cls", multi_label=multi_label), labels, multi_label
