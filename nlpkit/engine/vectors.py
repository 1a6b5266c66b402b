"""Word vectors in the text format of fastText and word2vec."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nlpkit.data.files import Strictly, read_lines
from nlpkit.errors import InputError, counted
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
    promised: tuple[int, int] | None = None
    for number, line in read_lines(path, Strictly()):
        parts = line.rstrip(" ").split(" ")
        if number == 1 and len(parts) == 2 and all(part.isdecimal() for part in parts):
            promised = int(parts[0]), int(parts[1])
            size = promised[1]
            continue
        size = size or len(parts) - 1
        word = nfc(" ".join(parts[: len(parts) - size]))
        try:
            with np.errstate(over="ignore"):
                vector = np.array(parts[-size:], dtype=np.float64).astype(np.float32)
            if size < 2 or not word or not np.isfinite(vector).all():
                raise ValueError
        except ValueError:
            raise InputError(
                f"{path}:{number}: not a word and {size if size > 1 else 'its'} numbers", "a text file of fastText?"
            ) from None
        found.setdefault(word, vector)
        if len(found) == limit:
            break
    if promised is not None and len(found) < min(limit, promised[0]) and number - 1 < promised[0]:
        raise InputError(
            f"`{path}` promises {counted(promised[0], 'word')} and ends after {number - 1}", "was it cut short?"
        )
    if not found:
        raise InputError(f"`{path}` holds no vectors")
    return list(found), np.stack(list(found.values()))
