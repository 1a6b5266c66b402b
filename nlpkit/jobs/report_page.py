"""Runs as one page that asks for nothing: tables, pictures, mistakes, recipes. All that comes from rows is escaped."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from html import escape
from itertools import count
from typing import Any

from nlpkit.data.formats.page import FOOT, head
from nlpkit.data.rows import PairRow, Row, TokenRow
from nlpkit.jobs import comparison, mistakes, plots
from nlpkit.jobs.comparison import Run
from nlpkit.jobs.mistakes import Mistake

_STYLE = """
body { max-width: 70rem; line-height: 1.5; }
table { border-collapse: collapse; font-size: .9em; margin: 0 0 1rem; }
th, td { padding: .2em .6em; border-bottom: 1px solid #ddd; text-align: start; vertical-align: top; }
td.number { text-align: end; font-variant-numeric: tabular-nums; white-space: nowrap; }
.wide { overflow-x: auto; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; align-items: start; }
figure { margin: 0 0 1rem; max-width: 100%; }
figure svg { max-width: 100%; height: auto; }
figcaption { font-size: .8em; color: #444; }
.mistake { line-height: 1.7; }
del { color: #a01515; background: #fde7e7; text-decoration: none; }
ins { color: #0a5d1a; background: #e2f4e2; text-decoration: none; }
mark { background: #fde7e7; }
pre { font-size: .8em; line-height: 1.4; overflow-x: auto; background: #f6f6f6; padding: .8em; }
h2 { margin-top: 2.2rem; border-bottom: 2px solid #000; }
h2, h3, figure { break-after: avoid; break-inside: avoid; }
"""
_BINS = 8  # of lengths
_LEAST = 5  # rows that a bin of lengths must hold to be drawn


def page(runs: Sequence[Run], figures: dict[str, Any], errors: int) -> Iterator[str]:
    """The page in parts. ``figures`` are those of ``comparison.table``; each run shows at most so many ``errors``."""
    numbers = count()
    title = f"{figures['task']}: {', '.join(row['name'] for row in figures['rows'])}"
    yield head(escape(title), _STYLE)
    yield f"<h1>{escape(title)}</h1>\n"
    names, body = comparison.cells(figures)
    yield _table(names, body)
    yield "".join(f'<p class="small">{escape(note)}</p>\n' for note in comparison.notes(figures))
    pictures = [
        *_learning(runs),
        *_by_language(runs),
        *_by_length(runs),
    ]
    yield _pictures(pictures, numbers)
    for run in runs:
        yield from _run(run, errors, numbers)
    yield FOOT


def _run(run: Run, errors: int, numbers: Iterator[int]) -> Iterator[str]:
    scores = run.metrics[run.split]
    yield f"<h2>{escape(run.name)}</h2>\n<p>{escape(str(run.recipe['about']))}</p>\n"
    yield f"<pre>{escape(chr(10).join(run.judge.lines(scores)))}</pre>\n"
    pictures = []
    if matrix := scores.get("matrix"):
        pictures.append(("confusions", plots.confusion(matrix["labels"], matrix["counts"])))
    if bins := scores.get("reliability"):
        pictures.append(("how sure and how right", plots.reliability(bins)))
    yield _pictures(pictures, numbers)
    unit = run.judge.unit
    if parts := scores.get(f"per_{unit}"):
        names = [name for name in ("precision", "recall", "f1", "support") if name in next(iter(parts.values()), {})]
        yield _table(
            [unit, *names], [[part, *(_number(entry[name]) for name in names)] for part, entry in parts.items()]
        )
    if run.has_answers and errors:
        found = mistakes.worst(*run.answers, errors)
        yield f"<h3>Mistakes of which it was surest ({len(found)})</h3>\n"
        yield "".join(map(_mistake, found))
    for name in ("recipe.yaml", "data.json", "environment.json"):
        if (path := run.path / name).is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            if name == "environment.json":  # what it ran on, not where
                text = json.dumps({k: v for k, v in json.loads(text).items() if k not in _PRIVATE}, indent=2)
            yield f"<details><summary>{name}</summary><pre>{escape(text)}</pre></details>\n"


_PRIVATE = ("command",)


def _learning(runs: Sequence[Run]) -> Iterator[tuple[str, str]]:
    """Loss and dev score by step."""
    entries = {run.name: _log(run) for run in runs}
    metric = runs[0].recipe.get("evaluate", {}).get("select") or runs[0].judge.main_metric
    dev = [
        (name, [(e["step"], e["dev"][metric]) for e in log if metric in e.get("dev", {})])
        for name, log in entries.items()
    ]
    loss = [(name, [(e["step"], e["loss"]) for e in log if "loss" in e]) for name, log in entries.items()]
    for what, series in ((f"dev {metric}", dev), ("loss", loss)):
        if any(len(points) > 1 for _, points in series):
            yield f"{what} by step", plots.lines(series, "step", what)


def _log(run: Run) -> list[dict[str, Any]]:
    path = run.path / "log.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def _by_language(runs: Sequence[Run]) -> Iterator[tuple[str, str]]:
    """A cell for each run and language."""
    parts = {run.name: run.metrics[run.split].get("by_lang", {}) for run in runs}
    languages = sorted({lang for part in parts.values() for lang in part})
    metric = runs[0].judge.main_metric
    if len(languages) > 1:
        values = [[part.get(lang, {}).get(metric) for lang in languages] for part in parts.values()]
        yield f"{metric} by language", plots.heat(list(parts), languages, values)


def _by_length(runs: Sequence[Run]) -> Iterator[tuple[str, str]]:
    """The score of rows by their length in words, in bins of about as many rows each."""
    series = []
    for run in runs:
        if not run.has_answers:
            continue
        lengths = [len(row.tokens) for row in run.answers[0]]
        order = sorted(range(len(lengths)), key=lengths.__getitem__)
        size = max(_LEAST, -(-len(order) // _BINS))
        points = []
        for start in range(0, len(order) - _LEAST + 1, size):
            rows = order[start : start + size]
            value = float(run.judge.statistic(run.counts[rows].sum(0)[None])[0])
            points.append((sum(lengths[row] for row in rows) / len(rows), value))
        series.append((run.name, points))
    if any(len(points) > 1 for _, points in series):
        metric = runs[0].judge.compared or runs[0].judge.main_metric
        yield f"{metric} by length", plots.lines(series, "words a row", metric)


def _mistake(mistake: Mistake) -> str:
    gold, guess = mistake.gold, mistake.guess
    sure = "" if mistake.sure is None else f", sure {mistake.sure:.2f}"
    place = f'<span class="small">row {escape(gold.id)}{sure}</span>'
    return f'<p class="mistake" dir="auto"{_lang(gold)}>{_shown(mistake, gold, guess)}<br>{place}</p>\n'


def _shown(mistake: Mistake, gold: Row, guess: Row) -> str:
    if isinstance(gold, TokenRow):
        tagged = zip(gold.tokens, guess.tags or (), gold.tags or (), strict=True)
        return " ".join(escape(token) if said == right else _word(token, said, right) for token, said, right in tagged)
    if isinstance(gold, PairRow):
        marks = {"same": ("", ""), "said": ("<del>", "</del>"), "right": ("<ins>", "</ins>")}
        parts = mistakes.changes(guess.target or "", gold.target or "")
        words = " ".join(f"{marks[kind][0]}{escape(text)}{marks[kind][1]}" for kind, text in parts)
        return f'{escape(gold.text)}<br><bdi dir="auto">{words}</bdi>'
    said, right = (escape(", ".join(row.labels or ()) or "none") for row in (guess, gold))
    return f"{escape(gold.whole)}<br><del>{said}</del> <ins>{right}</ins>"


def _word(token: str, said: str, right: str) -> str:
    tags = f"<del>{escape(said)}</del> <ins>{escape(right)}</ins>"
    return f"<ruby><mark>{escape(token)}</mark><rt>{tags}</rt></ruby>"


def _lang(row: Row) -> str:
    return f' lang="{escape(row.lang.replace("_", "-"))}"' if row.lang else ""


def _table(names: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Cells that hold a number stand to the right."""
    rows = "".join(
        "<tr>"
        + "".join(f"<td{_NUMBER if _is_number(cell) else ''}><bdi>{escape(cell)}</bdi></td>" for cell in row)
        + "</tr>\n"
        for row in body
    )
    heads = "".join(f"<th>{escape(name)}</th>" for name in names)
    return f'<div class="wide"><table>\n<tr>{heads}</tr>\n{rows}</table></div>\n'


_NUMBER = ' class="number"'


def _is_number(text: str) -> bool:
    return bool(re.match(r"[+-]?\d", text))


def _number(value: float) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _pictures(found: Sequence[tuple[str, str]], numbers: Iterator[int]) -> str:
    if not found:
        return ""
    each = (
        f"<figure>{_inline(svg, next(numbers))}<figcaption>{escape(what)}</figcaption></figure>" for what, svg in found
    )
    return f'<div class="pictures">{"".join(each)}</div>\n'


def _inline(svg: str, number: int) -> str:
    """A picture as it stands in a page, with names of its own."""
    svg = svg[svg.index("<svg") :]
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>f{number}-", svg)
