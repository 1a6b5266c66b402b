"""Which words stood in the training rows, in four bytes a word."""

from __future__ import annotations

import bisect
import hashlib
from array import array
from collections.abc import Iterable
from pathlib import Path

from nlpkit.text.normalize import nfc

FILE = "seen_words.u32"


def _number(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(nfc(word).encode("utf-8", "surrogatepass"), digest_size=4).digest(), "big")


class Seen:
    """A sorted list of 32-bit hashes; a word that is not in it passes for one with a chance of its length in 2^32."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._numbers = array("I", sorted(numbers))

    @classmethod
    def of(cls, rows: Iterable[Iterable[str]]) -> Seen:
        return cls({_number(word) for word in {word for row in rows for word in row}})

    @classmethod
    def load(cls, folder: Path) -> Seen | None:
        """What ``to_bytes`` wrote into ``folder``; None where it is not there, or cut short."""
        path = folder / FILE
        if not path.is_file():
            return None
        data = path.read_bytes()
        if len(data) % 4:
            return None
        return cls(int.from_bytes(data[at : at + 4], "big") for at in range(0, len(data), 4))

    def __call__(self, word: str) -> bool:
        number = _number(word)
        at = bisect.bisect_left(self._numbers, number)
        return at < len(self._numbers) and self._numbers[at] == number

    def to_bytes(self) -> bytes:
        return b"".join(number.to_bytes(4, "big") for number in self._numbers)
