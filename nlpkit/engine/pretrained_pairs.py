"""Pretrained models that write texts, of any family of transformers, with what each wants at its borders.

A multilingual one (mBART, M2M100, NLLB) is told its languages by codes of its own; what they are, and which token an
answer begins with, is found in the tokenizer.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer

from nlpkit.config.explain import nearest
from nlpkit.engine.hub import folder_of
from nlpkit.engine.joint import ruled_out
from nlpkit.engine.pretrained import read
from nlpkit.engine.seq2seq import Stock
from nlpkit.errors import InputError
from nlpkit.text.langcodes import macro, parse, select

_TAG = re.compile(r"<[^<>\s]+>")  # of a language, as tasks write it


class PretrainedPieces:
    """The tokenizer of a pretrained model, fast or not; ``names`` say what the model calls a language."""

    width = 1

    def __init__(self, hf: Any, config: Any, names: dict[str, str]) -> None:
        self.hf, self.names = hf, dict(names)
        self.unknown, self.end = hf.unk_token_id, config.eos_token_id
        self.pad = config.pad_token_id if config.pad_token_id is not None else hf.pad_token_id
        start = getattr(config, "decoder_start_token_id", None)
        self.start: int = self.pad if start is None else start
        limit = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
        self.longest = int(limit or 512)  # pieces that the model reads, or writes
        self.codes = _codes(hf)
        self._called: dict[str, str] = {}
        self._banned: dict[str | None, list[bool]] = {}
        if self.codes:  # M2M100 cuts no target before it is told a language
            hf.tgt_lang = next(iter(self.codes))

    def code(self, lang: str) -> str | None:
        """What the model calls a language; None for a model without codes. Raises InputError for an unknown one."""
        if self.codes and lang not in self._called:
            self._called[lang] = self._code(lang)
        return self._called.get(lang)

    def _code(self, lang: str) -> str:
        wanted = self.names.get(lang, lang)
        if wanted in self.codes:
            return wanted
        for loosely in (False, True):
            found = [code for code in self.codes if wanted and _same(code, wanted, loosely)]
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
        marked = [self._marked(tag, text) for tag, text in zip(tags, texts, strict=True)]
        return self._by_language("src_lang", marked, langs, "text")

    def targets(self, texts: Sequence[str], langs: Sequence[str]) -> list[list[int]]:
        found = self._by_language("tgt_lang", texts, langs, "text_target")
        return [self._begun(ids, lang) for ids, lang in zip(found, langs, strict=True)]

    def begin(self, lang: str) -> list[int]:
        """All that stands before the text in a target: the start, and a language or, as BART has it, ``<s>``."""
        target, text = self.targets(["a"], [lang])[0], self.bare(["a"])[0]
        return target[: next((at for at in range(len(target)) if target[at : at + len(text)] == text), 1)]

    def bare(self, texts: Sequence[str]) -> list[list[int]]:
        return [self.hf(text_target=text, add_special_tokens=False)["input_ids"] for text in texts]

    def said(self, ids: Sequence[int]) -> str:
        found: str = self.hf.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return found.strip()

    def banned(self, script: str | None) -> list[bool]:
        """Of each piece whether it is never written: marks, codes, letters of another script than ``script``."""
        if script not in self._banned:
            special = {*self.hf.all_special_ids, *self.codes.values()}
            self._banned[script] = ruled_out(self.pieces(), special, self.end, script)
        return self._banned[script]

    def save(self, folder: Path) -> None:
        self.hf.save_pretrained(folder)

    def _begun(self, ids: list[int], lang: str) -> list[int]:
        """A target behind its start. The first mBART has its language last, and begins with it."""
        code = self.code(lang)
        if code is not None and ids[-1] == self.codes[code]:
            ids = [ids[-1], *ids[:-1]]
            return ids if self.start in (self.pad, *self.codes.values()) else [self.start, *ids]
        return [self.start, *ids]

    def _marked(self, tag: str, text: str) -> str:
        """A text behind its prefix, or its tag, which a model with codes for its languages does not need."""
        if not _TAG.fullmatch(tag):
            return f"{tag}{text}"
        return text if self.codes else f"{tag} {text}"

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


def _same(code: str, wanted: str, loosely: bool) -> bool:
    """Whether a model's code (``en_XX``, ``en``, ``eng_Latn``) is that of a language, ``loosely`` of its macrolanguage.

    So NLLB's ``zho_Hans`` is Mandarin.
    """
    head = code if code.count("_") and len(code.split("_")[1]) == 4 else code.split("_")[0]
    if head == wanted:
        return True
    try:
        ours = parse(wanted)
        theirs = _meant(head, ours)
    except InputError:
        return False
    if loosely:
        ours, theirs = macro(ours), macro(theirs)
    return ours == theirs or (head != code and ours.split("_")[0] == theirs.split("_")[0])


def _meant(code: str, wanted: str) -> str:
    """The language of a model's code; of those that it may be (``zh``) the one wanted."""
    try:
        return parse(code)
    except InputError:
        return select([code], [wanted])[0]


def load_base(name: str, names: dict[str, str], revision: str | None = None) -> tuple[Stock, PretrainedPieces, int]:
    """A pretrained model (folder or Hub id): (model, tokenizer, most pieces that it reads)."""
    folder = folder_of(name, revision)
    pieces, model = load_pieces(folder, names), load_stock(folder)
    if getattr(model.config, "decoder_start_token_id", None) is None and not pieces.codes:  # T5 by default
        model.config.decoder_start_token_id = pieces.start
    return model, pieces, pieces.longest


def load_pieces(folder: Path, names: dict[str, str]) -> PretrainedPieces:
    """The tokenizer of a pretrained encoder-decoder. Raises InputError where the folder holds another kind of model."""
    config = read(AutoConfig, folder)
    if not getattr(config, "is_encoder_decoder", False):
        raise InputError(
            f"`{folder}` is a {config.model_type}, no encoder-decoder", "take a T5, mBART, NLLB, M2M100 or Marian"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Marian's recommends sacremoses, which it does not call
        hf = read(AutoTokenizer, folder)
    return PretrainedPieces(hf, config, names)


def load_stock(folder: Path) -> Stock:
    """The encoder-decoder in a folder, in fp32 (a checkpoint may be bf16)."""
    return Stock(read(AutoModelForSeq2SeqLM, folder, dtype=torch.float32, use_safetensors=True))
