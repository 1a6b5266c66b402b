"""Everything that is wrong, or odd, in a file of rows."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from nlpkit.data import check_pairs, check_texts
from nlpkit.data.files import Problem
from nlpkit.data.languages import Identify
from nlpkit.data.load import read_file
from nlpkit.data.overlap import key
from nlpkit.data.rows import PairRow, Row, TextRow, TokenRow
from nlpkit.errors import counted
from nlpkit.text import spans
from nlpkit.text.normalize import LINE_BREAKS, invisible_only


@dataclass(slots=True)
class Findings:
    """What ``nlpkit data check`` found in one file."""

    path: str
    format: str
    rows: int = 0
    tokens: int = 0
    target_tokens: int | None = None  # of pairs; ``tokens`` are those of the sources
    scheme: str | None = None
    labels: Counter[str] = field(default_factory=Counter)
    langs: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    texts: list[Row] = field(default_factory=list)  # the rows, where they are compared with those of other files

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if not problem.warning]

    def as_dict(self) -> dict[str, Any]:
        return {
            "path": self.path, "format": self.format, "rows": self.rows, "tokens": self.tokens,
            **({} if self.target_tokens is None else {"target_tokens": self.target_tokens}),
            "scheme": self.scheme, "labels": dict(self.labels.most_common()), "langs": dict(self.langs.most_common()),
            "errors": len(self.errors), "warnings": len(self.problems) - len(self.errors),
            "problems": [problem.as_dict() for problem in self.problems],
        }  # fmt: skip


def _is_scheme(tags: Counter[str]) -> bool:
    """Whether the tags are spans (B-X, I-X ...) rather than parts of speech."""
    return any(tag[:2] in ("B-", "I-", "S-", "U-") and len(tag) > 2 for tag in tags)


def check(
    path: str,
    fmt: str,
    columns: dict[str, int | str],
    scheme: str = "auto",
    form: str = "NFC",
    kind: str = "tokens",
    langs: tuple[str, str] = ("", ""),
    *,
    identify: Identify | None = None,
) -> Findings:
    """Read the whole file and report each fault with its line; warnings do not make a file bad.

    Of pairs, ``langs`` are the languages of sources and targets that name none, and ``identify`` looks whether a side
    is in its language.
    """
    found = Findings(path, fmt)
    rows = list(read_file(path, fmt, found.problems.append, columns, langs[0], kind, langs[1]))
    where = "<stdin>" if path == "-" else path
    found.rows, found.tokens = len(rows), sum(len(row.tokens) for row in rows)
    if not rows and not found.errors:
        found.problems.append(Problem(where, 1, "no-rows", "no rows", "is this the right file and format?"))
    tags = Counter(tag for row in rows for tag in row.tags or ()) if kind != "pairs" else Counter()
    found.langs.update(_lang(row) for row in rows if _lang(row))
    if kind == "tokens" and _is_scheme(tags):
        found.scheme = spans.detect(row.tags for row in rows if row.tags) if scheme == "auto" else scheme
        for row in rows:
            found.problems += _moves(where, row, found.scheme)
            found.labels.update(span.label for span in spans.to_spans(spans.to_iob2(row.tags or (), found.scheme)))
    else:
        found.labels = tags
    bare = [row for row in rows if row.tags is None] if kind == "texts" else []
    if bare and len(bare) < len(rows):
        what = f"{counted(len(bare), 'text', 'have')} no label, first that of line {bare[0].line}"
        found.problems.append(
            Problem(where, bare[0].line, "no-label", what, "training needs one for each", warning=True)
        )
    found.problems += _characters(where, rows, form)
    if kind == "pairs":
        found.target_tokens = sum(len((row.target or "").split()) for row in rows)
        told = {problem.code for problem in found.problems}  # the reader may have named each empty side
        found.problems += [
            problem for problem in check_pairs.problems(where, rows, identify) if problem.code not in told
        ]
        found.texts = rows
    else:
        found.problems += _repeated(where, rows)
    if kind == "texts":
        found.problems += check_texts.problems(where, rows)
        found.texts = rows
    found.problems.sort(key=lambda problem: problem.line)
    return found


def check_all(sources: Iterable[tuple[Any, ...]], identify: Identify | None = None) -> list[Findings]:
    """``check`` for each source; texts, and sides of pairs, are looked for in the sources before theirs."""
    found = [check(*source, identify=identify) for source in sources]
    by_path = {findings.path: findings for findings in found}
    for kind, across in ((TextRow, check_texts.across), (PairRow, check_pairs.across)):
        files = [(entry.path, entry.texts) for entry in found if entry.texts and isinstance(entry.texts[0], kind)]
        for path, problem in across(files):
            by_path[path].problems.append(problem)
    return found


def _lang(row: Row) -> str:
    """The language of a row; of a pair both."""
    return f"{row.lang} > {row.target_lang}" if isinstance(row, PairRow) and row.target_lang else str(row.lang)


def _line(row: Row, position: int) -> int:
    return row.lines[position] if isinstance(row, TokenRow) and row.lines else row.line


def _moves(where: str, row: TokenRow, scheme: str) -> list[Problem]:
    fix = "write B- for it, or read with mend: true" if scheme == "iob2" else ""
    return [
        Problem(where, _line(row, position), "illegal-move", what, fix, warning="is no" not in what)
        for position, what in spans.faults(row.tags or (), scheme)
    ]


def _characters(where: str, rows: list[Row], form: str) -> list[Problem]:
    """Not in the normal form, invisible tokens, odd line breaks: the first of each, with its count."""
    first: dict[str, tuple[int, str]] = {}
    counts: Counter[str] = Counter()
    for row in rows:
        for position, token in enumerate([*row.tokens, *_target(row)]):
            if token.isascii() and token.isprintable():
                continue
            codes = []
            if form != "mixed" and not unicodedata.is_normalized("NFD" if form == "NFD" else "NFC", token):
                codes.append("form")
            if invisible_only(token):
                codes.append("invisible")
            if not LINE_BREAKS.isdisjoint(token):
                codes.append("line-break")
            for code in codes:
                counts[code] += 1
                first.setdefault(code, (_line(row, position), token))
    texts = {
        "form": (
            "are",
            "not in {form}, first `{token}`",
            "nlpkit reads them as NFC; offsets stay those of the file",
        ),
        "invisible": ("show", "nothing, first {token!a}", "remove them, or keep them: they keep their label"),
        "line-break": (
            "hold",
            "a line break other than LF, first {token!a}",
            "other tools may cut the line there",
        ),
    }
    return [
        Problem(
            where,
            line,
            code,
            f"{counted(counts[code], 'token', verb)} {what.format(form=form, token=token)}",
            fix,
            warning=True,
        )
        for code, (line, token) in first.items()
        for verb, what, fix in [texts[code]]
    ]


def _target(row: Row) -> list[str]:
    """The words of the other side of a pair."""
    return (row.target or "").split() if isinstance(row, PairRow) else []


def _repeated(where: str, rows: list[Row]) -> list[Problem]:
    seen: dict[str, Row] = {}
    repeated = 0
    first: tuple[Row, Row] | None = None
    for row in rows:
        if len(row.tokens) < 4:
            continue
        name = key(row.tokens)
        if name in seen:
            repeated += 1
            first = first or (row, seen[name])
        else:
            seen[name] = row
    if first is None:
        return []
    what = f"{counted(repeated, 'row', 'repeat')} an earlier one, first the row of line {first[1].line}"
    return [Problem(where, first[0].line, "repeated", what, "remove them, unless they are meant", warning=True)]
