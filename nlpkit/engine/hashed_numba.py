"""What ``Hashed`` computes for new words, compiled by numba: the same numbers, bit for bit, in a fraction of the time.

An optional extra (``pip install 'nlpkit[fast]'``); compiled once, then read from numba's cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

Array = Any
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_ONE, _30, _27, _31, _32 = np.uint64(1), np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)


@njit(cache=True, inline="always")
def _mixed(number):  # type: ignore[no-untyped-def]
    number = (number ^ (number >> _30)) * _FIRST
    number = (number ^ (number >> _27)) * _SECOND
    return number ^ (number >> _31)


@njit(cache=True)
def learn(codes, lengths, orders, where, packed, scale, vectors, number, names):  # type: ignore[no-untyped-def]
    """Fill ``vectors``, ``number`` of n-grams and ``names`` (hashes) of words.

    ``codes`` are the characters of the words with their edges, one after the other; see ``hashed.hashes``.
    """
    last = np.uint64(len(where) - 1)
    half = packed.shape[1]
    rolling = np.zeros(64, np.uint64)
    start = 0
    for word in range(len(lengths)):
        length = lengths[word]
        if length > len(rolling):
            rolling = np.zeros(2 * length, np.uint64)
        name = np.uint64(0)
        for at in range(length):
            rolling[at] = np.uint64(0)
            name += _mixed(np.uint64(codes[start + at]) * _PRIME + np.uint64(at) * _SECOND)
        names[word] = np.uint32(name >> _32)
        for size in range(1, orders + 1):
            for at in range(length - size + 1):
                rolling[at] = rolling[at] * _PRIME + (np.uint64(codes[start + at + size - 1]) + _ONE)
                if size == 1 and (at == 0 or at == length - 1):
                    continue
                place = where[_mixed(rolling[at] + np.uint64(size)) & last]
                if place < 0:
                    continue
                number[word] += 1
                factor = scale[place]
                for byte in range(half):
                    pair = packed[place, byte]
                    vectors[word, 2 * byte] += (np.float32(pair & 15) - np.float32(7.5)) * factor
                    vectors[word, 2 * byte + 1] += (np.float32(pair >> 4) - np.float32(7.5)) * factor
        start += length


@njit(cache=True)
def scatter(row, first, count, entries, levels, sums):  # type: ignore[no-untyped-def]
    """Add to ``sums`` (rows, labels) the frequencies of each word: ``count`` entries from place ``first``."""
    for word in range(len(row)):
        for entry in range(first[word], first[word] + count[word]):
            held = entries[entry]
            sums[row[word], held & 2047] += levels[(held >> 11) & 15]
