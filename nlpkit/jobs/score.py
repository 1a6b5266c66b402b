"""Score files of answers against files of right answers: translations, transcriptions, pronunciations."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import nlpkit
from nlpkit.data import formats, load
from nlpkit.data.files import Strictly, read_lines
from nlpkit.errors import InputError, counted
from nlpkit.jobs import systems
from nlpkit.jobs.rundir import Say
from nlpkit.metrics import edits, significance, translation
from nlpkit.metrics.significance import Array
from nlpkit.text import langcodes
from nlpkit.text.scripts import script_of

TITLES = {
    "bleu": "BLEU", "chrf": "chrF", "chrf++": "chrF++", "ter": "TER", "wer": "WER", "cer": "CER", "per": "PER",
    "g2p": "WER",
}  # fmt: skip
METRICS = tuple(TITLES)
ERRORS = ("ter", "wer", "cer", "per", "g2p")  # rates of errors: lower is better
CASED = ("bleu", "chrf", "chrf++", "wer", "cer")  # TER is lower-cased by sacreBLEU, and phones have no case
READ = ("text", "tsv", "jsonl")
_WORDS = ("chrf++", "ter", "wer")  # these need blanks between words


@dataclass(frozen=True, slots=True)
class Answers:
    """The rows of a file: the answer of each, other right answers beside it, its language and its line."""

    path: str
    texts: Sequence[str]
    others: Sequence[Sequence[str]]
    langs: Sequence[str]
    lines: Sequence[int]

    @property
    def name(self) -> str:
        return "<stdin>" if self.path == "-" else self.path


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric on certain rows: counts of (guesses, references), and the score of their totals."""

    counts: Callable[[Sequence[str], translation.Refs], Array]
    statistic: Callable[[Array], Array]


def read(path: str, fmt: str | None, columns: dict[str, int | str], say: Say) -> Answers:
    """The answers of a file or ``-``: a line each, or the targets of a table. Raises InputError."""
    fmt = fmt or formats.guess(path, "text", "pairs")
    if fmt not in READ:
        raise InputError(f"answers are not read from {fmt}", "--from " + ", ".join(READ))
    report = Strictly()
    if fmt == "text":
        lines = list(read_lines(path, report))
        found = Answers(
            path, [text for _, text in lines], [()] * len(lines), [""] * len(lines), [number for number, _ in lines]
        )
    else:
        rows = list(load.read_file(path, fmt, report, columns, kind="pairs"))
        found = Answers(
            path,
            [row.target or "" for row in rows],
            [row.references for row in rows],
            [row.lang for row in rows],
            [row.line for row in rows],
        )
    for note in report.summary():
        say(f"note: {note}")
    if not found.texts:
        raise InputError(f"no {'lines' if fmt == 'text' else 'rows'} in `{found.name}`", "is it the right file?")
    if fmt != "text" and not any(found.texts) and not any(found.others):
        raise InputError(f"no row of `{found.name}` has a target", "is it in another column? --column tgt=NAME")
    return found


def same_rows(gold: Answers, other: Answers) -> None:
    """Raise InputError where two files have not as many rows, with the first line that has no partner."""
    ours, theirs = len(gold.texts), len(other.texts)
    if ours != theirs:
        longer = gold if ours > theirs else other
        at = longer.lines[min(ours, theirs)] or min(ours, theirs) + 1
        raise InputError(
            f"`{gold.name}` has {counted(ours, 'row')} and `{other.name}` {theirs}: "
            f"line {at} of `{longer.name}` has no partner",
            "score files with a line for each segment; an empty line is an empty answer",
        )


def gather(golds: Sequence[Answers]) -> translation.Refs:
    """All right answers of each row, those of the first file first. Raises InputError as ``same_rows`` does.

    An empty target is no answer where its row has others.
    """
    for other in golds[1:]:
        same_rows(golds[0], other)
    sides = [
        [
            others if others and not text else (text, *others)
            for text, others in zip(gold.texts, gold.others, strict=True)
        ]
        for gold in golds
    ]
    return [tuple(text for side in row for text in side) for row in zip(*sides, strict=True)]


def check_lang(lang: str) -> str:
    """``lang``, if it is a language that nlpkit knows in any script or spelling. Raises InputError."""
    known = langcodes.known().values()
    names = {*langcodes.macrolanguages(), *(one.code[:3] for one in known), *(one.short for one in known)} - {""}
    if lang.replace("-", "_").partition("_")[0].lower() not in names:
        langcodes.parse(lang)  # a name in English, or none that is known
    return lang


def tokenizer(metric: str, lang: str | None, name: str | None, refs: translation.Refs, say: Say) -> str:
    """sacreBLEU's tokenizer: ``name``, or that of the language; notes tell where words cannot be told apart."""
    if name is not None:
        return translation.check_tokenizer(name)
    if metric in _WORDS and lang is not None and translation.unspaced(lang):
        say(f"note: `{lang}` is written without blanks, so {metric} takes lines for words; chrf and cer do not")
    if metric == "bleu" and lang is None and _unspaced(refs):
        say("note: the gold looks written without blanks, and BLEU counts words: name the language by --lang")
    return translation.tokenizer_for(lang or "")


def _unspaced(refs: translation.Refs) -> bool:
    """Whether most letters are of a script that is written without blanks."""
    scripts = [script_of(char) for row in refs[:200] for char in row[0] if char.isalpha()]
    return 2 * sum(script in translation.UNSPACED for script in scripts) > len(scripts)


def _metric(name: str, langs: Sequence[str], tokenize: str, lowercase: bool) -> Metric:
    if name == "bleu":
        return Metric(partial(translation.bleu_counts, tokenize=tokenize, lowercase=lowercase), translation.bleu_of)
    if name in ("chrf", "chrf++"):
        order = 2 if name == "chrf++" else 0
        return Metric(partial(translation.chrf_counts, word_order=order, lowercase=lowercase), translation.chrf_of)
    if name == "ter":
        return Metric(translation.ter_counts, translation.ter_of)
    if name == "g2p":
        return Metric(
            lambda hyps, refs: edits.by_language(edits.word_error_counts(refs, hyps), langs), edits.macro_rate_of
        )
    split: edits.Split = edits.characters if name == "cer" else str.split

    def counts(hyps: Sequence[str], refs: translation.Refs) -> Array:
        if lowercase:
            hyps, refs = [hyp.lower() for hyp in hyps], [[text.lower() for text in row] for row in refs]
        return edits.counts(refs, hyps, split)

    return Metric(counts, edits.rate_of)


def signature(name: str, refs: translation.Refs, tokenize: str, lowercase: bool) -> str:
    """How the score was had: sacreBLEU's own text, or one like it."""
    if name in ("bleu", "chrf", "chrf++", "ter"):
        return translation.signature(name, refs, tokenize, lowercase or name == "ter")
    if name == "g2p":
        return str(edits.g2p([], [], [])["signature"])
    sizes = {len(row) for row in refs}
    case = "|case:" + ("lc" if lowercase else "mixed") if name in CASED else ""
    number = sizes.pop() if len(sizes) == 1 else "var"
    unit = {"wer": "words", "cer": "code points", "per": "phones"}[name]
    return f"{TITLES[name]}|nrefs:{number}{case}|unit:{unit}|version:{nlpkit.__version__}"


def normal_forms(guess: Sequence[str], refs: translation.Refs) -> dict[str, int]:
    """How many rows are not in NFC, in the guess and in the references, and how many are right in NFC only."""

    def loose(text: str) -> bool:
        return not unicodedata.is_normalized("NFC", text)

    def same(text: str, row: Sequence[str]) -> bool:
        form = unicodedata.normalize("NFC", text)
        return text not in row and any(form == unicodedata.normalize("NFC", other) for other in row)

    return {
        "guess": sum(map(loose, guess)),
        "gold": sum(any(map(loose, row)) for row in refs),
        "right_in_nfc_only": sum(same(text, row) for text, row in zip(guess, refs, strict=True)),
    }


def _warn(name: str, guess: Sequence[str], refs: translation.Refs, forms: dict[str, int], say: Say) -> None:
    """Notes on what costs points and is no error of the answers."""
    if forms["right_in_nfc_only"] or (not forms["guess"]) != (not forms["gold"]):
        say(
            f"note: `{name}` and the gold differ in Unicode normal form ({forms['guess']} and {forms['gold']} rows are "
            f"not in NFC, {forms['right_in_nfc_only']} are right in NFC only): what looks the same counts as wrong"
        )
    cut = sum(text.endswith(" .") for text in guess)
    if 2 * cut > len(guess) and 2 * sum(row[0].endswith(" .") for row in refs) <= len(guess):
        end = counted(cut, "line", "end")
        say(f"note: `{name}`: {end} in ` .` and most of the gold does not: are its words still apart?")


def score(
    name: str,
    golds: Sequence[Answers],
    guesses: Sequence[Answers],
    *,
    lang: str | None = None,
    tokenize: str | None = None,
    lower: bool = False,
    say: Say = lambda _: None,
) -> dict[str, Any]:
    """Scores of each guess by the metric ``name``; of several, also what sets them apart from the first.

    Keys: metric, gold, rows, references (most of a row), signature, and those of ``compared``; each of the systems has
    also exact (share of rows), empty, normal_forms and what the metric knows more. Raises InputError.
    """
    refs = gather(golds)
    for guess in guesses:
        same_rows(golds[0], guess)
    langs = [row or "und" for row in golds[0].langs]
    if name == "g2p" and set(langs) == {"und"}:
        say("note: the gold names no languages, so all rows count as one: is there a column, --column src_lang=NAME?")
    tok = tokenizer(name, lang, tokenize, refs, say)
    metric = _metric(name, langs, tok, lower)
    both = name in ("bleu", "chrf", "chrf++") and not lower
    told: list[dict[str, Any]] = []
    counts: list[Array] = []
    for guess in guesses:
        hyps = guess.texts
        mine = metric.counts(hyps, refs)
        counts.append(mine)
        forms = normal_forms(hyps, refs)
        _warn(guess.name, hyps, refs, forms, say)
        found: dict[str, Any] = {
            "guess": guess.name,
            "exact": translation.exact(hyps, refs),
            "empty": translation.empty(hyps),
            "normal_forms": forms,
        }
        if both:
            small = translation.lowered(mine, hyps, refs, _metric(name, langs, tok, True).counts)
            found["score_lower"] = translation.value(small, metric.statistic)
        if name == "bleu":
            found |= translation.bleu_parts(mine)
        if name == "g2p":
            more = edits.g2p(refs, hyps, langs)
            found |= {key: more[key] for key in ("per", "per_official", "accuracy", "per_lang")}
        told.append(found)
    return {
        "metric": name,
        "gold": [gold.name for gold in golds],
        "rows": len(refs),
        "references": max(map(len, refs)),
        "signature": signature(name, refs, tok, lower),
        **compared(told, counts, metric.statistic),
    }


def compared(
    found: Sequence[dict[str, Any]], counts: Sequence[Array], statistic: Callable[[Array], Array]
) -> dict[str, Any]:
    """``systems``: what was found of each, with what its (rows, n) counts say; ``pairs``: see ``systems.pairs``.

    The counts give score, interval (95 %, bootstrap over rows) and for all but the first difference,
    difference_interval and p against the first.
    """
    result = []
    for entry, mine in zip(found, counts, strict=True):
        scores = {"score": translation.value(mine, statistic), "interval": [*significance.interval(mine, statistic)]}
        result.append({"guess": entry["guess"], **scores, **entry})
    pairs = systems.pairs(counts, statistic)
    for pair in pairs:
        if pair["first"] == 0:
            gain = {"difference": pair["difference"], "difference_interval": [pair["low"], pair["high"]]}
            result[pair["second"]] |= {**gain, "p": pair["p"]}
    return {"systems": result, "pairs": pairs}
