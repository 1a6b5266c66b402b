"""Do the tests of significance keep their level, and what do they cost?

    python benchmarks/significance.py rates [--comparisons 1000] [--rows 200 1000] [--fresh] [--json]
    python benchmarks/significance.py speed [--rows 10000] [--rounds 3] [--json]

rates: pairs of systems of equal quality on the same rows, as `significance.paired` judges them. `p < .05` is the share
of pairs with such a p value (paired permutation), `0 outside` the share whose 95 % interval of the difference (paired
bootstrap) does not hold 0; both should be 0.05. Rows are hard or easy for both systems, so that these are right and
wrong together: `r` is the correlation of their scores over the pairs. The kinds of pairs:

  span F1             entities of a sentence, 3 in 2 on average
  span F1, unlike     the same of a cautious and a bold system: other precision and recall, equal F1
  accuracy of words   5 to 25 words a sentence
  accuracy of texts   one label a text: differences are whole numbers, so that some p are 0.05 or just above it
  macro F1            four labels, the rarest in one of ten texts
  BLEU                sentences of 5 to 40 words, each n-gram right where its words are

Systems are drawn anew for each pair while the resampling has one seed, as in nlpkit itself; with --fresh the
resampling has another seed each time, which shows what the one seed does.

speed: CPU seconds of one thread for span F1 of random sentences (best of --rounds): counting from tags, 1,000
resamples for an interval, 1,000 for the p value, and all that compares two systems. With --json the table goes to
stderr and one JSON object to stdout.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
from contest import run, show
from threadpoolctl import threadpool_limits

from nlpkit.metrics import label_sets, labels, significance, spans, translation
from nlpkit.metrics.significance import Array

LEVEL = 0.05
SHARED = 0.7  # of the variance of what makes an item go wrong: that of the item, the same for both systems
Pair = tuple[Array, Array]
Random = np.random.Generator


def main() -> None:
    with threadpool_limits(1):
        run(parse, {"rates": rates, "speed": speed}, ("nlpkit", "numpy"))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    one = parts.add_parser("rates", help="false positives among equal systems")
    one.add_argument("--comparisons", type=int, default=1000)
    one.add_argument("--rows", type=int, nargs="+", default=[200, 1000])
    one.add_argument("--only", choices=list(KINDS), nargs="+", default=list(KINDS))
    one.add_argument("--fresh", action="store_true", help="another seed of the resampling each time")
    two = parts.add_parser("speed", help="CPU seconds for span F1")
    two.add_argument("--rows", type=int, default=10_000)
    two.add_argument("--rounds", type=int, default=3)
    for part in (one, two):
        part.add_argument("--seed", type=int, default=1, help="of the systems")
        part.add_argument("--json", action="store_true")
    return parser.parse_args()


# -- two systems of equal quality


def right(random: Random, shape: tuple[int, int], chances: tuple[float, float]) -> Pair:
    """(rows, items) True where each of two systems is right: with their chances, and mostly both or neither.

    Half of what the systems share is of the row, the other half of the item.
    """
    rows, _ = shape
    hard = np.sqrt(SHARED / 2) * (random.normal(size=(rows, 1)) + random.normal(size=shape))
    first, second = (
        hard + np.sqrt(1 - SHARED) * random.normal(size=shape) < NormalDist().inv_cdf(chance) for chance in chances
    )
    return first, second


def found_spans(random: Random, rows: int, recalls: tuple[float, float], wrong: tuple[float, float]) -> Pair:
    """Counts (correct, predicted, gold); ``wrong`` is how many wrong ones each system gives for an entity."""
    gold = random.poisson(1.5, rows)
    there = np.arange(gold.max()) < gold[:, None]
    mood = random.gamma(2, 1 / 2, rows)  # rows with many false alarms have them from both
    pair = []
    for good, extra in zip(right(random, there.shape, recalls), wrong, strict=True):
        correct = (good & there).sum(1)
        pair.append(np.stack([correct, correct + random.poisson(1.5 * extra * mood), gold], axis=1))
    return pair[0], pair[1]


def alike(random: Random, rows: int) -> Pair:
    return found_spans(random, rows, (0.8, 0.8), (0.2, 0.2))


def unlike(random: Random, rows: int) -> Pair:
    """F1 is 2 x 0.8 / (1.1 + 1) of the bold system and 2 x 0.7 / (0.8375 + 1) of the cautious one: the same."""
    return found_spans(random, rows, (0.8, 0.7), (0.3, 0.1375))


def words(random: Random, rows: int) -> Pair:
    there = np.arange(25) < random.integers(5, 26, rows)[:, None]
    first, second = (
        np.stack([(good & there).sum(1), there.sum(1)], axis=1) for good in right(random, there.shape, (0.9, 0.9))
    )
    return first, second


def texts(random: Random, rows: int) -> Pair:
    first, second = (
        np.concatenate([good, np.ones_like(good)], axis=1).astype(int) for good in right(random, (rows, 1), (0.8, 0.8))
    )
    return first, second


def classes(random: Random, rows: int) -> Pair:
    shares = [0.4, 0.3, 0.2, 0.1]
    gold = random.choice(4, rows, p=shares)
    slip = random.choice(4, rows, p=shares)  # what a text is easily taken for
    first, second = (
        label_sets.row_counts([(str(label),) for label in gold], [(str(label),) for label in said], "0123")
        for said in (np.where(good[:, 0], gold, slip) for good in right(random, (rows, 1), (0.7, 0.7)))
    )
    return first, second


def translated(random: Random, rows: int) -> Pair:
    """Counts of BLEU: an n-gram is right where n words in a row are."""
    wanted = random.integers(5, 41, rows)
    pair = []
    for good in right(random, (rows, 42), (0.65, 0.65)):
        said = np.maximum(4, wanted + random.integers(-3, 3, rows))
        run = good & (np.arange(42) < said[:, None])
        runs = [np.logical_and.reduce([run[:, at : 42 - n + at] for at in range(n + 1)]).sum(1) for n in range(4)]
        pair.append(np.stack([said, wanted, *runs, *(said - n for n in range(4))], axis=1))
    return pair[0], pair[1]


KINDS: dict[str, tuple[Callable[[Random, int], Pair], Callable[[Array], Array]]] = {
    "span F1": (alike, spans.f1_of),
    "span F1, unlike": (unlike, spans.f1_of),
    "accuracy of words": (words, labels.accuracy_of),
    "accuracy of texts": (texts, labels.accuracy_of),
    "macro F1": (classes, label_sets.macro_f1_of),
    "BLEU": (translated, translation.bleu_of),
}


# -- the parts


def judged(first: Array, second: Array, statistic: Callable[[Array], Array], seed: int | None) -> dict[str, float]:
    """p, low and high of ``significance.paired``; with a ``seed`` of the resampling that is not its own."""
    if seed is None:
        return significance.paired(first, second, statistic)
    totals = significance.resampled(np.concatenate([first, second], axis=1), seed=seed)
    width = first.shape[1]
    low, high = np.quantile(statistic(totals[:, :width]) - statistic(totals[:, width:]), [LEVEL / 2, 1 - LEVEL / 2])
    return {
        "low": float(low),
        "high": float(high),
        "p": significance.paired_permutation(second, first, statistic, seed=seed + 1),
    }


def rates(args: argparse.Namespace) -> dict[str, Any]:
    found, body = [], []
    for name in args.only:
        draw, statistic = KINDS[name]
        for rows in args.rows:
            random = np.random.default_rng(args.seed)
            low_p = outside = 0
            scores = np.empty((2, args.comparisons))
            began = time.process_time()
            for number in range(args.comparisons):
                pair = draw(random, rows)
                one = judged(*pair, statistic, 2 * number if args.fresh else None)
                low_p += one["p"] < LEVEL
                outside += not one["low"] <= 0 <= one["high"]
                scores[:, number] = statistic(np.stack([counts.sum(0) for counts in pair]))
            seconds = time.process_time() - began
            shares = {
                "p": low_p / args.comparisons,
                "interval": outside / args.comparisons,
                "r": float(np.corrcoef(scores)[0, 1]),
            }
            found.append({"kind": name, "rows": rows, **shares, "cpu_seconds": seconds})
            body.append([name, str(rows), *(f"{value:.3f}" for value in shares.values()), f"{seconds:.0f}"])
    head = ["equal systems", "rows", "p < .05", "0 outside", "r", "CPU s"]
    show(args, f"false positives in {args.comparisons} comparisons", head, body)
    return {"rates": found}


def speed(args: argparse.Namespace) -> dict[str, Any]:
    random = np.random.default_rng(args.seed)
    tags = np.array(["O", "O", "O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
    gold = [tags[random.integers(0, len(tags), size)].tolist() for size in random.integers(5, 40, args.rows)]
    guesses = [
        [[tag if keep else "O" for tag, keep in zip(row, random.random(len(row)) < share, strict=True)] for row in gold]
        for share in (0.9, 0.88)
    ]
    first, second = (spans.row_counts(gold, guess) for guess in guesses)
    parts: dict[str, Callable[[], Any]] = {
        "counts from tags": lambda: spans.row_counts(gold, guesses[0]),
        "interval": lambda: significance.interval(first, spans.f1_of),
        "p value": lambda: significance.paired_permutation(first, second, spans.f1_of),
        "difference, interval and p": lambda: significance.paired(first, second, spans.f1_of),
    }
    found = {}
    for name, work in parts.items():
        times = []
        for _ in range(args.rounds):
            began = time.process_time()
            work()
            times.append(time.process_time() - began)
        found[name] = min(times)
    title = f"span F1 of {args.rows} sentences, {significance.RESAMPLES} resamples"
    show(args, title, ["part", "CPU s"], [[name, f"{seconds:.3f}"] for name, seconds in found.items()])
    return {"cpu_seconds": found}


if __name__ == "__main__":
    main()
