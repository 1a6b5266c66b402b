"""How ``Ngrams`` learn: n-grams are counted, then scikit-learn's logistic regression tells each label from the rest."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from nlpkit.config.recipe import NgramScratch
from nlpkit.engine.ngrams import Array, Counter, Ngrams, chunks, clean
from nlpkit.errors import InputError, counted

_TRIED = 20_000  # texts in the parts held out
_PRIOR = 0.3  # added to what naive Bayes counts


def train(
    spec: NgramScratch,
    labels: Sequence[str],
    texts: Sequence[str],
    wanted: Array,
    *,
    seed: int,
    say: Callable[[str], None],
    tick: Callable[[int, int, str], None],
    poll: Callable[[], None],
) -> tuple[Ngrams, Array, Array]:
    """Learn from texts and ``wanted`` (texts, labels) of 0 and 1.

    Returns the model, the numbers of (at most 20,000) texts, and for those (texts, labels) the logits of models that
    did not learn from them: what calibration and thresholds are chosen on.
    """
    counts = _counts(spec, texts, poll)
    say(f"{counts.shape[0]:,} texts, {counts.nnz:,} n-grams counted")
    if np.bincount(counts.indices, minlength=1).max() < spec.least:
        raise InputError(f"no n-gram stands in {counted(spec.least, 'training text')}", "model.scratch.least=1")
    kept = np.random.default_rng(seed).permutation(len(texts))[:_TRIED]
    kept.sort()
    fold = _folds(wanted[kept], spec.folds, seed)
    held_out = np.zeros((len(kept), len(labels)))
    rounds = spec.folds + 1
    for number in range(spec.folds):
        learned, tried = kept[fold != number], kept[fold == number]
        tick(number, rounds, "held-out parts")
        slots, idf, weights, bias = _fit(spec, counts[learned], wanted[learned], poll)
        held_out[fold == number] = _logits(counts[tried], slots, idf, weights, bias, spec)
    tick(spec.folds, rounds, "all texts")
    slots, idf, weights, bias = _fit(spec, counts, wanted, poll)
    tick(rounds, rounds, "all texts")
    return Ngrams(spec, labels, slots, idf, weights, bias), kept, held_out


def _counts(spec: NgramScratch, texts: Sequence[str], poll: Callable[[], None]) -> Any:
    """(texts, 2 x buckets) how often each n-gram stands in each text."""
    counter = Counter(spec)
    owners, slots, counts = [], [], []
    for first, part in chunks([clean(text) for text in texts]):
        poll()
        grams = counter(part)
        owners.append((grams.segment >> 1).astype(np.int32) + first)
        slots.append(grams.slot.astype(np.int32))
        counts.append(np.minimum(grams.count, 65535).astype(np.float32))
    edges = np.zeros(len(texts) + 1, np.int64)
    if owners:
        np.cumsum(np.bincount(np.concatenate(owners), minlength=len(texts)), out=edges[1:])
    shape = (len(texts), 2 * spec.buckets)
    joined = [np.concatenate(part) if part else np.zeros(0, np.int32) for part in (counts, slots)]
    return sparse.csr_matrix((joined[0], joined[1], edges), shape=shape)


def _folds(wanted: Array, count: int, seed: int) -> Array:
    """The part of each text, so that the labels (and sets of labels) are spread evenly."""
    random = np.random.default_rng(seed)
    _, group = np.unique(wanted, axis=0, return_inverse=True)
    fold = np.zeros(len(wanted), np.int64)
    at = 0
    for number in range(group.max() + 1):
        rows = random.permutation(np.flatnonzero(group == number))
        fold[rows] = (np.arange(len(rows)) + at) % count
        at += len(rows)
    return fold


def _scaled(counts: Any, slots: Array, idf: Array, spec: NgramScratch) -> Any:
    """TF-IDF of the n-grams at ``slots``; words and characters each scaled to length 1."""
    found = counts[:, slots].astype(np.float64)
    found.data = 1 + np.log(found.data)
    found = found.multiply(idf).tocsr()
    border = np.searchsorted(slots, spec.buckets)
    parts = []
    for part in (found[:, :border], found[:, border:]):
        norm = np.sqrt(np.asarray(part.multiply(part).sum(1)).ravel())
        parts.append(sparse.diags(1 / np.where(norm > 0, norm, 1)) @ part)
    return sparse.hstack(parts).tocsr()


def _fit(spec: NgramScratch, counts: Any, wanted: Array, poll: Callable[[], None]) -> tuple[Array, Array, Array, Array]:
    """(slots, IDF, (slots, labels) weights, (labels) bias) of the model that the texts teach."""
    texts = counts.shape[0]
    df = np.bincount(counts.indices, minlength=counts.shape[1])
    slots = np.flatnonzero(df >= spec.least)
    idf = np.log((1 + texts) / (1 + df[slots])) + 1
    weights = np.zeros((len(slots), wanted.shape[1]), np.float32)
    bias = np.zeros(wanted.shape[1], np.float32)
    if not len(slots):
        return slots, idf, weights, bias
    values = _scaled(counts, slots, idf, spec)
    exclusive = wanted.shape[1] == 2 and bool((wanted.sum(1) == 1).all())
    for label in range(wanted.shape[1]):
        poll()
        if exclusive and label == 1:  # the other side of the same question
            weights[:, 1], bias[1] = -weights[:, 0], -bias[0]
            break
        weights[:, label], bias[label] = _told_apart(spec, values, wanted[:, label] > 0)
    return slots, idf, weights, bias


def _told_apart(spec: NgramScratch, values: Any, right: Array) -> tuple[Array, float]:
    """Weights and bias of the regression, plus those on n-grams scaled by naive Bayes (Wang and Manning, 2012).

    Both are linear in the same values, so their weighted mean is one linear model.
    """
    if right.all() or not right.any():
        return np.zeros(values.shape[1]), 10.0 if right.all() else -10.0
    weights, bias = _regression(values, right, spec)
    if not spec.bayes:
        return weights, bias
    here, there = (np.asarray(values[rows].sum(0)).ravel() + _PRIOR for rows in (right, ~right))
    ratio = np.log(here / here.sum()) - np.log(there / there.sum())
    more, shift = _regression((values @ sparse.diags(ratio)).tocsr(), right, spec)
    total = 1 + spec.bayes
    return (weights + spec.bayes * ratio * more) / total, (bias + spec.bayes * shift) / total


def _regression(values: Any, right: Array, spec: NgramScratch) -> tuple[Array, float]:
    model = LogisticRegression(
        C=spec.strength,
        class_weight="balanced" if spec.class_weights == "balanced" else None,
        solver="liblinear",
        dual=True,  # on sparse text several times as fast as the primal
        tol=1e-2,
        max_iter=1000,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(values, right)
    return model.coef_[0], float(model.intercept_[0])


def _logits(counts: Any, slots: Array, idf: Array, weights: Array, bias: Array, spec: NgramScratch) -> Array:
    if not len(slots):
        return np.tile(bias, (counts.shape[0], 1))
    return np.asarray(_scaled(counts, slots, idf, spec) @ weights.astype(np.float64)) + bias
