"""``nlpkit bpe stats`` and ``nlpkit bpe inspect``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nlpkit.cli import options
from nlpkit.cli.streams import print_json, print_lines, printable, stderr, table
from nlpkit.errors import InputError, counted

if TYPE_CHECKING:
    from nlpkit.jobs.bpe_inspect import Learning
    from nlpkit.metrics.subwords import Parallel

_NO_PIECE: dict[str, Any] = {"piece": "", "text": "", "share": 0.0, "count": 0}  # where all pieces are marks
_TITLES = {
    "vocabulary": "pieces", "fertility": "fertility", "characters_per_piece": "chars/piece", "unknown": "% unknown",
    "single": "% single", "whole": "% whole", "renyi": "Rényi", "parity": "parity", "gini": "Gini",
    "never_used": "% never used",
}  # fmt: skip
_SHARES = ("unknown", "single", "whole", "never_used")
_Table = tuple[list[str], list[list[Any]]]
_HINT = "nlpkit bpe inspect FOLDER WORD..., or nlpkit bpe inspect --teach FILE"
_PERCENT = 100
_IN_COMPARISONS = ("fertility", "parity", "unknown", "whole")  # columns, where there are several tokenizers
_NAMED = 10  # languages in a note
_LISTED = 60  # characters of a piece
_PAIRS, _WORDS = 8, 20  # of a step that is taught
_TIES = (
    "ties: of pairs seen equally often the one of older symbols is merged: characters in the order of Unicode, then "
    "what was merged, in the order of merges"
)


def stats(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="Folder with a tokenizer.json, or that file.")],
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE", help="Texts: FILE, FILE:CODE in one language; none or - is stdin.", show_default=False
        ),
    ] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(metavar="FOLDER", help="Another tokenizer beside it; may be given again.", show_default=False),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="CODE",
            help="Compare lines with the same id in this language, or `mean`: that of all.",
            show_default=False,
        ),
    ] = None,
    most: Annotated[
        int | None, typer.Option(min=1, help="So many languages only, the worst first.", show_default=False)
    ] = None,
    as_json: options.Json = False,
    plots: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Draw fertility and parity by language as SVG.", show_default=False),
    ] = None,
    card: Annotated[str | None, typer.Option(help="Texts of this data card too.", show_default=False)] = None,
    split: Annotated[str, typer.Option(help="Split of the card.")] = "dev",
    read: options.TextsFrom = None,
    column: options.Columns = None,
    data_dir: options.DataDir = None,
    quiet: options.Quiet = False,
) -> None:
    """Measure how a tokenizer cuts the texts of each language: fertility, parity, unknown pieces, efficiency and more.

    \b
    nlpkit bpe stats pieces swahili.txt:swh yoruba.txt:yor --reference swh
    nlpkit bpe stats pieces verses.tsv --column id=verse --reference mean --compare bert

    Languages come from FILE:CODE or a column `lang` of a table. Lines are parallel that have one id: the number of the
    line in its file, or what a column `id` holds.
    """
    from nlpkit.data import formats
    from nlpkit.jobs import bpe
    from nlpkit.jobs import bpe_stats as job
    from nlpkit.metrics.subwords import Parallel

    stderr.quiet = quiet
    if read is not None:
        options.choice(read, formats.READ["texts"], "--from")
    columns = options.columns(column)
    sources = [bpe.source(text, read, columns) for text in files or ([] if card else ["-"])]
    sources += [bpe.of_card(card, split, data_dir)] if card else []
    folders = [folder, *(compare or [])]
    tokenizers = [job.tokenizer(name) for name in folders]
    parallel = Parallel() if reference is not None else None
    report = job.count(sources, tokenizers, parallel, tick=stderr.tick)
    seen = tokenizers[0].tallies
    against = job.reference(reference, seen) if reference is not None and seen else reference
    found = {"files": [one.path for one in sources], **job.results(tokenizers, parallel, against)}
    languages = job.worst(found)[:most] if most is not None else list(found["tokenizers"][0]["languages"])
    names = _names(folders)
    if as_json:
        for one in found["tokenizers"]:
            one["languages"] = {lang: one["languages"][lang] for lang in languages}
        print_json(_rounded(found))
    else:
        print_lines(_lines(found, names, languages))
    if plots is not None:
        name = card or ("stdin" if sources[0].path == "-" else Path(sources[0].path).name.split(".")[0])
        for path in job.draw(found, names, languages, plots, name):
            stderr.say(f"note: `{path}`")
    for line in [*report.summary(), *_notes(found, parallel)]:
        stderr.say(f"note: {line}")


def _names(folders: Sequence[str]) -> list[str]:
    """Short names of tokenizers; their paths where two have one."""
    paths = [Path(name).parent if Path(name).name == "tokenizer.json" else Path(name) for name in folders]
    short = [path.resolve().name for path in paths]
    return short if len({*short}) == len(short) else list(folders)


def _rounded(value: Any) -> Any:
    """The same with every number at six places."""
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return round(value, 6) if isinstance(value, float) else value


def _cell(name: str, value: float) -> str:
    if name in _SHARES:
        return f"{_PERCENT * value:.2f}"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _lines(found: Mapping[str, Any], names: Sequence[str], languages: Sequence[str]) -> Iterator[str]:
    """The languages, the tokenizers, their pieces, and what the figures mean."""
    if len(names) == 1:
        yield from _of_one(found["tokenizers"][0], languages)
    else:
        yield from _of_several(found["tokenizers"], names, languages)
    yield ""
    yield from _of_vocabularies(found["tokenizers"], names)
    for name, one in zip(names, found["tokenizers"], strict=True):
        of = f" ({name})" if len(names) > 1 else ""
        frequent, longest = one["all"]["frequent"], one["all"]["longest"]
        body = [
            [_shown(often), f"{_PERCENT * often['share']:.2f}", _shown(long), long["count"]]
            for often, long in zip_longest(frequent, longest, fillvalue=_NO_PIECE)
        ]
        yield ""
        yield from table([f"most frequent{of}", "% of pieces", f"longest{of}", "count"], body)
    yield ""
    yield found["signature"]


def _shown(row: Mapping[str, Any]) -> str:
    """The piece; of one made of the signs for bytes the text, with their sign for a blank."""
    piece, text = row["piece"], row["text"]
    shown = piece if text.strip() in piece or "\ufffd" in text else text.replace(" ", "Ġ")
    return _text(shown if len(shown) <= _LISTED else f"{shown[:_LISTED]}…")


def _of_one(one: Mapping[str, Any], languages: Sequence[str]) -> list[str]:
    names = ["fertility", "characters_per_piece", "unknown", "single", "whole", "renyi"]
    names += ["parity"] if "gini" in one else []
    head = ["language", "lines", "words", "pieces", *(_TITLES[name] for name in names)]
    body = []
    for lang, row in [*((lang, one["languages"][lang]) for lang in languages), ("all", one["all"])]:
        cells = [_cell(name, row[name]) if name in row else "" for name in names]
        body.append([lang, row["lines"], row["words"], row["pieces"], *cells])
    return table(head, body)


def _of_several(found: Sequence[Mapping[str, Any]], names: Sequence[str], languages: Sequence[str]) -> list[str]:
    figures = [name for name in _IN_COMPARISONS if name != "parity" or "gini" in found[0]]
    head = ["language", "words", *(f"{_TITLES[figure]} {name}" for figure in figures for name in names)]
    body = []
    for lang in (*languages, None):
        rows = [one["all"] if lang is None else one["languages"][lang] for one in found]
        cells = [_cell(figure, row[figure]) if figure in row else "" for figure in figures for row in rows]
        body.append([lang or "all", rows[0]["words"], *cells])
    return table(head, body)


def _of_vocabularies(found: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    """A line a figure, a column a tokenizer, and the difference of two."""
    figures = [*(name for name in ("vocabulary", "never_used", "gini") if name in found[0])]
    if len(found) > 1:
        figures += ["fertility", "characters_per_piece", "unknown", "single", "whole", "renyi"]
    rows: list[tuple[str, str, list[float]]] = []
    for name in figures:
        rows.append((_TITLES[name], name, [one.get(name, one["all"].get(name)) for one in found]))
    for script in dict.fromkeys(script for one in found for script in one["scripts"]):
        rows.append((f"pieces in {script}", "", [one["scripts"].get(script, 0) for one in found]))
    body = []
    for title, name, values in rows:
        more = [_cell(name, values[1] - values[0])] if len(values) == 2 else []
        body.append([title, *(_cell(name, value) for value in values), *more])
    return table(["figure", *names, *(["difference"] if len(found) == 2 else [])], body)


def _notes(found: Mapping[str, Any], parallel: Parallel | None) -> Iterator[str]:
    if not found["tokenizers"][0]["languages"]:
        yield "there was no text: all figures are 0"
    if parallel is None or not found["tokenizers"][0]["languages"]:
        return
    alone = [lang for lang, row in found["tokenizers"][0]["languages"].items() if not row["parity"]]
    if alone:
        what = "have no line in common with the others" if found["reference"] == "mean" else ""
        what = what or f"have no line with the id of one in {found['reference']}"
        more = f" and {len(alone) - _NAMED} more" if len(alone) > _NAMED else ""
        yield f"{', '.join(alone[:_NAMED])}{more}: {what}, so parity is 0; does a column hold ids? --column id=NAME"
    if parallel.dropped:
        yield f"parity is of {counted(len(parallel), 'line')}, drawn by their ids: there are too many to keep all"


def inspect(
    folder: Annotated[
        str | None,
        typer.Argument(metavar="FOLDER", help="Folder with a tokenizer.json, or that file.", show_default=False),
    ] = None,
    words: Annotated[list[str] | None, typer.Argument(metavar="WORD", help="Words.", show_default=False)] = None,
    teach: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Learn BPE from this small text instead, and show each step.", show_default=False
        ),
    ] = None,
    merges: Annotated[int, typer.Option(min=0, help="Steps of --teach.")] = 10,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show how a tokenizer comes from words to pieces, or how BPE learns its merges, step by step.

    \b
    nlpkit bpe inspect pieces habari Jerusalem
    nlpkit bpe inspect --teach corpus.txt --merges 20
    """
    stderr.quiet = quiet
    if teach is not None:
        if folder is not None:
            raise InputError(f"--teach learns from its file, so `{folder}` says nothing", _HINT)
        _teach(teach, merges, as_json)
        return
    if folder is None or not words:
        raise InputError("no word is given" if folder else "no tokenizer is given", _HINT)
    if any("\ud800" <= char <= "\udfff" for word in words for char in word):
        raise InputError("a word is not UTF-8")
    from nlpkit.jobs.bpe_inspect import Inspector

    inspector = Inspector(folder)
    found = [inspector(word) for word in words]
    if as_json:
        print_json(found)
    else:
        for number, one in enumerate(found):
            print_lines([*([""] if number else []), *_steps(one)])
    for one in found:
        if not one["same"]:
            stderr.say(f"note: the tokenizer cuts `{one['word']}` otherwise than these steps: trust its pieces")


def _steps(found: Mapping[str, Any]) -> Iterator[str]:
    """The steps of each part of a word, then its pieces."""
    yield _text(found["word"])
    for part in found["parts"]:
        yield f"{_text(part['text'])}: {_HOW[part['kind']]}"
        if part["steps"]:
            head, body = _LAID_OUT[part["kind"]](part["steps"])
            yield from (f"  {line}" for line in table(head, body))
    yield from table(
        ["piece", "id", "text"], [[_text(o["piece"]), o["id"], _text(o["text"].strip())] for o in found["pieces"]]
    )


def _merges(steps: Sequence[Mapping[str, Any]]) -> _Table:
    body = [[step.get("rank", ""), _text(*step.get("merge", []), by=" + "), _text(*step["pieces"])] for step in steps]
    return ["rank", "merge", "pieces"], body


def _matches(steps: Sequence[Mapping[str, Any]]) -> _Table:
    return ["left", "longest piece"], [[_text(step["left"]), _text(step["piece"] or "none")] for step in steps]


def _scores(steps: Sequence[Mapping[str, Any]]) -> _Table:
    body = []
    for step in steps:
        scored = (f"{piece} {score:.2f}" for piece, score in zip(step["pieces"], step["scores"], strict=True))
        body.append([f"{step['score']:.2f}", _text(*scored, by="  ")])
    return ["score", "pieces"], body


_HOW = {
    "merges": "characters, then merges, the first learned first",
    "scores": "the best of all segmentations and the runners-up, by sums of log-probabilities",
    "match": "the longest piece, from the left",
    "whole": "in the vocabulary as it stands",
    "added": "added to the vocabulary as it stands",
    "unknown": "not in the vocabulary",
    "long": "too long for this tokenizer, so unknown",
}
_LAID_OUT = {"merges": _merges, "match": _matches, "scores": _scores}


def _text(*parts: str, by: str = " ") -> str:
    """Pieces in a line; what cannot be seen as escapes."""
    return printable(by.join(parts)).replace("\n", "\\n").replace("\t", "\\t")


def _teach(path: str, merges: int, as_json: bool) -> None:
    """Learn from the words of a file, and show it."""
    from nlpkit.data.files import Strictly, read_lines
    from nlpkit.jobs.bpe_inspect import learn, symbols
    from nlpkit.jobs.signals import Signals

    words: Counter[str] = Counter()
    with Signals() as signals:
        for _, text in signals.waiting(read_lines(path, Strictly())):
            words.update(text.split())
    if not words:
        raise InputError(f"no word in `{'<stdin>' if path == '-' else path}`", "every line is empty")
    counts = dict(sorted(words.items(), key=lambda item: (-item[1], item[0])))
    start, steps = symbols(counts), learn(counts, merges)
    if not as_json:
        print_lines(_lecture(counts, merges, start, steps))
        return
    found: dict[str, Any] = {"words": words.total(), "different": len(words)}
    found["start"] = [{"word": word, "count": count, "symbols": start[word]} for word, count in counts.items()]
    found["steps"] = [
        {
            "merge": step.merge,
            "count": step.pairs[0][1],
            "tied": step.tied,
            "pairs": [[*pair, count] for pair, count in step.pairs],
            "words": step.words,
        }
        for step in steps
    ]
    print_json(found)


def _lecture(
    counts: Mapping[str, int], merges: int, start: Mapping[str, tuple[str, ...]], steps: Iterable[Learning]
) -> Iterator[str]:
    """The words, then each step: the pairs, the one merged and why, and the words that it changes."""
    number = sum(counts.values())
    yield f"{counted(number, 'word')}, {len(counts)} different; </w> ends each"
    yield from _corpus(counts, start, list(counts))
    done, before = 0, start
    for done, step in enumerate(steps, 1):
        first, count = step.pairs[0]
        yield ""
        seen = ", ".join(f"{_text(*pair, by=' + ')} {times}" for pair, times in step.pairs[:_PAIRS])
        yield f"pairs: {seen}" + (f", and {more} more" if (more := len(step.pairs) - _PAIRS) > 0 else "")
        tied = f"; {counted(len(step.tied), 'other pair', 'are')} as frequent, of younger symbols" if step.tied else ""
        yield f"merge {done}: {_text(*first, by=' + ')} -> {_text(''.join(first))} ({counted(count, 'time')}{tied})"
        yield from _corpus(counts, step.words, [word for word in counts if step.words[word] != before[word]])
        before = step.words
    if done < merges:
        yield ""
        yield f"{counted(done, 'merge')}: no pair is left that is seen twice"
    yield ""
    yield _TIES


def _corpus(counts: Mapping[str, int], words: Mapping[str, tuple[str, ...]], shown: Sequence[str]) -> Iterator[str]:
    """Words, and how often they are seen; the first of many."""
    yield from (
        f"  {line}" for line in table(["count", "word"], [[counts[w], _text(*words[w])] for w in shown[:_WORDS]])
    )
    if (more := len(shown) - _WORDS) > 0:
        yield f"  ... and {more} more"
