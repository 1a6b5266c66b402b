"""How ``Hashed`` learn: word frequencies are counted, vectors of n-grams trained, the best kept, confidence fitted.

The vectors learn alone; trained together with the frequencies they were no better, see
docs/decisions/0011-langid-engine.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from nlpkit.config.recipe import HashedScratch
from nlpkit.data.rows import TextRow
from nlpkit.engine.hashed import EPSILON, LABELS, Array, Confidence, Hashed, hashes, judged, pack
from nlpkit.errors import InputError, counted
from nlpkit.metrics.calibration import logistic
from nlpkit.text.units import units

_BATCH = 512
_BLOCK = 50_000
_LISTED = 1.25  # a list of the most frequent words covers about four fifths of a text
_LEAST_RATE = 0.02
_FEW = 100  # texts an epoch draws of a label with fewer rows, at most three times each


@dataclass
class _Corpus:
    """Rows as numbers: ``flat`` words, where each row begins and ends, its label; word lists with counts."""

    words: dict[str, int] = field(default_factory=dict)
    flat: Array = None
    start: Array = None
    end: Array = None
    label: Array = None
    lists: dict[int, tuple[Array, Array]] = field(default_factory=dict)  # label -> (words, counts)


def _read(rows: Sequence[TextRow], number: dict[str, int], poll: Callable[[], None]) -> _Corpus:
    corpus = _Corpus()
    flat: list[int] = []
    ends: list[int] = [0]
    labels: list[int] = []
    lists: dict[int, dict[int, float]] = {}
    known = corpus.words
    for row in rows:
        poll()
        label = number[row.label or ""]
        found = [known.setdefault(word, len(known)) for word in units(row.text)]
        if "count" in row.extra and found:
            counts = lists.setdefault(label, {})
            for word in found:
                counts[word] = counts.get(word, 0.0) + int(row.extra["count"])
        elif found and "count" not in row.extra:
            flat += found
            ends.append(len(flat))
            labels.append(label)
    corpus.flat, corpus.label = np.array(flat, np.int64), np.array(labels, np.int64)
    corpus.start, corpus.end = np.array(ends[:-1]), np.array(ends[1:])
    for label, counts in lists.items():
        corpus.lists[label] = (np.fromiter(counts, np.int64), np.fromiter(counts.values(), np.float64))
    return corpus


def train(
    spec: HashedScratch,
    labels: Sequence[str],
    rows: Sequence[TextRow],
    dev: Sequence[TextRow],
    *,
    seed: int,
    say: Callable[[str], None],
    tick: Callable[[int, int, str], None],
    poll: Callable[[], None],
) -> Hashed:
    """Learn from ``rows``; one with a ``count`` in its extra columns is a word of its label's frequency list.

    Confidence is fitted on ``dev`` and stays the softmax without it. The same rows and seed give the same model.
    """
    if len(labels) > LABELS:
        raise InputError(
            f"{len(labels)} labels; n-grams know at most {LABELS}", "fine-tune an encoder: model.base=FOLDER"
        )
    number = {label: at for at, label in enumerate(labels)}
    corpus = _read(rows, number, poll)
    some = {*corpus.label.tolist(), *corpus.lists}
    if bare := [label for label in labels if number[label] not in some]:
        raise InputError(f"the texts of `{bare[0]}` hold no word to learn from", "leave them out")
    listed = np.ones(len(labels), bool)
    listed[np.unique(corpus.label)] = False
    if listed.any():
        say(f"{counted(int(listed.sum()), 'label', 'have', of=len(labels))} a word list only")
    names = list(corpus.words)
    found = [hashes(names[at : at + _BLOCK], spec.buckets) for at in range(0, len(names), _BLOCK)]
    ids = np.concatenate([part[0].astype(np.int32) for part in found])
    counts = np.concatenate([part[1] for part in found])
    vectors = _Vectors(spec, len(labels), corpus, ids, counts, seed)
    kept, grams, V, bias = vectors.learn(say, tick, poll)
    usual = _usual(corpus, len(labels), vectors.counts, counts)
    frequencies = _frequencies(corpus, len(labels), np.concatenate([part[2] for part in found]), spec)
    model = Hashed(
        labels, spec.buckets, pack(spec.buckets, kept, grams, V, bias - spec.listed_prior * listed, frequencies, usual)
    )
    if dev:
        model.confidence = _confidence(model, dev, listed, seed)
    return model


def _frequencies(corpus: _Corpus, size: int, names: Array, spec: HashedScratch) -> tuple[Array, Array, Array, Array]:
    """What ``pack`` wants of words: log(1 + p(word | label) / epsilon) of the most frequent words of each label.

    Where a label has rows and a list, p is the mean of both.
    """
    owner = np.repeat(corpus.label, corpus.end - corpus.start)
    order, edges = _grouped(owner, size)
    words, owners, values = [], [], []
    for label in range(size):
        mine = corpus.flat[order[edges[label] : edges[label + 1]]]
        parts = []
        if len(mine):
            seen, times = _counted(mine)
            parts.append((seen, times / len(mine)))
        if label in corpus.lists:
            seen, times = corpus.lists[label]
            parts.append((seen, times / (times.sum() * _LISTED)))
        seen, inverse = _numbered(np.concatenate([part[0] for part in parts]))
        chance = np.bincount(inverse, np.concatenate([part[1] for part in parts])) / len(parts)
        most = spec.words if len(mine) else spec.listed_words
        best = np.lexsort((names[seen], -chance))[:most]  # ties by hash: the order of the rows changes nothing
        words.append(names[seen[best]])
        owners.append(np.full(len(best), label))
        values.append(np.log1p(chance[best] / EPSILON))
    hashed, label, value = np.concatenate(words), np.concatenate(owners), np.concatenate(values)
    order = np.lexsort((label, hashed))
    hashed, label, value = hashed[order], label[order], value[order]
    fresh = np.ones(len(hashed), bool)  # two words of a label with one hash are one
    fresh[1:] = (hashed[1:] != hashed[:-1]) | (label[1:] != label[:-1])
    hashed, label, value = hashed[fresh], label[fresh], value[fresh]
    distinct, first = np.unique(hashed, return_index=True)
    return distinct, np.append(first, len(hashed)), label, value.astype(np.float32)


def _grouped(labels: Array, size: int) -> tuple[Array, Array]:
    """Places in the order of their labels, and where each label begins (and the end)."""
    order: Array = np.argsort(labels, kind="stable")
    return order, np.searchsorted(labels[order], np.arange(size + 1))


def _numbered(numbers: Array) -> tuple[Array, Array]:
    return tuple(np.unique(numbers, return_inverse=True))


def _usual(corpus: _Corpus, size: int, kept: Array, counts: Array) -> Array:
    """(labels,) share of the n-grams of a label's words that were kept, in its rows, else in its list."""
    owner = np.repeat(corpus.label, corpus.end - corpus.start)
    some = np.bincount(owner, kept[corpus.flat], size)
    total = np.bincount(owner, counts[corpus.flat], size)
    for label, (words, times) in corpus.lists.items():
        if not total[label]:
            some[label], total[label] = (kept[words] * times).sum(), (counts[words] * times).sum()
    found: Array = some / np.maximum(1, total)
    return found


def _counted(numbers: Array) -> tuple[Array, Array]:
    return tuple(np.unique(numbers, return_counts=True))


class _Vectors:
    """The vectors of n-grams and the classifier, trained by Adagrad (Duchi et al., 2011), one rate a vector."""

    def __init__(self, spec: HashedScratch, size: int, corpus: _Corpus, ids: Array, counts: Array, seed: int) -> None:
        self.spec, self.size, self.corpus = spec, size, corpus
        self.random = np.random.default_rng(seed)
        self.torch = torch.Generator().manual_seed(seed)
        self._grams(ids, counts)
        wide = spec.dimensions
        self.W = torch.empty(spec.buckets, wide).uniform_(-1 / wide, 1 / wide, generator=self.torch)
        self.past = torch.full((spec.buckets,), 1e-6)
        self.V = torch.zeros(size, wide, requires_grad=True)
        self.b = torch.zeros(size, requires_grad=True)
        self.optimizer = torch.optim.Adagrad([self.V, self.b], lr=0.05, initial_accumulator_value=1e-6)
        self.drawn = torch.zeros(spec.buckets)
        order, edges = _grouped(corpus.label, size)
        self.rows = [order[edges[label] : edges[label + 1]] for label in range(size)]
        self.cumulated = {}
        for label, (words, times) in corpus.lists.items():
            shares = np.cumsum(times**0.9)
            self.cumulated[label] = (words, shares / shares[-1])

    def _grams(self, ids: Array, counts: Array) -> None:
        self.ids, self.counts = ids, counts
        self.first = np.concatenate([[0], np.cumsum(counts)])

    def epoch(self) -> tuple[Array, Array, Array, Array]:
        """(flat words, start, length, label) of the texts of an epoch, shuffled."""
        spec, random, corpus = self.spec, self.random, self.corpus
        chosen = []
        for mine in self.rows:
            have = len(mine)
            want = spec.draw if have >= spec.draw else min(spec.draw, max(have, min(3 * have, _FEW)))
            if want <= have:
                chosen.append(random.permutation(mine)[:want])
            elif have:
                chosen.append(np.concatenate([mine, mine[random.integers(0, have, want - have)]]))
        taken = np.concatenate(chosen) if chosen else np.zeros(0, np.int64)
        start, label = corpus.start[taken], corpus.label[taken]
        length = corpus.end[taken] - start
        size = np.where(
            random.random(len(taken)) < spec.crops,
            random.integers(1, 6, len(taken)),
            np.maximum(1, (length * random.uniform(0.5, 1, len(taken))).astype(np.int64)),
        )
        size = np.minimum(size, length)
        start = start + (random.random(len(taken)) * (length - size + 1)).astype(np.int64)
        flats, starts, sizes, owners = [corpus.flat], [start], [size], [label]
        at = len(corpus.flat)
        for owner, (words, cumulated) in self.cumulated.items():
            number = spec.pseudo // 2 if len(self.rows[owner]) else spec.pseudo
            lengths = np.where(
                random.random(number) < spec.crops, random.integers(1, 6, number), random.integers(5, 25, number)
            )
            flats.append(words[np.searchsorted(cumulated, random.random(int(lengths.sum())), side="right")])
            starts.append(at + np.cumsum(lengths) - lengths)
            sizes.append(lengths)
            owners.append(np.full(number, owner))
            at += int(lengths.sum())
        order = random.permutation(sum(map(len, sizes)))
        return (
            np.concatenate(flats),
            np.concatenate(starts)[order],
            np.concatenate(sizes)[order],
            np.concatenate(owners)[order],
        )

    def learn(
        self, say: Callable[[str], None], tick: Callable[[int, int, str], None], poll: Callable[[], None]
    ) -> tuple[Array, Array, Array, Array]:
        """(buckets kept, their vectors, V (dimensions, labels), bias)."""
        spec = self.spec
        passes = spec.epochs + spec.refine
        kept = torch.arange(spec.buckets)
        step = 0
        for number in range(passes):
            if number == spec.epochs:
                kept = self._prune()
            began = time.process_time()
            flat, start, length, label = self.epoch()
            steps = -(-len(start) // _BATCH)
            loss = 0.0
            for at in range(0, len(start), _BATCH):
                poll()
                part = slice(at, at + _BATCH)
                rate = max(_LEAST_RATE, 1 - step / (steps * passes))
                loss += self._step(flat, start[part], length[part], label[part], rate, count=number == 0)
                step += 1
                tick(step, steps * passes, f"loss {loss / (at + len(start[part])):.4f}")
            seconds = time.process_time() - began
            mean = loss / max(1, len(start))
            say(f"epoch {number + 1} of {passes}: loss {mean:.4f}, {len(start):,} texts, {seconds:.0f} CPU s")
        if not spec.refine:
            kept = self._prune()
        return kept.numpy(), self.W.numpy(), self.V.detach().numpy().T, self.b.detach().numpy()

    def _prune(self) -> torch.Tensor:
        """Keep the n-grams that are often met and far from zero; what is left out is no longer seen."""
        worth = self.W.norm(dim=1) * self.drawn.sqrt()
        kept = torch.topk(worth, min(self.spec.kept, len(worth))).indices.sort().values
        place = np.full(self.spec.buckets, -1, np.int32)
        place[kept.numpy()] = np.arange(len(kept), dtype=np.int32)
        moved = place[self.ids]
        owner = np.repeat(np.arange(len(self.counts)), self.counts)
        self._grams(moved[moved >= 0], np.bincount(owner[moved >= 0], minlength=len(self.counts)))
        self.W, self.past = self.W[kept].clone(), self.past[kept].clone()
        return kept

    def _step(self, flat: Array, start: Array, length: Array, label: Array, rate: float, *, count: bool) -> float:
        """One batch; returns the sum of its losses."""
        words = flat[np.repeat(start - (np.cumsum(length) - length), length) + np.arange(int(length.sum()))]
        distinct, inverse = _numbered(words)
        number = self.counts[distinct]
        places = np.repeat(self.first[distinct] - (np.cumsum(number) - number), number) + np.arange(int(number.sum()))
        ids = torch.from_numpy(self.ids[places].astype(np.int64))
        word = torch.from_numpy(np.repeat(np.arange(len(distinct)), number))
        if count:
            self.drawn.index_add_(0, ids, torch.ones(len(ids)))
        vectors = torch.zeros(len(distinct), self.spec.dimensions).index_add_(0, word, self.W[ids]).requires_grad_()
        seen = (torch.rand(len(words), generator=self.torch) >= self.spec.word_dropout).float()
        row = torch.from_numpy(np.repeat(np.arange(len(length)), length))
        at = torch.from_numpy(inverse)
        hidden = torch.zeros(len(length), self.spec.dimensions).index_add_(0, row, vectors[at] * seen[:, None])
        grams = torch.from_numpy(number.astype(np.float32))[at] * seen
        total = torch.zeros(len(length)).index_add_(0, row, grams).clamp(min=1)
        logits = hidden / total.sqrt()[:, None] @ self.V.T + self.b
        loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(label), reduction="sum")
        loss.backward()
        for group in self.optimizer.param_groups:
            group["lr"] = 0.05 * rate
        for weight in (self.V, self.b):
            assert weight.grad is not None
            weight.grad /= len(length)
        self.optimizer.step()
        self.optimizer.zero_grad()
        assert vectors.grad is not None
        slope = vectors.grad
        self.past.index_add_(0, ids, (slope * slope).mean(1)[word])
        self.W.index_add_(0, ids, slope[word] * (-self.spec.lr * rate / self.past[ids].sqrt())[:, None])
        return float(loss.detach())


def _confidence(model: Hashed, dev: Sequence[TextRow], listed: Array, seed: int) -> Confidence:
    """Fitted on dev texts, on a stretch of one to five words of each, and on what no label is right for.

    The last are texts whose own label may not be given (as if it had never been learned), texts whose letters were
    thrown together, and random letters.
    """
    random = np.random.default_rng(seed)
    number = {label: at for at, label in enumerate(model.labels)}
    texts = [(units(row.text), number.get(row.label or "", -1)) for row in dev]
    texts = [(words, label) for words, label in texts if words]
    # labels with a word list only are seldom among dev texts; together they count as much as the others
    few = sum(bool(label >= 0 and listed[label]) for _, label in texts)
    more = max(1.0, min(_MOST_WEIGHT, (len(texts) - few) / max(1, few)))
    seen: list[tuple[Array, Array, Array, bool]] = []  # features, right, weight, of a language that was learned

    def look(rows: list[list[str]], gold: Array, weight: float, *, known: bool = True, hidden: bool = False) -> None:
        for at in range(0, len(rows), 256):
            part, truth = rows[at : at + 256], gold[at : at + 256]
            logits, words = model.logits(model.number_words(part))
            if hidden:
                have = np.flatnonzero(truth >= 0)
                logits[have, truth[have]] = -np.inf
            best, chance, told = judged(logits)
            weights = np.where((truth >= 0) & listed[np.maximum(truth, 0)], weight * more, weight)[told]
            seen.append((model.features(words, len(part), best, chance)[told], (best == truth)[told], weights, known))

    gold = np.array([label for _, label in texts])
    whole = [words for words, _ in texts]
    crops = []
    for words in whole:
        size = min(len(words), int(random.integers(1, 6)))
        at = int(random.integers(0, len(words) - size + 1))
        crops.append(words[at : at + size])
    look(whole, gold, 1.0)
    look(crops, gold, 0.5)
    look(whole, gold, _UNKNOWN, known=False, hidden=True)
    look([_shaken(words, random) for words in whole], gold, _UNKNOWN, known=False)
    look([_random(words, random) for words in whole], gold, _NOISE, known=False)

    def fitted(parts: list[tuple[Array, Array, Array]]) -> tuple[float, ...]:
        features, target, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
        return logistic(features, target.astype(float), weights)

    return Confidence(
        fitted([(features, right, weight) for features, right, weight, known in seen if known]),
        fitted([(features, np.full(len(features), known), weight) for features, _, weight, known in seen]),
    )


_MOST_WEIGHT = 20.0
_UNKNOWN, _NOISE = 0.005, 1.0  # what unknown languages and noise count beside texts of known ones


def _random(words: list[str], random: np.random.Generator) -> list[str]:
    """One to eight words of random letters of the text, each letter as likely as another."""
    letters = sorted(set("".join(words)))
    return [
        "".join(letters[at] for at in random.integers(0, len(letters), int(random.integers(2, 12))))
        for _ in range(int(random.integers(1, 9)))
    ]


def _shaken(words: list[str], random: np.random.Generator) -> list[str]:
    letters = list("".join(words))
    random.shuffle(letters)
    found, at = [], 0
    for word in words:
        found.append("".join(letters[at : at + len(word)]))
        at += len(word)
    return found
