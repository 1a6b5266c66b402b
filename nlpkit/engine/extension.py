"""New pieces for a pretrained tokenizer, and rows of embeddings for them: what was known keeps its number."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as RawTokenizer

from nlpkit.config.subwords import Subwords
from nlpkit.engine import subwords
from nlpkit.errors import InputError

_BETTER = 0.1  # how much likelier a new unigram piece is than the old ones that it stands for


@dataclass(slots=True)
class Extended:
    """The tokenizer with new pieces; of the number of each the numbers of the old pieces that it stands for."""

    raw: RawTokenizer
    parts: dict[int, list[int]]


def count(raw: RawTokenizer, texts: Iterable[str]) -> Counter[str]:
    """The words of texts as the tokenizer normalizes and cuts them."""
    normalize = raw.normalizer.normalize_str if raw.normalizer is not None else str
    if raw.pre_tokenizer is None:
        raise InputError("this tokenizer does not cut texts into words (no pre-tokenizer)", "take another one")
    found: Counter[str] = Counter()
    for text in texts:
        found.update(word for word, _ in raw.pre_tokenizer.pre_tokenize_str(normalize(text)))
    return found


def extend(raw: RawTokenizer, words: Mapping[str, int], most: int) -> Extended:
    """At most so many new pieces learned from counted ``words``; a piece or letter is new where it stands twice.

    BPE goes on merging where it stopped; new unigram pieces are hardly likelier than the old ones in their place.
    """
    data = json.loads(raw.to_str())
    kind = data["model"]["type"]
    if kind not in ("BPE", "Unigram"):
        raise InputError(f"a {kind} tokenizer cannot be extended", "BPE and unigram can")
    ids = [entry["id"] for entry in data["added_tokens"]]
    first = 1 + max([*ids, *(raw.model.token_to_id(piece) for piece in _pieces(data["model"]))])
    letters = _letters(raw, words, most)
    if kind == "BPE":
        return _more_merges(raw, data, words, letters, first, most)
    return _more_unigrams(raw, data, words, letters, first, most)


def _pieces(model: dict[str, Any]) -> list[str]:
    return [*model["vocab"]] if model["type"] == "BPE" else [piece for piece, _ in model["vocab"]]


def _letters(raw: RawTokenizer, words: Mapping[str, int], most: int) -> list[str]:
    """Letters that stand at least twice and are no piece, the most frequent first."""
    letters: Counter[str] = Counter()
    for word, count in words.items():
        for char in word:
            letters[char] += count
    new = [char for char, count in letters.items() if count > 1 and raw.model.token_to_id(char) is None]
    return sorted((char for char in new if not char.isspace()), key=lambda char: (-letters[char], char))[:most]


def _more_merges(
    raw: RawTokenizer, data: dict[str, Any], words: Mapping[str, int], letters: list[str], first: int, most: int
) -> Extended:
    model = data["model"]
    if model["continuing_subword_prefix"] or model["end_of_word_suffix"]:
        raise InputError("BPE with a prefix or suffix cannot be extended", "Metaspace and byte-level BPE can")
    vocabulary, old = model["vocab"], raw.model
    parts: dict[str, list[int]] = {char: [token.id for token in old.tokenize(char)] for char in letters}
    vocabulary |= {char: first + at for at, char in enumerate(letters)}
    known = RawTokenizer.from_str(json.dumps(data)).model
    # what merging goes on with: pieces as single signs, apart where a byte or the unknown piece stands
    signs: dict[str, str] = {}
    renamed: Counter[str] = Counter()
    for word, count in words.items():
        run = ""
        for token in known.tokenize(word):
            if token.value in vocabulary and token.value in word:
                run += signs.setdefault(token.value, subwords.sign_of(len(signs)))
            else:
                renamed[run] += count
                run = ""
        renamed[run] += count
    del renamed[""]
    back = {sign: piece for piece, sign in signs.items()}
    spec = Subwords(vocab_size=8)
    left = most - len(letters)
    learned = subwords.from_counts(renamed, spec, len(signs) + left, signs.values())
    for one, other in learned.merges:
        pair = ["".join(back[sign] for sign in part) for part in (one, other)]
        piece = "".join(pair)
        model["merges"].append(pair if not model["merges"] or isinstance(model["merges"][0], list) else " ".join(pair))
        if piece not in vocabulary:
            vocabulary[piece] = first + len(parts)
            parts[piece] = [at for part in pair for at in parts.get(part, [vocabulary[part]])]
    return Extended(_loaded(data), {vocabulary[piece]: found for piece, found in parts.items()})


def _more_unigrams(
    raw: RawTokenizer, data: dict[str, Any], words: Mapping[str, int], letters: list[str], first: int, most: int
) -> Extended:
    vocabulary, old = data["model"]["vocab"], raw.model
    scores = dict(map(tuple, vocabulary))
    least = min(scores.values())
    chars = {char for word in words for char in word}
    learned = subwords.from_counts(words, Subwords(algorithm="unigram"), len(chars) + 3 * most)
    found = [piece for piece, _ in sorted(learned.scores, key=lambda entry: (-entry[1], entry[0]))]
    new = [*letters, *(piece for piece in found if len(piece) > 1 and piece not in scores)][:most]
    added = {entry["id"]: entry["content"] for entry in data["added_tokens"]}
    # numbers are places in the list, so those of added tokens behind it are filled
    vocabulary += [[added.get(at, f"<unused{at}>"), least - 100] for at in range(len(vocabulary), first)]
    vocabulary += [[letter, least] for letter in letters]
    lettered = _loaded(data).model
    parts = {}
    for at, piece in enumerate(new):
        parts[first + at] = [token.id for token in old.tokenize(piece)]
        if at >= len(letters):
            total = sum(scores.get(token.value, least) for token in lettered.tokenize(piece))
            vocabulary.append([piece, min(total + _BETTER, -1e-3)])
    return Extended(_loaded(data), parts)


def _loaded(data: dict[str, Any]) -> RawTokenizer:
    return RawTokenizer.from_str(json.dumps(data, ensure_ascii=False))


def resize(folder: Path, out: Path, parts: Mapping[int, list[int]], tick: Callable[[str], None]) -> int:
    """Copy the weights of a model with rows for new pieces, the means of those of their parts; returns the new size.

    Every tensor with a row, or a place, for each piece grows: embeddings, the output layer and its bias.
    """
    from safetensors import safe_open
    from safetensors.torch import save_file

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    holder = config if "vocab_size" in config else config.get("text_config", {})
    if "vocab_size" not in holder:
        raise InputError(f"`{folder / 'config.json'}` has no vocab_size", "name the tokenizer alone")
    old = int(holder["vocab_size"])
    size = max([old, *(at + 1 for at in parts)])
    grown = 0
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(str(path), framework="pt") as file:
            tensors, facts = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
        for name, tensor in tensors.items():
            place = 0 if tensor.shape[:1] == (old,) else 1 if tuple(tensor.shape) == (1, old) else None
            if place is not None:
                tensors[name] = _grown(tensor, place, size, parts)
                grown += 1
                tick(name)
        save_file(tensors, str(out / path.name), facts)
    if not grown:
        raise InputError(f"no weights in `{folder}` have {old} rows, as its vocab_size says", "is it the whole model?")
    holder["vocab_size"] = size
    (out / "config.json").write_text(json.dumps(config, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        content = json.loads(index.read_text(encoding="utf-8"))
        content.get("metadata", {}).pop("total_size", None)
        (out / index.name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return size


def _grown(tensor: Any, place: int, size: int, parts: Mapping[int, list[int]]) -> Any:
    import torch

    rows = tensor.transpose(0, place)
    new = torch.zeros(size, *rows.shape[1:], dtype=rows.dtype)
    new[: len(rows)] = rows
    for at, old in parts.items():
        new[at] = rows[[one for one in old if one < len(rows)] or [0]].float().mean(0).to(rows.dtype)
    return new.transpose(0, place).contiguous()
