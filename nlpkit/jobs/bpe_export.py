"""Sub-words for other tools (subword-nmt, sentencepiece, a list), and from subword-nmt."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nlpkit
from nlpkit.config.subwords import MARKS, pairs
from nlpkit.data.files import Strictly, read_lines, write_json, write_whole
from nlpkit.errors import InputError, RunError
from nlpkit.jobs.bpe import RECORD, new_folder, refuse_existing
from nlpkit.jobs.rundir import Say

TARGETS = ("subword-nmt", "sentencepiece", "vocab")
_END = "</w>"
_HEAD = "#version: 0.2"
_BLANK = "▁"
_NORMAL, _UNKNOWN, _CONTROL, _USER, _BYTE = 1, 2, 3, 4, 6  # kinds of pieces in sentencepiece_model.proto


def export(tokenizer: str, target: str, out: Path, say: Say = lambda _: None) -> None:
    """Write a tokenizer for ``target`` into the file ``out``. Raises InputError where its algorithm cannot."""
    from nlpkit.engine.subword_coding import load

    if out.is_dir():
        raise InputError(f"`{out}` is a folder, a file is wanted", "-o FILE")
    raw = load(tokenizer)
    data = json.loads(raw.to_str())
    if target == "subword-nmt":
        lines = [_HEAD, *(f"{left} {right}" for left, right in _codes(data))]
        say("subword-nmt cuts at blanks only: give it text whose punctuation stands apart")
    elif target == "vocab":
        lines = [raw.id_to_token(at) or "" for at in range(raw.get_vocab_size())]
        if bad := [piece for piece in lines if "\n" in piece]:
            raise InputError(f"the piece {bad[0]!r} holds a line break", "--to sentencepiece")
    else:
        _write_bytes(out, b"".join(_proto(raw, data, say)))
        return
    with write_whole(out) as file:
        file.writelines(line + "\n" for line in lines)


def _write_bytes(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        raise RunError(f"cannot write `{path}`: {error.strerror or error}", "free some space") from error


def _codes(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    model = data["model"]
    if model["type"] != "BPE" or model["end_of_word_suffix"] != _END:
        raise InputError(
            "subword-nmt has BPE whose words end in </w>, and this tokenizer has not",
            "train with algorithm=bpe pre_tokenizer=whitespace",
        )
    yield from pairs(model)


# -- sentencepiece


def _proto(raw: Any, data: dict[str, Any], say: Say) -> Iterator[bytes]:
    """A ModelProto, field by field."""
    model = data["model"]
    kinds = {"BPE": 2, "Unigram": 1}
    steps = (data["normalizer"] or {}).get("normalizers", [])
    if model["type"] not in kinds or {"type": "Prepend", "prepend": _BLANK} not in steps:
        raise InputError(
            f"sentencepiece has BPE and unigram with blanks as {_BLANK}; this tokenizer is {model['type']} of another "
            "kind",
            "train with pre_tokenizer=metaspace, algorithm=bpe or unigram",
        )
    special = {entry["content"] for entry in data["added_tokens"] if entry["special"]}
    tags = {entry["content"] for entry in data["added_tokens"]} - special
    pieces = [raw.id_to_token(at) for at in range(raw.get_vocab_size())]
    if pieces[0] != MARKS[0]:
        raise InputError("the first piece is not <unk>, as sentencepiece wants it", "export one that nlpkit trained")
    scores = dict(model["vocab"]) if model["type"] == "Unigram" else {}
    for at, piece in enumerate(pieces):
        kind = _CONTROL if piece in special else _USER if piece in tags else _NORMAL
        if piece == MARKS[0]:
            kind = _UNKNOWN
        elif model["byte_fallback"] and len(piece) == 6 and piece.startswith("<0x"):
            kind = _BYTE
        plain = kind == _NORMAL
        score = scores.get(piece, 0.0) if scores else -float(at)
        yield _message(1, _text(1, piece) + _float(2, score if plain else 0.0) + _number(3, kind))
    yield _message(
        2,
        _number(3, kinds[model["type"]]) + _number(4, len(pieces)) + _number(35, int(model["byte_fallback"]))
        + b"".join(_number(40 + at, pieces.index(mark)) for at, mark in enumerate(MARKS[:4]))
        + b"".join(_text(45 + at, mark) for at, mark in enumerate(MARKS[:4])),
    )  # fmt: skip
    yield _message(3, _text(1, "identity") + _number(3, 1) + _number(4, 0) + _number(5, 1))
    changes = [step["type"] for step in steps if step["type"] in ("NFC", "NFKC", "Lowercase")]
    if changes:
        say(f"sentencepiece will not bring texts to {' and '.join(changes)}: give it such texts")
    if model.get("ignore_merges"):
        say("warning: sentencepiece will cut protected words")


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _number(place: int, value: int) -> bytes:
    return _varint(place << 3) + _varint(value)


def _float(place: int, value: float) -> bytes:
    return _varint(place << 3 | 5) + struct.pack("<f", value)


def _message(place: int, content: bytes) -> bytes:
    return _varint(place << 3 | 2) + _varint(len(content)) + content


def _text(place: int, text: str) -> bytes:
    return _message(place, text.encode())


# -- from subword-nmt


def import_codes(codes: str, texts: Sequence[str], out: Path, *, overwrite: bool = False) -> int:
    """Write the tokenizer of subword-nmt codes (version 0.2) into the folder ``out``; returns how many pieces.

    Its pieces are those of ``subword-nmt apply-bpe``, with ``</w>`` at the end of words instead of ``@@`` before it.
    Letters that are never merged are known from the files ``texts`` only.
    """
    from nlpkit.engine import subwords

    refuse_existing(out, overwrite)
    merges = _read(codes)
    chars = {char for pair in merges for part in pair for char in part.removesuffix(_END)}
    for path in texts:
        for _, text in read_lines(path, Strictly()):
            chars.update(text)
    letters = [char + end for end in ("", _END) for char in sorted(chars) if not char.isspace()]
    raw = subwords.from_codes(letters, merges)
    size = raw.get_vocab_size()
    with new_folder(out, overwrite) as folder:
        subwords.save(raw, folder, subwords.USES)
        facts = {"imported": Path(codes).name, "pieces": size, "merges": len(merges)}
        write_json(folder / RECORD, {**facts, "versions": {"nlpkit": nlpkit.__version__}})
    return int(size)


def _read(codes: str) -> list[tuple[str, str]]:
    found: dict[tuple[str, str], None] = {}
    for number, line in read_lines(codes, Strictly()):
        if number == 1:
            if line.strip() != _HEAD:
                raise InputError(
                    f"{codes}:1: `{_HEAD}` is wanted here",
                    "codes of subword-nmt before 0.2 mark the ends of words apart",
                )
            continue
        parts = line.rstrip().split(" ")
        if len(parts) != 2 or not all(parts) or parts[0].endswith(_END):
            raise InputError(f"{codes}:{number}: `{line}` is no merge", "two pieces parted by a blank are wanted")
        found[parts[0], parts[1]] = None
    if not found:
        raise InputError(f"`{codes}` holds no merges")
    return list(found)
