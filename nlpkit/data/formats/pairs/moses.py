"""Line-aligned files, named as one path: ``train.{en,yo}`` is ``train.en`` and its translation ``train.yo``.

Further files, as in ``train.{en,yo.0,yo.1}``, hold other right answers. Languages are taken from the endings that are
codes of languages.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from nlpkit.data.files import Lines, Problem, Report, parts
from nlpkit.data.rows import PairRow
from nlpkit.errors import InputError, counted
from nlpkit.text.langcodes import code_of

PLACES = ()  # what `columns` may name
_PACKED = re.compile(r"\.(gz|zst|txt|[0-9]+)\Z")


def read(files: Sequence[Lines], where: str, report: Report, columns: dict[str, int | str]) -> Iterator[PairRow]:
    """Yield rows of the lines of several files. Raises InputError where there is only one."""
    if len(files) < 2:
        raise InputError(
            f"`{where}` is one file, moses needs one for each language",
            "name them as one path, in quotes: 'train.{en,yo}'",
        )
    langs = [_language(path) for path in parts(where)]
    counts = [0] * len(files)
    for number, lines in enumerate(itertools.zip_longest(*map(_numbered, files), fillvalue=_END), 1):
        counts = [count if line is _END else number for count, line in zip(counts, lines, strict=True)]
        texts = [line for line in lines if isinstance(line, str)]
        if _END in lines or len(texts) < len(files):
            continue  # a file has ended, or a line could not be read and was reported
        text, target, *references = texts
        if bool(text.strip()) != bool(target.strip()):
            side, other = ("source", "target") if target.strip() else ("target", "source")
            what = f"the {side} is empty, the {other} is not"
            report(Problem(where, number, "empty-side", what, "are the lines aligned?", warning=True))
        others = tuple(reference for reference in references if reference)
        yield PairRow(str(number), text, target or None, langs[0], langs[1], {}, number, others)
    if len(set(counts)) > 1:
        paths = zip(parts(where), counts, strict=True)
        names = [f"`{PurePath(path).name}` has {counted(count, 'line')}" for path, count in paths]
        first = min(counts) + 1
        what = f"{', '.join(names)}: line {first} has no partner"
        report(Problem(where, first, "unequal", what, "the files must have one line for each pair"))


_END = object()  # in place of a line of a file that has ended


def _numbered(lines: Lines) -> Iterator[str | None]:
    """The texts of lines, None for one that could not be read."""
    expected = 1
    for number, text in lines:
        yield from [None] * (number - expected)
        yield text
        expected = number + 1


def _language(path: str) -> str:
    name = PurePath(path).name
    while (stem := _PACKED.sub("", name)) != name:
        name = stem
    return code_of(name.rpartition(".")[2])
