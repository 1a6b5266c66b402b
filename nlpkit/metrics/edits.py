"""Rates of edits: of words (WER), characters (CER) and phones (PER), and the scores of grapheme-to-phoneme tasks.

Where a row has several right answers, the nearest counts.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import nlpkit
from nlpkit.metrics.significance import Array

Gold = str | Sequence[str]  # one right answer, or several
Split = Callable[[str], Sequence[str]]


def distance(a: Sequence[Hashable], b: Sequence[Hashable], *, flat: bool = False) -> int:
    """Least number of insertions, deletions and substitutions that make ``b`` of ``a`` (Levenshtein, 1966).

    By the bit-parallel method of Myers (1999) in Hyyrö's (2003) form: one column of the table is two numbers, whose
    bits say where it rises and falls by one. ``flat`` has the border of the table 0, 1, 1, 1, ... in place of 0, 1, 2,
    3, ..., as in the scorer of SIGMORPHON 2020 task 1, which makes anything but nothing one edit away from nothing.
    """
    if not a or not b:
        return int(bool(a) != bool(b)) if flat else len(a) + len(b)
    whole, top = (1 << len(a)) - 1, 1 << (len(a) - 1)
    places: dict[Hashable, int] = {}
    for at, sign in enumerate(a):
        places[sign] = places.get(sign, 0) | 1 << at
    rise, fall, found = (1, 0, 1) if flat else (whole, 0, len(a))
    edge = 1  # by how much the first row of the table rises
    for sign in b:
        same = places.get(sign, 0)
        level = (((same & rise) + rise) ^ rise) | same
        up, down = fall | (whole & ~(level | rise)), rise & level
        found += bool(up & top) - bool(down & top)
        up, down = up << 1 & whole | edge, down << 1 & whole
        rise, fall = down | (whole & ~(same | fall | up)), up & (same | fall)
        edge = 0 if flat else 1
    return found


def references(gold: Gold) -> Sequence[str]:
    """The right answers of a row. Raises ValueError where there are none."""
    found = (gold,) if isinstance(gold, str) else gold
    if not found:
        raise ValueError("a row has no right answer")
    return found


def characters(text: str) -> Sequence[str]:
    """The code points of a text, those of blanks between words among them."""
    return text.strip()


def counts(golds: Sequence[Gold], guesses: Sequence[str], split: Split = str.split, *, flat: bool = False) -> Array:
    """(rows, 2): distance to the nearest right answer (of equally near ones the first), and its length.

    Raises ValueError where there are not as many guesses as golds, or a row has no right answer.
    """
    import numpy as np

    found: Array = np.zeros((len(golds), 2), dtype=np.int64)
    for number, (gold, guess) in enumerate(zip(golds, guesses, strict=True)):
        said = split(guess)
        sides = [split(text) for text in references(gold)]
        found[number] = min(((distance(side, said, flat=flat), len(side)) for side in sides), key=lambda pair: pair[0])
    return found


def per_counts(golds: Sequence[Gold], guesses: Sequence[str], *, official: bool = False) -> Array:
    """(rows, 2): distance in phones and gold phones; ``official`` as the organisers of SIGMORPHON 2020 count them."""
    return counts(golds, guesses, flat=official)


def rate_of(totals: Array) -> Array:
    """(n,) percent of edits, which may pass 100, from totals (n, 2): distance, length.

    Where there is nothing to say: 100 for anything said, 0 for nothing.
    """
    import numpy as np

    edits, length = totals[:, 0], totals[:, 1]
    found: Array = np.divide(100.0 * edits, length, out=np.where(edits > 0, 100.0, 0.0), where=length > 0)
    return found


def _rate(found: Array) -> float:
    return float(rate_of(found.sum(0)[None])[0])


def wer(golds: Sequence[Gold], guesses: Sequence[str]) -> float:
    """Word error rate in percent: edits between words parted by blanks, over all gold words."""
    return _rate(counts(golds, guesses))


def cer(golds: Sequence[Gold], guesses: Sequence[str]) -> float:
    """Character error rate in percent: edits between code points, over all of the gold."""
    return _rate(counts(golds, guesses, characters))


def word_error_counts(golds: Sequence[Gold], guesses: Sequence[str]) -> Array:
    """(rows, 2): whether the phones of the word are not those of a right answer, and 1."""
    import numpy as np

    wrong = [
        guess.split() not in [text.split() for text in references(gold)]
        for gold, guess in zip(golds, guesses, strict=True)
    ]
    found: Array = np.column_stack([np.array(wrong, dtype=np.int64), np.ones(len(wrong), dtype=np.int64)])
    return found


def accuracy_of(totals: Array) -> Array:
    """(n,) share of right words, 0 to 1, from totals (n, 2) of ``word_error_counts``; 0 where there are none."""
    import numpy as np

    wrong, every = totals[:, 0], totals[:, 1]
    found: Array = np.divide(every - wrong, every, out=np.zeros(len(totals)), where=every > 0)
    return found


def by_language(found: Array, langs: Sequence[str]) -> Array:
    """(rows, 2) counts -> (rows, 2 x languages): those of a row stand in the columns of its language."""
    import numpy as np

    number = {lang: at for at, lang in enumerate(sorted(set(langs)))}
    wide: Array = np.zeros((len(found), 2 * len(number)))
    rows = np.arange(len(found))
    columns = 2 * np.array([number[lang] for lang in langs], dtype=np.int64)
    wide[rows, columns], wide[rows, columns + 1] = found[:, 0], found[:, 1]
    return wide


def macro_rate_of(totals: Array) -> Array:
    """(n,) mean over the languages of ``rate_of``, from totals (n, 2 x languages) of ``by_language``.

    A language of which a resample has no row is left out of its mean.
    """
    import numpy as np

    pairs = totals.reshape(-1, 2)
    there = (pairs.sum(1) > 0).reshape(len(totals), -1)
    rates = rate_of(pairs).reshape(len(totals), -1) * there
    found: Array = rates.sum(1) / np.maximum(1, there.sum(1))
    return found


def g2p(golds: Sequence[Gold], guesses: Sequence[str], langs: Sequence[str]) -> dict[str, Any]:
    """Scores of pronunciations, phones parted by blanks, as SIGMORPHON 2020 task 1 has them (Gorman et al., 2020).

    ``langs`` holds the language of each row. Keys: wer (percent of words with any phone wrong), per (100 x edits / gold
    phones), per_official (the same with the flat border of the organisers' scorer, a little lower), each a plain mean
    over the languages; accuracy (1 - wer / 100), per_lang (the same for each, and its rows), rows, signature.
    """
    words = word_error_counts(golds, guesses)
    phones, official = per_counts(golds, guesses), per_counts(golds, guesses, official=True)
    groups: dict[str, list[int]] = {}
    for number, lang in zip(range(len(golds)), langs, strict=True):
        groups.setdefault(lang or "und", []).append(number)
    per_lang = {
        lang: {
            "wer": _rate(words[rows]),
            "per": _rate(phones[rows]),
            "per_official": _rate(official[rows]),
            "rows": len(rows),
        }
        for lang, rows in sorted(groups.items())
    }
    means = {
        name: sum(scores[name] for scores in per_lang.values()) / max(1, len(per_lang))
        for name in ("wer", "per", "per_official")
    }
    return {
        **means,
        "accuracy": 1 - means["wer"] / 100 if golds else 0.0,
        "per_lang": per_lang,
        "rows": len(golds),
        "signature": f"g2p|unit:word|avg:macro over languages|refs:best|version:{nlpkit.__version__}",
    }
