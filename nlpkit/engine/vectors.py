"""Word vectors in the text format of fastText and word2vec."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from nlpkit.data.files import Strictly, read_lines
from nlpkit.errors import InputError
from nlpkit.text.normalize import nfc


def read(path: str, limit: int) -> tuple[list[str], np.ndarray]:
    """The first ``limit`` words of the file and their vectors, (words, dimensions) in fp32.

    A first line with two numbers is a header. Where a word stands twice the first one counts. Raises InputError at the
    first bad line.
    """
    if not Path(path).is_file():
        raise InputError(f"no file with vectors `{path}`", "model.embeddings=FILE.vec")
    if path.endswith((".bin", ".ftz")):
        raise InputError(f"`{path}` is not a text file of vectors", "save the vectors as text (.vec) first")
    found: dict[str, np.ndarray] = {}
    size = 0
    for number, line in read_lines(path, Strictly()):
        parts = line.rstrip(" ").split(" ")
        if number == 1 and len(parts) == 2 and all(part.isdecimal() for part in parts):
            continue
        size = size or len(parts) - 1
        word = nfc(" ".join(parts[: len(parts) - size]))
        try:
            vector = np.array(parts[-size:], dtype=np.float32)
            if size < 2 or not word or not math.isfinite(float(vector.sum())):
                raise ValueError
        except ValueError:
            raise InputError(
                f"{path}:{number}: not a word and {size if size > 1 else 'its'} numbers", "a text file of fastText?"
            ) from None
        found.setdefault(word, vector)
        if len(found) == limit:
            break
    if not found:
        raise InputError(f"`{path}` holds no vectors")
    return list(found), np.stack(list(found.values()))
