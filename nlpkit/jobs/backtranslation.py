"""Sources for texts, written by a model that translates the other way (Sennrich et al., 2016)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from nlpkit.config.recipe import Backtranslate
from nlpkit.data.rows import PairRow
from nlpkit.errors import InputError
from nlpkit.jobs.predict import Predictor
from nlpkit.jobs.rundir import Say
from nlpkit.text.langcodes import code_of

TAG = "<bt>"  # stands before a source that a model has written


class Reverse:
    """Makes pairs of texts by a reverse model; ``dropped`` counts texts that gave none."""

    def __init__(self, spec: Backtranslate, say: Say) -> None:
        self.spec, self.dropped = spec, 0
        self._model = Predictor(
            str(Path(spec.model)), task="translate", decoding=lambda _: spec.decoding, engine="auto", say=say
        )
        known = [self._model.info.get(name) or [] for name in ("target_languages", "languages")]
        self._source, self._target = (names[0] if len(names) == 1 else "" for names in known)
        self._reads = {code_of(name) or name for name in known[1]}

    def __call__(self, rows: Iterable[PairRow], poll: Callable[[], None] = lambda: None) -> Iterator[PairRow]:
        """A pair for each row: its target, or its text where it has none, and the source that the model writes for it.

        Rows are read as a stream. Raises InputError at the first row if the model does not read its language.
        """
        waiting: deque[PairRow] = deque()

        def asked() -> Iterator[PairRow]:
            for row in rows:
                text = row.text if row.target is None else row.target
                langs = (row.lang, "") if row.target is None else (row.target_lang, row.lang)
                self._check(langs[0])
                waiting.append(row)
                yield PairRow(row.id, text, None, *langs, line=row.line)

        for answer in self._model(asked(), poll=poll):
            row = waiting.popleft()
            if not answer.text.strip() or not (answer.target or "").strip():
                self.dropped += 1
                continue
            source = f"{TAG} {answer.target}" if self.spec.tag else answer.target
            yield replace(
                row, text=source, target=answer.text, references=(), lang=answer.target_lang or self._source,
                target_lang=answer.lang or self._target,
            )  # fmt: skip

    def _check(self, lang: str) -> None:
        """The language of the first text that names one."""
        if lang and self._reads and (code_of(lang) or lang) not in self._reads:
            raise InputError(
                f"backtranslate: `{self.spec.model}` reads {', '.join(sorted(self._reads))}, the targets are in {lang}",
                "name a model that translates the other way",
            )
        if lang:
            self._reads = set()
