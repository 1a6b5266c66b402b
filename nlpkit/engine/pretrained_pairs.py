"""Pretrained models that write texts, of any family of transformers, with what each wants at its borders.

A multilingual one (mBART, M2M100, NLLB) is told its languages by codes of its own; what they are, and which token an
answer begins with, is found in the tokenizer.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer

from nlpkit.config.explain import nearest
from nlpkit.engine.hub import folder_of
from nlpkit.engine.joint import foreign
from nlpkit.engine.pretrained import read
from nlpkit.engine.seq2seq import Stock
from nlpkit.errors import InputError
from nlpkit.text.langcodes import parse


class PretrainedPieces:
    """The tokenizer of a pretrained model, fast or not; ``names`` say what the model calls a language."""

    width = 1

    def __init__(self, hf: Any, config: Any, names: dict[str, str]) -> None:
        self.hf, self.names = hf, dict(names)
        self.unknown, self.end = hf.unk_token_id, config.eos_token_id
        self.pad = config.pad_token_id if config.pad_token_id is not None else hf.pad_token_id
        start = config.decoder_start_token_id
        self.start: int = self.pad if start is None else start
        self.codes = _codes(hf)

    def code(self, lang: str) -> str | None:
        """What the model calls a language; None for a model without codes. Raises InputError for an unknown one."""
        if not self.codes:
            return None
        wanted = self.names.get(lang, lang)
        if wanted in self.codes:
            return wanted
        found = [code for code in self.codes if wanted and _same(code, wanted)]
        if len(found) == 1:
            return found[0]
        what = f"the model has no code for the language `{wanted}`" if wanted else "the rows name no language"
        raise InputError(
            what + nearest(wanted, self.codes),
            f"options.codes.{lang or 'LANG'}=CODE; codes: {', '.join(list(self.codes)[:8])} ...",
        )

    def pieces(self) -> list[str]:
        """All pieces in the order of their ids."""
        return [piece or "" for piece in self.hf.convert_ids_to_tokens(list(range(len(self.hf))))]

    def sources(self, texts: Sequence[str], tags: Sequence[str], langs: Sequence[str]) -> list[list[int]]:
        marked = [f"{tag}{text}" for tag, text in zip(tags, texts, strict=True)]
        return self._by_language("src_lang", marked, langs, "text")

    def targets(self, texts: Sequence[str], langs: Sequence[str]) -> list[list[int]]:
        found = self._by_language("tgt_lang", texts, langs, "text_target")
        return [self._begun(ids, lang) for ids, lang in zip(found, langs, strict=True)]

    def begin(self, lang: str) -> list[int]:
        probe = self._by_language("tgt_lang", ["a"], [lang], "text_target")[0]
        return self._begun(probe, lang)[: 2 if self._forced(probe, lang) else 1]

    def bare(self, texts: Sequence[str]) -> list[list[int]]:
        return [self.hf(text_target=text, add_special_tokens=False)["input_ids"] for text in texts]

    def said(self, ids: Sequence[int]) -> str:
        found: str = self.hf.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return found.strip()

    def banned(self, script: str | None) -> list[bool]:
        """Of each piece whether it is never written: marks, codes, letters of another script than ``script``."""
        special = {*self.hf.all_special_ids, *self.codes.values()} - {self.end}
        return [number in special or foreign(piece, script) for number, piece in enumerate(self.pieces())]

    def save(self, folder: Path) -> None:
        self.hf.save_pretrained(folder)

    def _forced(self, ids: Sequence[int], lang: str) -> bool:
        code = self.code(lang)
        return code is not None and bool(ids) and ids[0] == self.codes[code]

    def _begun(self, ids: list[int], lang: str) -> list[int]:
        """A target behind its start. The first mBART has its language last, and begins with it."""
        code = self.code(lang)
        if code is not None and ids[-1] == self.codes[code]:
            return [ids[-1], *ids[:-1]]
        return [self.start, *ids]

    def _by_language(self, which: str, texts: Sequence[str], langs: Sequence[str], key: str) -> list[list[int]]:
        result: list[list[int]] = [[] for _ in texts]
        for lang in dict.fromkeys(langs):
            code = self.code(lang)
            if code is not None:
                setattr(self.hf, which, code)
            places = [at for at, other in enumerate(langs) if other == lang]
            found = self.hf(**{key: [texts[at] for at in places]})["input_ids"]
            for at, ids in zip(places, found, strict=True):
                result[at] = list(ids)
        return result


def _codes(hf: Any) -> dict[str, int]:
    """The codes of languages that a tokenizer knows, with their ids."""
    if not hasattr(hf, "src_lang"):
        return {}
    known = getattr(hf, "lang_code_to_id", None) or getattr(hf, "lang_token_to_id", None)
    if known:
        return {str(code).strip("_"): int(number) for code, number in known.items()}
    marks = [str(token) for token in hf.all_special_tokens]
    marks += [str(token) for token in getattr(hf, "additional_special_tokens", None) or []]
    return {
        mark.strip("_"): hf.convert_tokens_to_ids(mark) for mark in dict.fromkeys(marks) if not mark.startswith("<")
    }


def _same(code: str, wanted: str) -> bool:
    """Whether a model's code (``en_XX``, ``en``, ``eng_Latn``) is that of a language."""
    try:
        head = code if code.count("_") and len(code.split("_")[1]) == 4 else code.split("_")[0]
        ours, theirs = parse(wanted), parse(head)
    except InputError:
        return False
    return ours == theirs or (head != code and ours.split("_")[0] == theirs.split("_")[0])


def load_base(name: str, names: dict[str, str], revision: str | None = None) -> tuple[Stock, PretrainedPieces, int]:
    """A pretrained model (folder or Hub id): (model, tokenizer, most pieces that it reads)."""
    folder = folder_of(name, revision)
    pieces, model = load_pieces(folder, names), load_stock(folder)
    if model.config.decoder_start_token_id is None:  # T5 as it is configured by default
        model.config.decoder_start_token_id = pieces.start
    limit = getattr(model.config, "max_position_embeddings", None) or getattr(model.config, "n_positions", None) or 512
    return model, pieces, int(limit)


def load_pieces(folder: Path, names: dict[str, str]) -> PretrainedPieces:
    """The tokenizer of a pretrained encoder-decoder. Raises InputError where the folder holds another kind of model."""
    config = read(AutoConfig, folder)
    if not getattr(config, "is_encoder_decoder", False):
        raise InputError(
            f"`{folder}` is a {config.model_type}, no encoder-decoder", "take a T5, mBART, NLLB, M2M100 or Marian"
        )
    return PretrainedPieces(read(AutoTokenizer, folder), config, names)


def load_stock(folder: Path) -> Stock:
    """The encoder-decoder in a folder, in fp32 (a checkpoint may be bf16)."""
    return Stock(read(AutoModelForSeq2SeqLM, folder, dtype=torch.float32, use_safetensors=True))
