"""Cut a pretrained encoder's vocabulary down to the pieces that some rows use.

Most weights of a small multilingual encoder are embeddings of pieces of languages one does not work on. On the rows
given, the trimmed tokenizer yields the same pieces and the model the same numbers.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from tokenizers import Tokenizer as RawTokenizer
from transformers import PreTrainedTokenizerFast

from nlpkit.engine.pretrained import Tokenizer
from nlpkit.errors import InputError
from nlpkit.text.normalize import nfc

_MARKS = "▁Ġ#"  # what pieces carry besides their text
_CHUNK = 1000


def trim(model: Any, tokenizer: Tokenizer, rows: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Change ``model`` and ``tokenizer`` in place; return the pieces kept and the pieces before.

    Kept are the pieces of ``rows``, special ones, and single characters of the scripts that stand in ``rows``, so that
    a new word is spelled rather than unknown. Raises InputError for a kind of tokenizer that is not known here.
    """
    data = json.loads(tokenizer.hf.backend_tokenizer.to_str())
    base = numbers(data["model"])
    old = base | {token["content"]: token["id"] for token in data["added_tokens"]}
    kept = _kept(data, old, tokenizer, rows)
    order = sorted(kept, key=lambda piece: old[piece])
    new = {piece: number for number, piece in enumerate(order)}
    rewrite(data, new, base)
    before = len(old)
    _rebuild(tokenizer, data)
    _resize(model, [old[piece] for piece in order])
    return len(order), before


def numbers(model: dict[str, Any]) -> dict[str, int]:
    """The pieces of the model in a tokenizer.json and their ids. Raises InputError for a kind that is not known."""
    vocab = model.get("vocab")
    if isinstance(vocab, dict) and model.get("type") in ("BPE", "WordPiece", "WordLevel"):
        return {str(piece): int(number) for piece, number in vocab.items()}
    if isinstance(vocab, list) and model.get("type") == "Unigram":
        return {piece: number for number, (piece, _) in enumerate(vocab)}
    raise InputError(f"a vocabulary of the kind {model.get('type')} cannot be trimmed", "leave out trim_vocabulary")


def _kept(data: dict[str, Any], old: dict[str, int], tokenizer: Tokenizer, rows: Sequence[Sequence[str]]) -> set[str]:
    names = {number: piece for piece, number in old.items()}
    used: set[int] = set()
    for start in range(0, len(rows), _CHUNK):
        part = [[nfc(word) for word in row] for row in rows[start : start + _CHUNK]]
        used.update(number for row in tokenizer.pieces(part) for word in row for number in word)
    kept = {names[number] for number in used if number in names}
    kept |= {token["content"] for token in data["added_tokens"]}
    model = data["model"]
    if model["type"] == "Unigram":
        kept.add(min(model["vocab"], key=lambda entry: entry[1])[0])  # the price of an unknown character hangs on it
        if model["unk_id"] is not None:
            kept.add(names[model["unk_id"]])
    elif model.get("unk_token"):
        kept.add(model["unk_token"])
    scripts = {_script(char) for row in rows for word in row for char in word}
    for piece in old:
        bare = piece.strip(_MARKS) or piece
        if (
            (len(bare) == 1 and _script(bare) in scripts)
            or (len(piece) == 6 and piece.startswith("<0x"))
            or set(piece) <= set(_MARKS)
        ):
            kept.add(piece)
    if model["type"] == "BPE":
        kept = _with_parts(kept, model["merges"], old)
    return kept


def _script(char: str) -> str:
    """The first word of the character's name, LATIN or ARABIC, for letters; the empty string for all else."""
    return unicodedata.name(char, "").split(" ")[0] if char.isalpha() else ""


def _with_parts(kept: set[str], merges: Iterable[Any], old: dict[str, int]) -> set[str]:
    """The pieces and all from which merges make them; single symbols stay, they begin every word."""
    made: dict[str, list[tuple[str, str]]] = {}
    for merge in merges:
        left, right = merge if isinstance(merge, list) else merge.split(" ", 1)
        made.setdefault(left + right, []).append((left, right))
    kept = kept | {piece for piece in old if len(piece) == 1}
    waiting = list(kept)
    while waiting:
        for pair in made.get(waiting.pop(), []):
            for part in pair:
                if part not in kept:
                    kept.add(part)
                    waiting.append(part)
    return kept


def rewrite(data: dict[str, Any], new: dict[str, int], base: dict[str, int]) -> None:
    """tokenizer.json with the new numbers; added tokens that are not in ``base`` stand behind its pieces."""
    model = data["model"]
    if model["type"] == "Unigram":
        unknown = None if model["unk_id"] is None else model["vocab"][model["unk_id"]][0]
        model["vocab"] = [entry for entry in model["vocab"] if entry[0] in new]
        model["unk_id"] = None if unknown is None else new[unknown]
    else:
        model["vocab"] = {piece: number for piece, number in new.items() if piece in base}
    if model["type"] == "BPE":
        pairs = [merge if isinstance(merge, list) else merge.split(" ", 1) for merge in model["merges"]]
        model["merges"] = [pair for pair in pairs if {*pair, pair[0] + pair[1]} <= new.keys()]
    for token in data["added_tokens"]:
        token["id"] = new[token["content"]]
    _renumber(data.get("post_processor"), new)


def _renumber(processor: dict[str, Any] | None, new: dict[str, int]) -> None:
    if processor is None:
        return
    for entry in (processor.get("special_tokens") or {}).values():
        entry["ids"] = [new[token] for token in entry["tokens"]]
    for name in ("sep", "cls"):
        if isinstance(processor.get(name), list):
            processor[name][1] = new[processor[name][0]]
    for inner in processor.get("processors") or []:
        _renumber(inner, new)


def _rebuild(tokenizer: Tokenizer, data: dict[str, Any]) -> None:
    hf = tokenizer.hf
    raw = RawTokenizer.from_str(json.dumps(data))
    fresh = PreTrainedTokenizerFast(
        tokenizer_object=raw, model_max_length=hf.model_max_length, model_input_names=hf.model_input_names,
        **{name: str(token) for name, token in hf.special_tokens_map.items() if isinstance(token, str)},
    )  # fmt: skip
    Tokenizer.__init__(tokenizer, fresh)


def _resize(model: Any, rows: list[int]) -> None:
    """Keep these rows of the embeddings, and the configuration in step with them."""
    embedding = model.get_input_embeddings()
    places = {old: new for new, old in enumerate(rows)}
    fresh = torch.nn.Embedding(len(rows), embedding.embedding_dim, dtype=embedding.weight.dtype)
    fresh.weight.data = embedding.weight.data[rows].clone()
    fresh.padding_idx = places.get(embedding.padding_idx) if embedding.padding_idx is not None else None
    model.set_input_embeddings(fresh)
    config = model.config
    config.vocab_size = len(rows)
    for name in ("pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id", "unk_token_id"):
        number = getattr(config, name, None)
        if isinstance(number, int) and number in places:
            setattr(config, name, places[number])
