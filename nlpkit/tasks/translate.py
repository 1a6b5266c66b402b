"""Translation of texts, also into mixed languages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import Field

from nlpkit.data.rows import PairRow
from nlpkit.errors import counted
from nlpkit.metrics import translation
from nlpkit.metrics.significance import Array
from nlpkit.tasks.base_pairs import PairTask, right, said


class Translate(PairTask):
    main_metric = "bleu"
    reported = ("bleu", "bleu_lower", "chrf")
    unit = "segment"
    statistic = staticmethod(translation.bleu_of)

    class Options(PairTask.Options):
        prefix: str | None = Field(
            None, description="text before each source, as T5 wants it; {src} and {tgt} stand for the languages"
        )
        codes: dict[str, str] = Field(
            {}, description="what a multilingual pretrained model calls the languages, e.g. {hin-eng: hi_IN}"
        )
        tokenize: str | None = Field(
            None, description="sacreBLEU's tokenizer, e.g. 13a, intl, zh, char; default: by the target language"
        )

    @classmethod
    def tag(cls, row: PairRow) -> str:
        return f"<2{row.target_lang}>"

    def prefix(self, row: PairRow) -> str:
        if self.options.prefix is not None:
            return str(self.options.prefix).replace("{src}", row.lang).replace("{tgt}", row.target_lang)
        return super().prefix(row)

    def tokenize(self, rows: Sequence[PairRow]) -> str:
        """sacreBLEU's tokenizer for the target language of most rows."""
        langs = [row.target_lang for row in rows]
        most = max(set(langs), key=langs.count) if langs else ""
        return self.options.tokenize or translation.tokenizer_for(most)

    def score(
        self, gold: Sequence[PairRow], guess: Sequence[PairRow], seen: Callable[[str], bool] | None = None
    ) -> dict[str, Any]:
        """BLEU and chrF, as written and in lower case; all are percentages."""
        return translation.score(said(guess), right(gold), self.tokenize(gold))

    def counts(self, gold: Sequence[PairRow], guess: Sequence[PairRow]) -> Array:
        return translation.bleu_counts(said(guess), right(gold), self.tokenize(gold))

    @staticmethod
    def lines(scores: dict[str, Any]) -> list[str]:
        low, high = scores["interval"]
        least, most = scores["chrf_interval"]
        result = [
            f"BLEU {scores['bleu']:.2f}  (95 %: {low:.2f} to {high:.2f})  lower-cased {scores['bleu_lower']:.2f}",
            f"chrF {scores['chrf']:.2f}  (95 %: {least:.2f} to {most:.2f})  lower-cased {scores['chrf_lower']:.2f}",
            f"{counted(scores['rows'], 'segment')}, length ratio {scores['length_ratio']:.3f}, "
            f"{scores['exact']:.1%} as the reference",
        ]
        if scores["empty"]:
            result.append(f"{counted(scores['empty'], 'answer', 'are')} empty")
        return [*result, *dict.fromkeys(scores["signatures"].values())]


TASK = Translate
