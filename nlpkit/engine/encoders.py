"""Small encoders from random weights, each with a tokenizer trained on the spot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from tokenizers import Tokenizer as RawTokenizer
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    PreTrainedTokenizerFast,
)

from nlpkit.config.recipe import BertScratch
from nlpkit.engine import text_heads
from nlpkit.engine.pretrained import Tokenizer, label_names

_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


def train_tokenizer(rows: Sequence[Sequence[str]], vocabulary: int, max_length: int) -> Tokenizer:
    """A BPE tokenizer (Sennrich et al., 2016) with Metaspace on NFC text: the same bytes for the same rows.

    BPE and not unigram or WordPiece, because their trainers in ``tokenizers`` give other pieces on every run.
    """
    raw = RawTokenizer(models.BPE(unk_token="[UNK]"))
    raw.normalizer = normalizers.NFC()
    raw.pre_tokenizer = pre_tokenizers.Metaspace()
    raw.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, min_frequency=2, special_tokens=_SPECIAL, show_progress=False)

    def lines() -> Iterator[str]:
        for row in rows:
            yield " ".join(row)

    raw.train_from_iterator(lines(), trainer)
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(mark, raw.token_to_id(mark)) for mark in ("[CLS]", "[SEP]")],
    )
    hf = PreTrainedTokenizerFast(
        tokenizer_object=raw, model_max_length=max_length,
        pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
    )  # fmt: skip
    return Tokenizer(hf)


def scratch(
    spec: BertScratch,
    labels: Sequence[str],
    tokenizer: Tokenizer,
    max_length: int,
    seed: int,
    *,
    pooling: str | None = None,
    multi_label: bool = False,
) -> Any:
    """A BERT (Devlin et al., 2019) of the given size with random weights; with ``pooling`` it answers for texts."""
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(tokenizer.hf),
        hidden_size=spec.hidden,
        num_hidden_layers=spec.layers,
        num_attention_heads=spec.heads,
        intermediate_size=spec.intermediate or 4 * spec.hidden,
        hidden_dropout_prob=spec.dropout,
        attention_probs_dropout_prob=spec.dropout / 2,
        max_position_embeddings=max_length,
        pad_token_id=tokenizer.pad,
        **(label_names(labels) if pooling is None else text_heads.names(labels, multi_label)),
    )
    if pooling is None:
        return BertForTokenClassification(config)
    body = BertForSequenceClassification(config) if pooling == "cls" else BertModel(config, add_pooling_layer=False)
    return text_heads.TextHead(body, labels, pooling=pooling, multi_label=multi_label)


def reset_head(model: Any, seed: int) -> None:
    """Draw the new classifier's weights from the seed, whatever was drawn before."""
    head = next((part for name, part in model.named_children() if name in ("classifier", "score")), None)
    if isinstance(head, torch.nn.Linear):
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            head.weight.copy_(torch.empty(head.weight.shape).normal_(0.0, 0.02, generator=generator))
            if head.bias is not None:
                head.bias.zero_()
