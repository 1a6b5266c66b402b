"""Rows of a test set that also stand in the training set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from nlpkit.data.rows import Row
from nlpkit.text.normalize import nfc

LEAST = 4  # words; shorter rows are the same by chance


def key(tokens: Sequence[str]) -> str:
    """A short hash of the words, the same for NFC and NFD and for any case."""
    return hashlib.blake2b(" ".join(nfc(token).casefold() for token in tokens).encode(), digest_size=8).hexdigest()


def keys(train: Iterable[Row]) -> set[str]:
    """The keys of rows that are long enough to tell."""
    return {key(row.tokens) for row in train if len(row.tokens) >= LEAST}


def among(known: set[str], other: Sequence[Row]) -> list[Row]:
    """Rows of ``other`` whose keys are ``known``."""
    return [row for row in other if len(row.tokens) >= LEAST and key(row.tokens) in known]


def shared(train: Iterable[Row], other: Sequence[Row]) -> list[Row]:
    """Rows of ``other`` of ``LEAST`` words or more that stand in ``train`` too."""
    return among(keys(train), other)
