"""Pronunciation of written words (grapheme to phoneme): letters in, phones out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nlpkit.data.rows import PairRow
from nlpkit.errors import counted
from nlpkit.metrics import edits
from nlpkit.metrics.significance import Array, interval
from nlpkit.tasks.base_pairs import PairTask, right, said
from nlpkit.text.normalize import nfc, nfd

_BLANK = "\u2581"  # stands for a blank among letters


class G2p(PairTask):
    main_metric = "accuracy"
    reported = ("accuracy", "wer", "per")
    unit = "word"
    symbols = True
    by_language = True

    @classmethod
    def tag(cls, row: PairRow) -> str:
        return f"<{row.lang}>"

    def source(self, text: str) -> str:
        """Letters and marks apart (NFD: a Hangul syllable is its letters), with blanks between them."""
        return " ".join(nfd(" ".join(text.split())).replace(" ", _BLANK))

    def target(self, text: str) -> str:
        return nfc(text)

    def score(
        self, gold: Sequence[PairRow], guess: Sequence[PairRow], seen: Callable[[str], bool] | None = None
    ) -> dict[str, Any]:
        """Word and phone error rate of each language and their means, in percent, as SIGMORPHON 2020 has them."""
        found = edits.g2p(right(gold), said(guess), [row.lang for row in gold])
        return {**found, "interval": interval(self.counts(gold, guess), self.statistic) if gold else (0.0, 0.0)}

    def counts(self, gold: Sequence[PairRow], guess: Sequence[PairRow]) -> Array:
        return edits.by_language(edits.word_error_counts(right(gold), said(guess)), [row.lang for row in gold])

    @staticmethod
    def statistic(totals: Array) -> Array:
        """Mean over the languages of the share of right words."""
        return 1 - edits.macro_rate_of(totals) / 100

    @staticmethod
    def lines(scores: dict[str, Any]) -> list[str]:
        low, high = scores["interval"]
        langs = counted(len(scores["per_lang"]), "language")
        result = [
            f"WER {scores['wer']:.2f}  PER {scores['per']:.2f}  (mean of {langs})  "
            f"accuracy {scores['accuracy']:.4f}  (95 %: {low:.4f} to {high:.4f})",
            f"PER by the shared task's own tables {scores['per_official']:.2f}",
        ]
        result += [
            f"{lang:<12} WER {entry['wer']:6.2f}  PER {entry['per']:6.2f}  {entry['rows']} words"
            for lang, entry in scores["per_lang"].items()
        ]
        return [*result, scores["signature"]]


TASK = G2p
