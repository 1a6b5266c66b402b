"""A tokenizer that a recipe names, as a model that is trained from scratch wants it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer as RawTokenizer
from transformers import PreTrainedTokenizerFast

from nlpkit.engine.joint import END, PAD, UNKNOWN, Joint, ended
from nlpkit.engine.pretrained import Tokenizer, load_tokenizer
from nlpkit.engine.subword_coding import load, path_of, unknown_piece
from nlpkit.engine.vocabulary import numbers, rewrite
from nlpkit.errors import InputError

_RARE = "\U00012000"  # a sign of cuneiform, which hardly any vocabulary has
_MARKS = {
    "pad_token": (PAD, "[PAD]"), "unk_token": (UNKNOWN, "[UNK]"), "cls_token": ("<s>", "[CLS]"),
    "sep_token": (END, "[SEP]"),
}  # fmt: skip


def for_encoder(name: str, max_length: int) -> Tokenizer:
    """The tokenizer of a folder or file with its own marks; one without padding gets ``<pad>``.

    Raises InputError where there is none, it is damaged, or it would leave out what it does not know.
    """
    path = path_of(name)
    raw = load(str(path))
    _check_unknown(raw, name)
    if path.name == "tokenizer.json" and (path.parent / "tokenizer_config.json").is_file():
        hf = load_tokenizer(path.parent).hf
    else:
        raw.encode_special_tokens = False  # as encoders have it, which others read without nlpkit
        pieces = raw.get_vocab()
        known = {use: next(filter(pieces.__contains__, marks), "") for use, marks in _MARKS.items()}
        marks = {use: mark for use, mark in known.items() if mark}
        hf = PreTrainedTokenizerFast(tokenizer_object=raw, add_prefix_space=True, **marks)
    if hf.pad_token_id is None:
        hf.add_special_tokens({"pad_token": PAD})
    hf.model_max_length = max_length
    return Tokenizer(hf)


def for_pairs(name: str, tags: Sequence[str]) -> Joint:
    """The pieces of a folder or file with the marks of a joint vocabulary in the place of its own.

    ``</s>`` ends a text, ``<pad>`` has the last id, ``tags`` stand before sources. Raises InputError as
    ``for_encoder`` does.
    """
    raw = load(str(path_of(name)))
    _check_unknown(raw, name)
    data = json.loads(raw.to_str())
    _call_unknown(data)
    kept = {END, UNKNOWN, *tags}
    before = numbers(data["model"])
    old = before | {entry["content"]: entry["id"] for entry in data["added_tokens"]}
    marks = {entry["content"] for entry in data["added_tokens"] if entry["special"]}
    dropped = (marks | {PAD}) - kept
    data["added_tokens"] = [
        {**entry, "special": entry["content"] in kept}
        for entry in data["added_tokens"]
        if entry["content"] not in dropped
    ]
    data["post_processor"] = None
    order = sorted(old.keys() - dropped, key=lambda piece: old[piece])
    rewrite(data, {piece: at for at, piece in enumerate(order)}, before)
    found = RawTokenizer.from_str(json.dumps(data))
    found.add_special_tokens([END, UNKNOWN, *tags])
    return ended(found)


def _check_unknown(raw: RawTokenizer, name: str) -> None:
    """Raise InputError where a letter that is not known leaves no trace."""
    try:
        lost = raw.encode("a").ids == raw.encode(f"a{_RARE}").ids
    except Exception:  # the library raises a bare Exception
        lost = True
    if lost:
        raise InputError(
            f"`{name}` has no unknown piece, so that letters it does not know would be left out",
            "take one that `nlpkit bpe train` wrote, or one of bytes",
        )


def _call_unknown(data: dict[str, Any]) -> None:
    """Give the unknown piece the name that joint vocabularies have for it."""
    model = data["model"]
    name = unknown_piece(model)
    if name is None or UNKNOWN in numbers(model):
        return
    if isinstance(model["vocab"], list):
        model["vocab"][model["unk_id"]][0] = UNKNOWN
    else:
        model["vocab"][UNKNOWN] = model["vocab"].pop(name)
        model["unk_token"] = UNKNOWN
    for entry in data["added_tokens"]:
        if entry["content"] == name:
            entry["content"] = UNKNOWN
