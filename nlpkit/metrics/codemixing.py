"""How mixed a text is, from the language of each of its words.

An utterance is the sequence of its tokens' languages, None for a token in none (a number, a sign, a name). N is the
number of tokens with a language, w_i those of language i, s the places where two neighbors among them differ, k the
number of languages, p_i = w_i / N. A span is a run of one language; tokens without one do not end it. Nothing here
raises, and no figure is infinite or undefined: what an empty, short or unmixed text has is said with each.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import nlpkit

Languages = Sequence[str | None]
CMI_BINS = 20  # of the distribution of CMI: each 5 wide
OF_UTTERANCES = ("cmi", "cmi_2016", "i_index", "switches")  # what a corpus has as a mean
OF_TAGS = ("m_index", "entropy", "burstiness", "memory", "span_entropy")  # what it has of all tags at once


def cmi(languages: Languages) -> float:
    """Code-mixing index (Das and Gambäck, 2014): 100 (N - max w) / N, 0 to 100; 0 where N is 0."""
    counts = _counts(languages)
    return _share(100 * (counts.total() - _most(counts)), counts.total())


def cmi_2016(languages: Languages) -> float:
    """The same with switch points (Gambäck and Das, 2016): 100 (N - max w + s) / 2N, 0 to 100; 0 where N is 0."""
    counts = _counts(languages)
    return _share(50 * (counts.total() - _most(counts) + switches(languages)), counts.total())


def switches(languages: Languages) -> int:
    """Switch points s, from 0 to N - 1."""
    return max(0, len(spans(languages)) - 1)


def i_index(languages: Languages) -> float:
    """The share of places between words that are switch points (Guzmán et al., 2017): s / (N - 1); 0 where N < 2."""
    return _share(switches(languages), len(_spoken(languages)) - 1)


def m_index(counts: Mapping[str, int]) -> float:
    """How evenly k languages share the words (Barnett et al., 2000): (1 - sum p²) / ((k - 1) sum p²).

    0 (one language, or none) to 1 (equal shares). ``counts`` holds the words of each language; k is how many have any.
    """
    squares, total = sum(count * count for count in counts.values()), sum(counts.values())
    return _share(total * total - squares, (sum(count > 0 for count in counts.values()) - 1) * squares)


def entropy(counts: Mapping[Any, int]) -> float:
    """- sum p log2 p in bits: of words by language, or of spans by length, span entropy (both Guzmán et al., 2017).

    0 where one kind has all, or there is none.
    """
    total = sum(counts.values())
    return abs(math.fsum(count / total * math.log2(count / total) for count in counts.values() if count))


def burstiness(lengths: Mapping[int, int]) -> float:
    """Of span lengths (Goh and Barabási, 2008; Guzmán et al., 2017): (sd - mean) / (sd + mean), -1 to 1.

    ``lengths`` holds the spans of each length, all of them, the last of an utterance too; sd is that of a population.
    -1 where all are equally long, or there is one; 0 where there is none.
    """
    number, total = sum(lengths.values()), sum(length * count for length, count in lengths.items())
    spread = math.sqrt(number * sum(length * length * count for length, count in lengths.items()) - total * total)
    return _share(spread - total, spread + total)


def memory(pairs: Mapping[tuple[int, int], int]) -> float:
    """Correlation of the lengths of successive spans (Goh and Barabási, 2008; Guzmán et al., 2017), -1 to 1.

    ``pairs`` holds how often a span of one length is followed by one of another. 0 where there are fewer than two
    pairs, or all have the same first or second length.
    """
    number = sum(pairs.values())
    first, second = (sum(pair[at] * count for pair, count in pairs.items()) for at in (0, 1))
    left, right = (sum(pair[at] ** 2 * count for pair, count in pairs.items()) for at in (0, 1))
    both = number * sum(a * b * count for (a, b), count in pairs.items()) - first * second
    squares = (number * left - first * first) * (number * right - second * second)
    return max(-1.0, min(1.0, _share(both, math.sqrt(squares))))


def spans(languages: Languages) -> list[int]:
    """The lengths of the spans, in order; their sum is N."""
    return [sum(1 for _ in run) for _, run in itertools.groupby(_spoken(languages))]


def _spoken(languages: Languages) -> list[str]:
    return [language for language in languages if language is not None]


def _counts(languages: Languages) -> Counter[str]:
    return Counter(_spoken(languages))


def _most(counts: Counter[str]) -> int:
    return max(counts.values(), default=0)


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


def utterance(languages: Languages) -> dict[str, Any]:
    """All figures of one utterance.

    words (N), languages (w_i), cmi, cmi_2016, i_index, switches, m_index, entropy, burstiness, memory, span_entropy.
    """
    counts, lengths = _counts(languages), spans(languages)
    return {
        "words": counts.total(),
        "languages": dict(counts),
        "cmi": cmi(languages),
        "cmi_2016": cmi_2016(languages),
        "i_index": i_index(languages),
        "switches": switches(languages),
        **_of_tags(counts, Counter(lengths), Counter(itertools.pairwise(lengths))),
    }


def _of_tags(
    counts: Mapping[str, int], lengths: Mapping[int, int], pairs: Mapping[tuple[int, int], int]
) -> dict[str, float]:
    found = (m_index(counts), entropy(counts), burstiness(lengths), memory(pairs), entropy(lengths))
    return dict(zip(OF_TAGS, found, strict=True))


@dataclass(slots=True)
class _Mean:
    """A mean and the deviation of a population, in one pass (Welford, 1962)."""

    number: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, value: float) -> None:
        self.number += 1
        step = value - self.mean
        self.mean += step / self.number
        self.squares += step * (value - self.mean)

    @property
    def deviation(self) -> float:
        return math.sqrt(self.squares / self.number) if self.number else 0.0


def _means() -> dict[str, _Mean]:
    return {name: _Mean() for name in OF_UTTERANCES}


@dataclass(slots=True)
class Corpus:
    """The figures of many utterances, counted one by one: what is kept does not grow with their number.

    An utterance without a word in a language is counted in ``rows``, and in no mean.
    """

    rows: int = 0
    tokens: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    lengths: Counter[int] = field(default_factory=Counter)
    pairs: Counter[tuple[int, int]] = field(default_factory=Counter)
    cmi_bins: Counter[int] = field(default_factory=Counter)  # utterances by CMI, CMI_BINS from 0 to 100
    switches: Counter[int] = field(default_factory=Counter)  # utterances by switch points
    _all: dict[str, _Mean] = field(default_factory=_means)
    _mixed: dict[str, _Mean] = field(default_factory=_means)

    def add(self, languages: Languages) -> dict[str, Any]:
        """Count an utterance, and return its own figures."""
        found = utterance(languages)
        self.rows += 1
        self.tokens += len(languages)
        if not found["words"]:
            return found
        lengths, other = spans(languages), found["words"] - max(found["languages"].values())
        self.counts.update(found["languages"])
        self.lengths.update(lengths)
        self.pairs.update(itertools.pairwise(lengths))
        self.cmi_bins[CMI_BINS * other // found["words"]] += 1
        self.switches[found["switches"]] += 1
        for means in (self._all, self._mixed) if other else (self._all,):
            for name, mean in means.items():
                mean.add(found[name])
        return found

    def extend(self, utterances: Iterable[Languages]) -> Corpus:
        """Count many, and return itself."""
        for languages in utterances:
            self.add(languages)
        return self

    def figures(self) -> dict[str, Any]:
        """What all of them are like; of nothing all figures are 0.

        rows, utterances (rows with a word in a language), mixed (those of several languages), mixed_share, tokens,
        words, languages (the share of each, the largest first); cmi, cmi_2016, i_index and switches: mean and sd over
        utterances, mixed_mean and mixed_sd over mixed ones (sd of a population); switch_share (of all places between
        two words of an utterance); m_index, entropy, burstiness, memory, span_entropy of all tags at once, where no
        span reaches from one utterance into the next; signature.
        """
        words, number = self.counts.total(), self.switches.total()
        mixed = self._mixed["switches"].number
        return {
            "rows": self.rows,
            "utterances": number,
            "mixed": mixed,
            "mixed_share": _share(mixed, number),
            "tokens": self.tokens,
            "words": words,
            "languages": {name: count / words for name, count in self.counts.most_common()},
            **{
                name: {
                    "mean": self._all[name].mean,
                    "sd": self._all[name].deviation,
                    "mixed_mean": self._mixed[name].mean,
                    "mixed_sd": self._mixed[name].deviation,
                }
                for name in OF_UTTERANCES
            },
            "switch_share": _share(self.pairs.total(), words - number),
            **_of_tags(self.counts, self.lengths, self.pairs),
            "signature": f"codemixing|means:utterances with a language|tags:pooled|spans:within utterances|"
            f"sd:population|version:{nlpkit.__version__}",
        }
