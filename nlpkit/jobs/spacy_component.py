"""The component ``nlpkit`` of spaCy pipelines that ``nlpkit model export --to spacy`` writes; spaCy imports it."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from spacy.language import Language
from spacy.parts_of_speech import IDS
from spacy.tokens import Span as SpacySpan

from nlpkit.data.rows import TokenRow
from nlpkit.errors import InputError
from nlpkit.jobs.predict import Predictor
from nlpkit.text.spans import to_spans

_BATCH = 256


class Component:
    """Tags a Doc with a model of nlpkit: entities for ner; ``tag_``, and ``pos_`` where the tag is a UPOS, for pos."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._folder: Path | None = None
        self._predictor: Predictor | None = None

    def open(self, folder: Path) -> None:
        """Use the bundle in ``folder``."""
        self._folder = Path(folder)
        self._predictor = Predictor(str(folder))

    def __call__(self, doc: Any) -> Any:
        return next(iter(self.pipe([doc])))

    def pipe(self, docs: Iterable[Any], batch_size: int = _BATCH) -> Iterator[Any]:
        """Tag many Docs; in order."""
        if self._predictor is None:
            raise InputError("the component nlpkit has no model yet", "load a pipeline that nlpkit exported")
        kept: list[Any] = []

        def rows() -> Iterator[TokenRow]:
            for doc in docs:
                kept.append(doc)
                yield TokenRow("", tuple(token.text for token in doc if not token.is_space))

        for row in self._predictor(rows(), chunk=batch_size):
            yield self._filled(kept.pop(0), row)

    def _filled(self, doc: Any, row: TokenRow) -> Any:
        words = [token for token in doc if not token.is_space]  # a blank is no word to a model
        tags = list(row.tags or ())
        if self._predictor is not None and self._predictor.task.spans:
            doc.set_ents(
                [
                    SpacySpan(doc, words[span.start].i, words[span.end - 1].i + 1, span.label)
                    for span in to_spans(tags, strict=False)
                ]
            )
            return doc
        for token, tag in zip(words, tags, strict=True):
            token.tag_ = tag
            if tag in IDS:
                token.pos_ = tag
        return doc

    def to_disk(self, path: Path, *, exclude: Iterable[str] = ()) -> None:
        if self._folder is not None:
            shutil.copytree(self._folder, path, dirs_exist_ok=True)

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The bundle as a zip archive."""
        packed = io.BytesIO()
        if self._folder is not None:
            with zipfile.ZipFile(packed, "w") as archive:
                for file in sorted(self._folder.rglob("*")):
                    archive.write(file, file.relative_to(self._folder).as_posix())
        return packed.getvalue()

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> Component:
        if data:
            self._unpacked = TemporaryDirectory()  # lives as long as the component
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                archive.extractall(self._unpacked.name)
            self.open(Path(self._unpacked.name))
        return self

    def from_disk(self, path: Path, *, exclude: Iterable[str] = ()) -> Component:
        self.open(Path(path))
        return self


@Language.factory("nlpkit")  # type: ignore[untyped-decorator]
def make(nlp: Any, name: str) -> Component:
    """What spaCy calls to add the component."""
    return Component(name)
