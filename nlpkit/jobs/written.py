"""Pairs of which a model writes one side."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from nlpkit.config.recipe import Backtranslate, Translate
from nlpkit.data.rows import PairRow
from nlpkit.errors import InputError
from nlpkit.jobs.predict import Predictor
from nlpkit.jobs.rundir import Say
from nlpkit.tasks.base_pairs import as_learned

_FIRST = 1000  # rows that are looked at before the first is translated
SOURCE_TAG, TARGET_TAG = "<bt>", "<ft>"  # stand before the source of a pair whose source, or target, a model wrote


class Writer:
    """Makes pairs by a model that writes their sources (Backtranslate) or targets.

    ``dropped`` counts texts that gave none.
    """

    def __init__(self, spec: Backtranslate | Translate, say: Say) -> None:
        self.spec, self.dropped = spec, 0
        self._backwards = isinstance(spec, Backtranslate)
        self._model = Predictor(
            str(Path(spec.model)), task="translate", decoding=lambda _: spec.decoding, engine="auto", say=say
        )
        self._reads, writes = (self._model.info.get(name) or [] for name in ("languages", "target_languages"))
        self._from, self._to = (names[0] if len(names) == 1 else "" for names in (self._reads, writes))
        self._checked = {""}

    def __call__(self, rows: Iterable[PairRow], poll: Callable[[], None] = lambda: None) -> Iterator[PairRow]:
        """A pair for each row. The model gets its text; backwards its target, or its text where no row has a target.

        Rows are read as a stream. Raises InputError at a row in a language that the model does not read, or with the
        first target after a thousand rows that have none.
        """
        rows, waiting = iter(rows), deque[PairRow]()
        first = list(itertools.islice(rows, _FIRST))
        turned = self._backwards and any(row.target is not None for row in first)

        def asked() -> Iterator[PairRow]:
            for row in itertools.chain(first, rows):
                if self._backwards and not turned and row.target is not None:
                    what = f"backtranslate: line {row.line} has a target, the {_FIRST} rows before it have none"
                    raise InputError(what, "leave out the rows that have none")
                wanted = "" if self._backwards or self._to else row.target_lang
                text, langs = (row.target, (row.target_lang, row.lang)) if turned else (row.text, (row.lang, wanted))
                self._check(langs[0], "targets" if turned else "texts")
                waiting.append(row)
                yield PairRow(row.id, text or "", None, *langs, line=row.line)

        for answer in self._model(asked(), poll=poll):
            row = waiting.popleft()
            if not answer.text.strip() or not (answer.target or "").strip():
                self.dropped += 1
                continue
            sides = (answer.text, answer.lang or self._from), (answer.target, self._to or answer.target_lang)
            (text, lang), (target, target_lang) = reversed(sides) if self._backwards else sides
            if self.spec.tag:
                text = f"{SOURCE_TAG if self._backwards else TARGET_TAG} {text}"
            yield replace(row, text=text, target=target, references=(), lang=lang, target_lang=target_lang)

    def _check(self, lang: str, side: str) -> None:
        """The language of a text, where it is named and another than before."""
        if lang in self._checked:
            return
        if self._reads and as_learned(lang, self._reads) not in self._reads:
            name = "backtranslate" if self._backwards else "translate"
            raise InputError(
                f"{name}: `{self.spec.model}` reads {', '.join(self._reads)}, the {side} are in {lang}",
                "name a model that reads them",
            )
        self._checked.add(lang)
