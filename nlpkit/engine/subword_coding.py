"""Texts into sub-words and back by any tokenizer.json; with dropout (Provilkov et al., 2020) from a seed."""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as RawTokenizer

from nlpkit.config.subwords import Subwords
from nlpkit.config.subwords import pairs as pairs
from nlpkit.engine.subwords import cutter
from nlpkit.errors import InputError

_MOST_WORDS = 1_000_000  # whose pieces are remembered
_SHORT = 100  # letters of a word
_SIGNS = ".,;:!?)\"'”’»"  # behind words; each is a piece of its own, and no normal form changes it


def path_of(name: str) -> Path:
    """The tokenizer.json of a folder, or the file. Raises InputError where there is none."""
    path = Path(name) / "tokenizer.json" if Path(name).is_dir() else Path(name)
    if not path.is_file():
        raise InputError(f"no tokenizer.json in `{name}`", "name the folder that `nlpkit bpe train` wrote, or the file")
    return path


def load(name: str) -> RawTokenizer:
    """The tokenizer of a folder or file. Raises InputError where there is none."""
    if not (Path(name) / "tokenizer.json").is_file() and (Path(name) / "tokenizer_config.json").is_file():
        from nlpkit.engine.pretrained import load_tokenizer

        raw: Any = load_tokenizer(Path(name)).hf.backend_tokenizer  # an older folder, which transformers converts
    else:
        path = path_of(name)
        try:
            raw = RawTokenizer.from_file(str(path))
        except Exception as error:  # the library raises a bare Exception
            raise InputError(f"`{path}` is damaged: {error}", "copy or train it again") from None
    raw.no_truncation()
    raw.no_padding()
    raw.encode_special_tokens = True  # `</s>` in a text is five characters, not the end
    return raw


def cuts(data: dict[str, Any]) -> tuple[bool, bool]:
    """Whether the pieces of a text are those of its words, whatever stands around them, and signs always apart.

    So nlpkit's own are made, but where words are protected, which may hold signs.
    """
    if data["normalizer"] is None and data["pre_tokenizer"] == {"type": "WhitespaceSplit"}:
        return True, False
    every = itertools.product(
        ("metaspace", "byte-level", "whitespace"), ("NFC", "NFKC", "none"), (False, True), (False, True)
    )
    for cut, form, lower, digits in every:
        asked = {"pre_tokenizer": cut, "form": form, "lower": lower, "split_digits": digits}
        ours = json.loads(cutter(Subwords.model_validate(asked)).to_str())
        theirs = _unprotected(data["pre_tokenizer"], ours["pre_tokenizer"])
        if ours["normalizer"] == data["normalizer"] and ours["pre_tokenizer"] == theirs:
            return True, ours["pre_tokenizer"] == data["pre_tokenizer"]
    return False, False


def _unprotected(theirs: Any, ours: Any) -> Any:
    """A pre-tokenizer of ours less the protected words, which hold no blank."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return {name: _unprotected(value, ours.get(name)) for name, value in theirs.items()}
    if isinstance(theirs, list) and isinstance(ours, list):
        return [_unprotected(one, other) for one, other in itertools.zip_longest(theirs, ours)]
    return ours if isinstance(theirs, str) and isinstance(ours, str) and theirs.endswith(f"|{ours}") else theirs


class Coder:
    """Lines of text to lines of pieces, or ids, parted by blanks; and back."""

    def __init__(self, raw: RawTokenizer, *, ids: bool = False, dropout: float = 0.0, seed: int = 0) -> None:
        """``dropout`` is the chance that a merge is passed over; the same text and ``seed`` give the same pieces."""
        self.raw = raw
        data = json.loads(raw.to_str())
        size = raw.get_vocab_size()
        most = max([size, *(entry["id"] + 1 for entry in data["added_tokens"])])
        self.pieces = [raw.id_to_token(number) or "" for number in range(most)]
        self._numbers = {piece: at for at, piece in enumerate(self.pieces) if piece}
        self._names = [str(at) for at in range(most)] if ids else self.pieces
        self._ids = ids
        self._unknown = _unknown(data, self._numbers)
        self._silent = {entry["id"] for entry in data["added_tokens"] if entry["special"]} - {self._unknown}
        found = [entry for entry in data["added_tokens"] if not entry["special"]]
        self._tags = re.compile("|".join(re.escape(entry["content"]) for entry in found)) if found else None
        self._wordwise, self._signs = cuts(data)
        self._letters = _Letters(raw) if self._wordwise else None
        self._bare = RawTokenizer(raw.model)
        self._tails: dict[str, str] = {}
        # what a blank adds: none stands before the first word
        blanks = self._encoded([" "])[0].split(" ")
        self._blank = " ".join(blanks[: len(blanks) // 2])
        self._known: dict[str, str] = {}
        self._dropout = _Dropout(raw, data, dropout, seed, self._tags) if dropout else None

    def lines(self, texts: Sequence[str]) -> list[str]:
        """The line of pieces of each text."""
        if self._dropout is not None:
            names, numbers = self._names, self._numbers
            cut = self._dropout.pieces
            return [" ".join(names[numbers[piece]] for piece in cut(text)) for text in texts]
        if not self._wordwise:
            return self._encoded(texts)
        # one list of all words, and between two lines a word "\n"
        words = " \n ".join(text or "\n\n" for text in texts).split(" ")
        known = self._known
        if len(known) > _MOST_WORDS:
            known.clear()
        known |= {"\n": "\n", "\n\n": "", "": self._blank}
        self._learn(list(set(words).difference(known)))
        joined = " ".join(filter(None, map(known.__getitem__, words)))
        found = [line.strip(" ") for line in joined.split("\n")]
        if self._tags is not None:  # the blanks around a tag are its own
            other = [at for at, text in enumerate(texts) if self._tags.search(text)]
            for at, line in zip(other, self._encoded([texts[at] for at in other]), strict=True):
                found[at] = line
        return found

    def _learn(self, words: list[str]) -> None:
        """Remember the pieces of words, and of what stands before signs at their end."""
        assert self._letters is not None
        known = self._known
        cores = {word: self._core(word) for word in words} if self._signs else {}
        new = [word for word in {*words, *cores.values()} if word not in known and cores.get(word, word) == word]
        bare = {word: ready for word in new if (ready := self._letters(word))}
        known |= zip(bare, self._encoded(list(bare.values()), self._bare), strict=True)
        rest = [word for word in new if word not in bare]
        known |= zip(rest, self._encoded(rest), strict=True)
        for word, core in cores.items():
            if word != core:
                known[word] = f"{known[core]} {self._tail(word[len(core) :])}"

    @staticmethod
    def _core(word: str) -> str:
        core = word.rstrip(_SIGNS)
        return core if core and core[-1].isalnum() else word

    def _tail(self, signs: str) -> str:
        """The pieces of signs behind a word."""
        if signs not in self._tails:
            word, both = self._encoded(["a", f"a{signs}"])
            self._tails[signs] = both.removeprefix(f"{word} ")
        return self._tails[signs]

    def _encoded(self, texts: Sequence[str], raw: RawTokenizer | None = None) -> list[str]:
        names = self._names
        found = (raw or self.raw).encode_batch_fast(list(texts), add_special_tokens=False)
        return [" ".join([names[at] for at in encoded.ids]) for encoded in found]

    def numbers(self, line: str) -> list[int]:
        """The ids of a line of pieces. Raises InputError for what is no piece."""
        words = [word for word in line.split(" ") if word]
        if not self._ids:
            found = [self._numbers.get(word, -1) for word in words]
        else:
            found = [int(word) if word.isascii() and word.isdecimal() else -1 for word in words]
        for at, word in zip(found, words, strict=True):
            if not 0 <= at < len(self.pieces):
                hint = "ids of this tokenizer are wanted" if self._ids else "are these ids? --ids"
                raise InputError(f"`{word}` is no piece of this tokenizer", hint)
        return found

    def texts(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """The texts of ids; begin, end, padding and mask leave nothing."""
        kept = [[at for at in row if at not in self._silent] for row in rows]
        return list(self.raw.decode_batch(kept, skip_special_tokens=False))

    def lost(self, rows: Iterable[Sequence[int]]) -> int:
        """How many of the rows hold the unknown piece."""
        return sum(self._unknown in row for row in rows)


class _Letters:
    """Words of letters alone as the model wants them, which saves the normalizer and the pre-tokenizer."""

    def __init__(self, raw: RawTokenizer) -> None:
        self._normalize = raw.normalizer.normalize_str if raw.normalizer is not None else str
        self._cut = raw.pre_tokenizer.pre_tokenize_str
        self._sign = self._cut(self._normalize("a"))[0][0].removesuffix("a")
        self._table = byte_signs()
        self._as_bytes = self._sign == self._table[ord(" ")]
        self._plain: set[str] = set()
        self._other: set[str] = set()

    def __call__(self, word: str) -> str:
        """The word with its mark of a blank; the empty string where it may change or be cut."""
        if not self._plain.issuperset(word):
            for char in set(word).difference(self._plain, self._other):
                (self._plain if self._kept(char) else self._other).add(char)
            if not self._plain.issuperset(word):
                return ""
        if len(word) > _SHORT:
            return ""
        if self._as_bytes and not word.isascii():
            word = word.encode().decode("latin-1").translate(self._table)
        return self._sign + word

    def _kept(self, char: str) -> bool:
        """Whether a letter stays what it is and joins its neighbors. Hangul vowels and finals change those."""
        if not char.isalpha() or "\u1160" <= char <= "\u11ff":
            return False
        text = f"a{char}a"
        whole = self._normalize(text)
        return whole.endswith(text) and len(self._cut(whole)) == 1


def byte_signs() -> dict[int, str]:
    """The characters that stand for bytes in byte-level vocabularies (Radford et al., 2019)."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in shown]
    return {byte: chr(byte) for byte in shown} | {byte: chr(256 + at) for at, byte in enumerate(others)}


def of_bytes(data: Mapping[str, Any]) -> bool:
    """Whether the pieces of a tokenizer.json are made of the signs for bytes."""
    return '"ByteLevel"' in json.dumps([data["normalizer"], data["pre_tokenizer"], data["decoder"]])


def unknown_piece(model: dict[str, Any]) -> str | None:
    """The unknown piece of the model in a tokenizer.json, where it has one."""
    if model["type"] == "Unigram":
        return None if model["unk_id"] is None else str(model["vocab"][model["unk_id"]][0])
    return model.get("unk_token")


def _unknown(data: dict[str, Any], numbers: dict[str, int]) -> int:
    """The id of the unknown piece, or -1."""
    return numbers.get(unknown_piece(data["model"]) or "", -1)


class _Dropout:
    """BPE that passes over each possible merge by chance (Provilkov et al., 2020)."""

    def __init__(self, raw: RawTokenizer, data: dict[str, Any], chance: float, seed: int, tags: Any) -> None:
        model = data["model"]
        if model["type"] != "BPE":
            raise InputError(f"--dropout is for BPE, and this tokenizer is {model['type']}", "leave it out")
        self._chance, self._seed, self._tags = chance, seed, tags
        merges = pairs(model)
        self._ranks = {pair: at for at, pair in enumerate(merges)}
        self._vocabulary = model["vocab"]
        self._unknown, self._bytes = model["unk_token"], model["byte_fallback"]
        self._prefix, self._suffix = model["continuing_subword_prefix"] or "", model["end_of_word_suffix"] or ""
        merged = {left + right.removeprefix(self._prefix) for left, right in merges}
        self._whole = {piece for piece in self._vocabulary if len(piece) > 1 and piece not in merged}
        if not model["ignore_merges"]:
            self._whole = set()
        self._normalize = raw.normalizer.normalize_str if raw.normalizer is not None else str
        self._cut = raw.pre_tokenizer.pre_tokenize_str if raw.pre_tokenizer is not None else lambda text: [(text, 0)]

    def pieces(self, text: str) -> list[str]:
        chance = random.Random(f"{self._seed}\n{text}")
        found: list[str] = []
        at = 0
        for match in self._tags.finditer(text) if self._tags is not None else ():
            found += self._cut_up(text[at : match.start()].rstrip(), chance)
            found.append(match[0])
            at = match.end() + len(text[match.end() :]) - len(text[match.end() :].lstrip())
        return found + self._cut_up(text[at:], chance)

    def _cut_up(self, text: str, chance: random.Random) -> list[str]:
        words = self._cut(self._normalize(text)) if text else []
        return [piece for word, _ in words for piece in self._word(word, chance)]

    def _word(self, word: str, chance: random.Random) -> list[str]:
        if word in self._whole:
            return [word]
        ranks, draw, limit = self._ranks, chance.random, self._chance
        parts = self._symbols(word)
        while True:
            found = enumerate(itertools.pairwise(parts))
            best = min(((ranks[pair], at) for at, pair in found if pair in ranks and draw() >= limit), default=None)
            if best is None:
                return parts
            at = best[1]
            parts[at : at + 2] = [parts[at] + parts[at + 1].removeprefix(self._prefix)]

    def _symbols(self, word: str) -> list[str]:
        """The pieces that merging begins with."""
        found: list[str] = []
        for at, char in enumerate(word):
            symbol = (self._prefix if at else "") + char + (self._suffix if at == len(word) - 1 else "")
            codes = [f"<0x{byte:02X}>" for byte in symbol.encode()]
            if symbol in self._vocabulary:
                found.append(symbol)
            elif self._bytes and all(code in self._vocabulary for code in codes):
                found += codes
            elif self._unknown is not None:
                found.append(self._unknown)
        return found
