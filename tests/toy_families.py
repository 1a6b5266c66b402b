"""Tiny random models of the families of pretrained encoder-decoders, each with a tokenizer of its own kind."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import sentencepiece
import torch
import transformers
from tokenizers import ByteLevelBPETokenizer, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as RawTokenizer
from toy_pairs import toy_pairs

FAMILIES = ("t5", "mt5", "mbart", "mbart50", "m2m_100", "nllb", "marian", "bart")
MULTILINGUAL = ("mbart", "mbart50", "m2m_100", "nllb")
_SIZES = {
    "d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "max_position_embeddings": 64,
    "dropout": 0.0, "attention_dropout": 0.0, "activation_dropout": 0.0, "encoder_layerdrop": 0.0,
    "decoder_layerdrop": 0.0, "init_std": 0.2,
}  # fmt: skip


def _texts() -> list[str]:
    return [text for pair in toy_pairs(300) for text in pair]


def _spm(prefix: Path, **more: Any) -> list[tuple[str, float]]:
    """A sentencepiece model in ``prefix``.model; its pieces with their scores."""
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_texts()), model_prefix=str(prefix), vocab_size=90, minloglevel=2, num_threads=1,
        hard_vocab_limit=False, **more,
    )  # fmt: skip
    read = sentencepiece.SentencePieceProcessor(model_file=f"{prefix}.model")
    return [(read.id_to_piece(at), read.get_score(at)) for at in range(read.get_piece_size())]


def _tokenizer(family: str, work: Path) -> Any:
    if family in ("t5", "mt5"):
        vocab = _spm(work / "spm", pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
        sentinels = [(f"<extra_id_{at}>", 0.0) for at in range(9, -1, -1)]
        return transformers.T5Tokenizer(vocab=[*vocab, *sentinels], extra_ids=10)
    if family in ("mbart", "mbart50"):
        kind = transformers.MBartTokenizer if family == "mbart" else transformers.MBart50Tokenizer
        codes = kind().lang_code_to_id
        marks = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
        vocab = [*marks, *_spm(work / "spm")[3:], *((code, 0.0) for code in codes), ("<mask>", 0.0)]
        return kind(vocab=vocab)
    if family == "m2m_100":
        names = ["<s>", "<pad>", "</s>", "<unk>", *(piece for piece, _ in _spm(work / "spm")[3:])]
        (work / "vocab.json").write_text(json.dumps({name: at for at, name in enumerate(names)}))
        bare = transformers.M2M100Tokenizer(str(work / "vocab.json"), str(work / "spm.model"))
        codes = list(bare.lang_token_to_id)  # which the real one names in its configuration
        return transformers.M2M100Tokenizer(
            str(work / "vocab.json"), str(work / "spm.model"), additional_special_tokens=codes
        )
    if family == "nllb":
        raw = RawTokenizer(models.BPE(unk_token="<unk>"))
        raw.pre_tokenizer = pre_tokenizers.Metaspace()
        marks = ["<s>", "<pad>", "</s>", "<unk>"]
        raw.train_from_iterator(_texts(), trainers.BpeTrainer(vocab_size=90, special_tokens=marks, show_progress=False))
        learned = json.loads(raw.to_str())["model"]
        return transformers.NllbTokenizer(vocab=learned["vocab"], merges=[tuple(pair) for pair in learned["merges"]])
    if family == "marian":
        names = [piece for piece, _ in _spm(work / "source")[3:]]
        names += [piece for piece, _ in _spm(work / "target")[3:] if piece not in names]
        every = ["</s>", "<unk>", *names, "<pad>"]
        (work / "vocab.json").write_text(json.dumps({name: at for at, name in enumerate(every)}))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it recommends sacremoses
            return transformers.MarianTokenizer(
                str(work / "source.model"), str(work / "target.model"), str(work / "vocab.json")
            )
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(
        _texts(), vocab_size=330, show_progress=False, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    )
    learned = json.loads(trained.to_str())["model"]
    return transformers.BartTokenizer(vocab=learned["vocab"], merges=[tuple(pair) for pair in learned["merges"]])


def _model(family: str, size: int) -> Any:
    """The model; T5 and M2M100 have a few more rows than the tokenizer has pieces, as the real ones do."""
    if family in ("t5", "mt5"):
        kind = transformers.T5Config if family == "t5" else transformers.MT5Config
        more = {"tie_word_embeddings": False, "feed_forward_proj": "gated-gelu"} if family == "mt5" else {}
        config = kind(
            vocab_size=size + 4, d_model=32, d_kv=16, d_ff=64, num_layers=1, num_heads=2, dropout_rate=0.0,
            pad_token_id=0, eos_token_id=1, decoder_start_token_id=0, **more,
        )  # fmt: skip
        return (
            transformers.T5ForConditionalGeneration if family == "t5" else transformers.MT5ForConditionalGeneration
        )(config)
    if family in ("mbart", "mbart50"):
        more = {"decoder_start_token_id": 2} if family == "mbart50" else {}
        config = transformers.MBartConfig(
            vocab_size=size, scale_embedding=True, forced_eos_token_id=None,
            tokenizer_class="MBart50Tokenizer" if family == "mbart50" else None, **more, **_SIZES,
        )  # fmt: skip
        return transformers.MBartForConditionalGeneration(config)
    if family in ("m2m_100", "nllb"):
        config = transformers.M2M100Config(
            vocab_size=size + (8 if family == "m2m_100" else 4), scale_embedding=True, **_SIZES
        )
        return transformers.M2M100ForConditionalGeneration(config)
    if family == "marian":
        config = transformers.MarianConfig(
            vocab_size=size, decoder_vocab_size=size, pad_token_id=size - 1, eos_token_id=0, forced_eos_token_id=None,
            decoder_start_token_id=size - 1, scale_embedding=True, **_SIZES,
        )  # fmt: skip
        model = transformers.MarianMTModel(config)
        with torch.no_grad():
            model.get_input_embeddings().weight[size - 1] = 0
        return model
    return transformers.BartForConditionalGeneration(
        transformers.BartConfig(vocab_size=size, forced_eos_token_id=None, **_SIZES)
    )


def make(family: str, folder: Path, work: Path) -> Path:
    """A model of the family in ``folder``, with what its tokenizer is made from in ``work``."""
    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(1)
    tokenizer = _tokenizer(family, work)
    model = _model(family, len(tokenizer)).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
