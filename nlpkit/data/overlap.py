"""Rows of a test set that also stand in the training set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from nlpkit.data.rows import Row
from nlpkit.text.normalize import nfc


def key(tokens: Sequence[str]) -> str:
    """A short hash of the words, the same for NFC and NFD and for any case."""
    return hashlib.blake2b(" ".join(nfc(token).casefold() for token in tokens).encode(), digest_size=8).hexdigest()


def shared(train: Iterable[Row], other: Sequence[Row], at_least: int = 4) -> list[Row]:
    """Rows of ``other`` of ``at_least`` tokens whose words stand in ``train`` too."""
    known = {key(row.tokens) for row in train if len(row.tokens) >= at_least}
    return [row for row in other if len(row.tokens) >= at_least and key(row.tokens) in known]
