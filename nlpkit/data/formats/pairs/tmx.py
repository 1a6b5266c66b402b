"""Translation memories (TMX 1.4): the two languages of each unit; read as a stream, never as a tree.

``columns`` may name the languages (``{src: en, tgt: sw}``); else the source is ``srclang`` of the header, and the
target the other language. Further variants of the target are other right answers. Of the markup inside a segment the
text is kept and the native code of a program (``bpt``, ``ept``, ``it``, ``ph``, ``ut``) is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.parsers import expat

from nlpkit.data.files import Lines, Problem, Report
from nlpkit.data.rows import PairRow
from nlpkit.errors import counted
from nlpkit.text.langcodes import code_of

PLACES = ("src", "tgt")  # what `columns` may name: languages
_CODE = frozenset({"bpt", "ept", "it", "ph", "ut"})
_ANY = ("", "*all*")  # a header that leaves the source language open
_BREAK = re.compile(r"[ \t]*\n\s*")  # how an XML file is laid out says nothing


class _Refused(Exception):
    """What ends the reading: (code, what, fix)."""


class _Unit:
    """One ``<tu>``: where it begins, its name, its source language and its (language, text)."""

    def __init__(self, line: int, ident: str | None, source: str) -> None:
        self.line, self.ident, self.source = line, ident, source
        self.texts: list[tuple[str, str]] = []


class _Reader:
    """Handlers for expat."""

    def __init__(self) -> None:
        self.parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._entity
        parser.SkippedEntityHandler = self._skipped
        self._units: list[_Unit] = []
        self._source = ""
        self._unit: _Unit | None = None
        self._lang = ""
        self._open: list[str] = []
        self._code = 0  # how many open elements hold native code
        self._segment: list[str] | None = None

    def taken(self) -> list[_Unit]:
        """The units that have ended since the last call."""
        units, self._units = self._units, []
        return units

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._open and name != "tmx":
            raise _Refused("tmx", f"the XML is <{name}>, not <tmx>", "is this a translation memory?")
        self._open.append(name)
        if name == "header":
            self._source = attributes.get("srclang", "")
        elif name == "tu":
            self._unit = _Unit(
                self.parser.CurrentLineNumber, attributes.get("tuid"), attributes.get("srclang", self._source)
            )
        elif name == "tuv":
            self._lang = attributes.get("xml:lang") or attributes.get("lang") or ""
        elif name == "seg" and self._unit is not None:
            self._segment = []
        elif name in _CODE:
            self._code += 1

    def _text(self, text: str) -> None:
        if self._segment is not None and not self._code:
            self._segment.append(text)

    def _end(self, name: str) -> None:
        self._open.pop()
        if name in _CODE:
            self._code -= 1
        elif name == "seg" and self._unit is not None and self._segment is not None:
            self._unit.texts.append((self._lang, _BREAK.sub(" ", "".join(self._segment)).strip()))
            self._segment = None
        elif name == "tu" and self._unit is not None:
            self._units.append(self._unit)
            self._unit = None

    def _doctype(self, name: str, system: str | None, public: str | None, has_declarations: int) -> None:
        if has_declarations:
            raise _Refused("doctype", "a DOCTYPE with declarations of its own", "remove them: they can hide anything")

    def _entity(self, *_: Any) -> None:
        raise _Refused("doctype", "an entity is declared", "write its characters instead")

    def _skipped(self, name: str, is_parameter: bool) -> None:
        raise _Refused("tmx", f"the entity &{name}; is not declared", "write its characters instead")


class _Languages:
    """Which languages of a unit are wanted; ``source`` and ``target`` are empty where nobody named them."""

    def __init__(self, source: str, target: str) -> None:
        self.source, self.target = source, target
        self._other = ""  # the language beside the source, once a unit showed it

    def of(self, unit: _Unit) -> tuple[str, str]:
        """The languages of source and target. Raises _Refused where nobody named them and they cannot be told."""
        source = self.source or unit.source
        if source in _ANY:
            raise _Refused("languages", "no header names the source language", "name it: --column src=en")
        if self.target:
            return source, self.target
        others = {lang: None for lang, _ in unit.texts if not _is(lang, source)}
        if self._other:
            others = {self._other: None, **{lang: None for lang in others if not _is(lang, self._other)}}
        if len(others) > 1:
            names = ", ".join(f"`{lang}`" for lang in others)
            raise _Refused("languages", f"there are several languages beside `{source}`: {names}", _WHICH)
        self._other = next(iter(others), "")
        return source, self._other


_WHICH = "name one: --column tgt=CODE, columns: {tgt: CODE}"


def read(lines: Lines, where: str, report: Report, columns: dict[str, int | str]) -> Iterator[PairRow]:
    """Yield rows; the line of a row is that on which its unit begins. Units that lack a side are counted and skipped.

    Nothing is read behind what is no XML, a DOCTYPE with declarations, or a unit whose languages cannot be told.
    """
    languages = _Languages(*(str(columns.get(name, "")) for name in PLACES))
    skipped: list[int] = []
    for count, unit in enumerate(_units(lines, where, report), 1):
        try:
            langs = languages.of(unit)
        except _Refused as refused:
            report(Problem(where, unit.line, *refused.args))
            return
        sources, targets = ([text for lang, text in unit.texts if text and _is(lang, side)] for side in langs)
        if not sources or not targets:
            skipped.append(unit.line)
            continue
        source, target = (code_of(lang) or lang for lang in langs)
        others = tuple(targets[1:])
        yield PairRow(unit.ident or str(count), sources[0], targets[0], source, target, {}, unit.line, others)
    if skipped:
        what = f"{counted(len(skipped), 'unit', 'lack')} a side, first that of line {skipped[0]}"
        report(Problem(where, skipped[0], "empty-side", what, "skipped", warning=True))


def _is(lang: str, wanted: str) -> bool:
    """Whether two codes are equal, or one is the other with a region: ``en`` and ``en-US``."""
    a, b = (code.lower().replace("_", "-") for code in (lang, wanted))
    return bool(a and b) and (a == b or a.startswith(b + "-") or b.startswith(a + "-"))


def _units(lines: Lines, where: str, report: Report) -> Iterator[_Unit]:
    """The units of a file, until one cannot be read, which is reported."""
    reader = _Reader()
    begun = False
    try:
        for _, line in lines:
            begun = True
            reader.parser.Parse(line + "\n", False)
            yield from reader.taken()
        if begun:
            reader.parser.Parse("", True)
            yield from reader.taken()
    except _Refused as refused:
        report(Problem(where, reader.parser.CurrentLineNumber, *refused.args))
    except expat.ExpatError as error:
        report(Problem(where, error.lineno, "xml", f"no XML: {expat.ErrorString(error.code)}", "mend it there"))
