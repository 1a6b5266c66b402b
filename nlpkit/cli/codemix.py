"""``nlpkit codemix``."""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nlpkit.cli import options
from nlpkit.cli.streams import print_json, print_lines, stderr, table
from nlpkit.errors import InputError, counted

if TYPE_CHECKING:
    from nlpkit.data.rows import PairRow, TokenRow
    from nlpkit.jobs.codemix_stats import Labels
    from nlpkit.jobs.langid import Identifier
    from nlpkit.metrics.codemixing import Corpus

_HELP = """Make code-mixed text, and measure how texts mix languages.

\b
nlpkit codemix make pairs.tsv --method align > mixed.jsonl
nlpkit codemix stats mixed.jsonl --compare real.jsonl
"""
_METHODS = ("cmdr", "lexical", "align", "ec", "romanize", "backtranslate")
app = typer.Typer(help=_HELP, no_args_is_help=True, rich_markup_mode=None)


@app.command()
def make(
    files: options.Files = None,
    method: Annotated[
        str,
        typer.Option(help="cmdr, lexical, align, ec, romanize or backtranslate: see docs/guides/code-mixing.md."),
    ] = "cmdr",
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Model that reads mixed text (backtranslate).", show_default=False),
    ] = None,
    lexicon: Annotated[
        str | None, typer.Option(help="WORD, a tab, TRANSLATION|... a line (cmdr, lexical).", show_default=False)
    ] = None,
    vectors: Annotated[
        list[str] | None,
        typer.Option(help="Twice: word vectors of both languages in one space.", show_default=False),
    ] = None,
    learn: Annotated[
        list[str] | None,
        typer.Option(help="Pairs to learn alignments or vectors from. Default: the files.", show_default=False),
    ] = None,
    longest: Annotated[int, typer.Option(min=1, max=3, help="Most words replaced at once (cmdr).")] = 1,
    rate: Annotated[float, typer.Option(min=0.01, max=1, help="Share of what can be replaced that is.")] = 0.78,
    order: Annotated[
        str, typer.Option(help="What is replaced first (cmdr): random, freq (rare words), score.")
    ] = "random",
    temperature: Annotated[float, typer.Option(min=0, help="Draw among translations; 0: the best one.")] = 0.0,
    script: Annotated[str, typer.Option(help="roman, typed (spelled as many people do), or native.")] = "roman",
    least_cmi: Annotated[float, typer.Option(min=0, max=100, help="Drop sentences mixed less.")] = 0.0,
    most_cmi: Annotated[float, typer.Option(min=0, max=100, help="Drop sentences mixed more.")] = 100.0,
    seed: Annotated[int, typer.Option(min=0, help="Of all choices.")] = 13,
    lang: Annotated[str, typer.Option(help="Language of texts that name none.")] = "eng",
    target_lang: Annotated[str, typer.Option(help="Language mixed in, where a row names none.")] = "hin",
    steps: Annotated[bool, typer.Option("--steps", help="Also the sentence after each replacement.")] = False,
    read: Annotated[str | None, options.reads("text", "tsv", "jsonl", "moses", "tmx")] = None,
    column: options.Columns = None,
    quiet: options.Quiet = False,
) -> None:
    """Make code-mixed sentences from texts, or from texts and their translations, as JSON Lines.

    \b
    nlpkit codemix make pairs.tsv --method align > mixed.jsonl
    nlpkit codemix make english.txt --method cmdr --lexicon eng-hin.tsv --longest 2
    """
    from nlpkit.config.explain import made
    from nlpkit.config.recipe import Codemix
    from nlpkit.data import formats
    from nlpkit.jobs.codemix import Maker, learns_from_rows, same_language
    from nlpkit.jobs.predict import read_inputs
    from nlpkit.jobs.signals import Signals
    from nlpkit.text.langcodes import UNIVERSAL

    stderr.quiet = quiet
    options.choice(read or "text", formats.READ["pairs"], "--from")
    options.choice(method, _METHODS, "--method")
    if vectors and len(vectors) != 2:
        raise InputError("--vectors names one file of each language", "--vectors ENGLISH --vectors HINDI")
    given = {
        "method": method, "lexicon": lexicon, "vectors": vectors or None, "learn": learn or [], "longest": longest,
        "rate": rate, "order": order, "temperature": temperature, "script": script, "least_cmi": least_cmi,
        "most_cmi": most_cmi, "seed": seed,
    }  # fmt: skip

    def rows() -> Iterator[Any]:
        if method == "backtranslate":  # its model knows the languages of what it reads and writes
            return read_inputs(files or [], read, options.columns(column), "", kind="pairs")
        found = read_inputs(files or [], read, options.columns(column), lang, kind="pairs")
        return (row if row.target_lang else replace(row, target_lang=target_lang) for row in found)

    if method == "backtranslate":
        _backtranslate(model, rows(), {**given, "steps": steps, "lang": lang, "target_lang": target_lang})
        return
    if model is not None:
        raise InputError("--model is for --method backtranslate", "leave it out")
    if same_language(lang, target_lang):
        raise InputError(f"--lang {lang} and --target-lang {target_lang} are one language", "name two")
    if steps and method not in ("cmdr", "lexical"):
        raise InputError(f"the method {method} has no steps", "leave --steps out")
    spec = made(Codemix, given)
    if [*(files or ["-"]), *spec.learn, spec.lexicon, *(spec.vectors or [])].count("-") > 1:
        raise InputError("stdin can be read for one thing only", "name files for the others")
    if learns_from_rows(spec) and (not files or any(_once(name) for name in files)):
        what = "stdin or a pipe cannot be read twice, to learn from it and to mix it"
        lexicon_too = ", or --lexicon FILE" if method in ("cmdr", "lexical") else ""
        raise InputError(what, "name files" if spec.order == "freq" else f"--learn FILE{lexicon_too}")
    count = 0
    with Signals() as signals:
        found = signals.waiting(rows())
        first = next(found, None) if spec.learn else None
        maker = Maker(spec, rows, first, stderr.say, steps=steps)
        for mixed in maker(itertools.chain([] if first is None else [first], found)):
            count += 1
            more: dict[str, Any] = {
                "tokens": mixed.words, "langs": [lang or UNIVERSAL for lang in mixed.langs], "method": spec.method
            }  # fmt: skip
            _write(mixed.row, {**more, **({"steps": mixed.steps} if steps else {})})
        sys.stdout.flush()
    stderr.say(f"{counted(count, 'sentence')}{maker.told()}")


def _write(row: PairRow, more: dict[str, Any]) -> None:
    """A pair as an object on a line, with what is known of its making and the row's other columns."""
    from nlpkit.data.rows import JSON

    data = {"id": row.id, "src": row.text, "tgt": row.target, "src_lang": row.lang, "tgt_lang": row.target_lang, **more}
    rest = json.loads(row.extra[JSON]) if JSON in row.extra else row.extra
    rest = {name: value for name, value in rest.items() if name not in data and not name.startswith("\0")}
    sys.stdout.write(json.dumps({**data, **rest}, ensure_ascii=False) + "\n")


def _once(name: str) -> bool:
    """Whether a file can be read once only."""
    path = Path(name)
    return name == "-" or (path.exists() and not path.is_file() and not path.is_dir())


def _backtranslate(model: str | None, rows: Iterator[PairRow], given: dict[str, Any]) -> None:
    """Mixed texts as they are, with sources that a reverse model writes."""
    from nlpkit.config.recipe import Backtranslate, Codemix
    from nlpkit.jobs.codemix import left_out
    from nlpkit.jobs.signals import Signals
    from nlpkit.jobs.written import Writer

    if model is None:
        raise InputError("backtranslate needs a model that reads mixed text", "--model FOLDER")
    usual = {name: field.default for name, field in Codemix.model_fields.items()}
    usual |= {"steps": False, "lang": "eng", "target_lang": "hin", "method": "backtranslate"}
    for name, value in given.items():
        if value != usual[name]:
            option = name.replace("_", "-")
            raise InputError(f"--{option} says nothing to --method backtranslate", "leave it out")
    count = 0
    with Signals() as signals:
        reverse = Writer(Backtranslate(model=model, tag=False), stderr.say)
        for row in reverse(signals.waiting(rows), signals.poll):
            count += 1
            _write(row, {"method": "backtranslate"})
        sys.stdout.flush()
    stderr.say(f"{counted(count, 'sentence')}{left_out({'empty': reverse.dropped})}")


@app.command()
def stats(
    files: options.Files = None,
    words: Annotated[
        bool, typer.Option("--words", help="A line for each row, with the language of each word.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures of all rows as one JSON object.")] = False,
    to: Annotated[
        str | None,
        typer.Option("--to", help="text, or jsonl: an object with all figures for each row.", show_default=False),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(
            metavar="REAL", help="Print the figures of this file beside them, and differences.", show_default=False
        ),
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Draw the distributions of CMI and switch points as SVG.", show_default=False),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(metavar="CODES", help="Predict these languages only, e.g. hin_Latn,eng_Latn.", show_default=False),
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="LABEL=LABEL", help="Read a label as another, e.g. en=eng.", show_default=False),
    ] = None,
    neutral: Annotated[
        str | None,
        typer.Option(
            metavar="LABELS",
            help="Labels of no language; punct and num are also such tokens. Default: univ,ne,acro,und,zxx,punct,num.",
            show_default=False,
        ),
    ] = None,
    read: Annotated[str | None, options.reads("text", "jsonl", "tsv", "conll")] = None,
    column: options.Columns = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Language identifier. Default: the one that ships.", show_default=False),
    ] = None,
    device: options.Device = None,
    quiet: options.Quiet = False,
) -> None:
    """Measure code-mixing from the labels of words, given or predicted: CMI, M-index, I-index, burstiness and others.

    \b
    nlpkit codemix stats nlpkit/assets/samples/translate_dev.tsv --only hin_Latn,eng_Latn
    nlpkit codemix stats synthetic.jsonl --compare real.jsonl --map eng=en,hin=hi --plots pictures
    """
    from nlpkit.data.files import Lenient
    from nlpkit.jobs import codemix_stats as job
    from nlpkit.jobs.signals import Signals
    from nlpkit.metrics.codemixing import Corpus

    stderr.quiet = quiet
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy comes: more threads only wait for each other
    as_rows = options.choice(to or "text", ("text", "jsonl"), "--to") == "jsonl"
    paths = files or ["-"]
    _useful(as_json, compare, {"--words": words, f"--to {to}": as_rows or (to is not None and as_json)}, paths)
    if read is not None:
        options.choice(read, job.READ, "--from")
    columns, report, corpus = options.columns(column), Lenient(), Corpus()

    def identifier() -> Identifier:
        from nlpkit.jobs.langid import Identifier

        wanted = _parts(only) if only is not None else []
        return Identifier(options.model(model, "langid"), only=wanted, device=device)

    labels = job.Labels(identifier, _renamed(rename), job.NEUTRAL if neutral is None else _parts(neutral))
    with Signals() as signals:
        found = job.lines(signals.waiting(job.rows(paths, read, columns, report)), labels, corpus)
        if words or as_rows:
            _print_rows(found, words, as_rows, paths == ["-"] and sys.stdin.isatty())
        else:
            job.count(found)
        corpora = [(_title(paths), corpus)]
        if compare is not None:
            real = Corpus()
            job.count(job.lines(signals.waiting(job.rows([compare], read, columns, report)), labels, real))
            corpora.append((_title([compare]), real))
    if not (words or as_rows):
        _print(corpora, as_json)
    if plots is not None:
        for path in job.draw(
            corpora, plots, "stdin" if paths[0] == "-" else Path(paths[0]).name.strip(".").split(".")[0]
        ):
            stderr.say(f"note: `{path}`")
    predicting = [name for name, given in (("--only", only), ("--model", model)) if given is not None]
    for line in [*report.summary(), *_notes(labels, corpora, predicting)]:
        stderr.say(f"note: {line}")


def _useful(as_json: bool, compare: str | None, by_row: dict[str, bool], paths: list[str]) -> None:
    """Raise InputError for options that would be ignored."""
    rows = [name for name, given in by_row.items() if given]
    for other, given in (("--json", as_json), ("--compare", compare is not None)):
        if given and rows:
            raise InputError(f"{rows[0]} and {other} cannot be asked for at once", "leave one of them out")
    if [*paths, compare].count("-") > 1:
        raise InputError("stdin can be read once only", "name files for the others")


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _renamed(texts: list[str] | None) -> dict[str, str]:
    """``["a=b,c=d"]`` -> ``{"a": "b", "c": "d"}``."""
    found = {}
    for text in _parts(",".join(texts)) if texts else []:
        old, sign, new = (part.strip() for part in text.partition("="))
        if not old or not new or not sign:
            raise InputError(f"`--map {text}` is not LABEL=LABEL", "for example: --map en=eng,hi=hin")
        found[old] = new
    return found


def _title(paths: list[str]) -> str:
    return f"{len(paths)} files" if len(paths) > 1 else "<stdin>" if paths[0] == "-" else paths[0]


def _print_rows(
    found: Iterable[tuple[TokenRow, dict[str, Any]]], words: bool, as_rows: bool, at_terminal: bool
) -> None:
    from nlpkit.jobs.corpus import one_line

    for number, (row, figures) in enumerate(found, 1):
        tags = row.tags or ()
        if as_rows:
            data = {"id": row.id, **({"tokens": row.tokens, "langs": tags} if words else {}), **_rounded(figures)}
            sys.stdout.write(json.dumps(data, ensure_ascii=False) + "\n")
        else:
            marked = " ".join(f"{token}/{tag}" for token, tag in zip(row.tokens, tags, strict=True))
            sys.stdout.write(f"{figures['cmi']:.1f}\t{figures['switches']}\t{one_line(marked)}\n")
        if at_terminal or number % 1024 == 0:
            sys.stdout.flush()
    sys.stdout.flush()


def _rounded(figures: Any) -> Any:
    """The same with every number at six places."""
    if isinstance(figures, dict):
        return {name: _rounded(value) for name, value in figures.items()}
    return round(figures, 6) if isinstance(figures, float) else figures


def _print(corpora: list[tuple[str, Corpus]], as_json: bool) -> None:
    from nlpkit.jobs.codemix_stats import difference, flat

    names, found = [name for name, _ in corpora], [corpus.figures() for _, corpus in corpora]
    if as_json:
        data = {"file": names[0], **found[0]}
        if len(found) > 1:
            data |= {"real": {"file": names[1], **found[1]}, "difference": difference(*found)}
        print_json(_rounded(data))
        return
    languages = list(dict.fromkeys(name for figures in reversed(found) for name in figures["languages"]))
    if len(found) > 1:
        names.append("difference")
    columns = [flat(figures, languages) for figures in (*found, *([difference(*found)] if len(found) > 1 else []))]
    print_lines(table(["figure", *names], [[name, *(column[name] for column in columns)] for name in columns[0]]))
    print_lines([found[0]["signature"]])


def _notes(labels: Labels, corpora: list[tuple[str, Corpus]], predicting: list[str]) -> Iterator[str]:
    """What the user should know; ``predicting`` names the options given that say how labels are predicted."""
    if labels.predicted:
        yield f"the words of {counted(labels.predicted, 'row')} had no labels, so these are predicted"
    elif predicting:
        yield f"{' and '.join(predicting)} {'was' if len(predicting) == 1 else 'were'} not needed: all words had labels"
    for old in labels.renamed:
        if old not in labels.seen:
            yield f"no word had the label `{old}` of --map"
    if len(corpora) == 2:
        ours, real = (list(corpus.counts) for _, corpus in corpora)
        if ours and real and not {*ours} & {*real}:
            yield f"no label is in both ({', '.join(ours)}; {', '.join(real)}): rename some with --map OLD=NEW"
