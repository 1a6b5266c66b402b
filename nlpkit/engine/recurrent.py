"""A BiLSTM-CRF tagger from random weights (Huang et al., 2015; Ma and Hovy, 2016), small enough for a laptop.

A word is a block of numbers of fixed width: form, affixes and shape as entries of a vocabulary, then its characters.
To the rest of the engine a block is what sub-words are elsewhere, so batches, windows and checkpoints are the same.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nlpkit.config.recipe import BilstmScratch
from nlpkit.errors import InputError
from nlpkit.text.normalize import nfc

PAD, UNKNOWN = 0, 1
FILE = "features.json"
ATTRIBUTES = ("form", "lower", "bare", "prefix2", "prefix3", "suffix1", "suffix2", "suffix3", "suffix4", "shape")
_LEXICAL = 3  # the first attributes name the word itself; they are dropped together in training
_HEAD, _TAIL = 12, 8  # characters kept of a long word


def _bare(text: str) -> str:
    """Without case and diacritics: what a hurried typist writes."""
    return "".join(char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))


def _shape(word: str) -> str:
    """``Dodoma2`` -> ``Xxd``: kinds of characters, runs made short."""
    kinds = [
        "X" if c.isupper() else "x" if c.isalpha() else "d" if c.isdigit() else "m" if unicodedata.combining(c) else c
        for c in word
    ]
    runs = [kind for at, kind in enumerate(kinds) if at == 0 or kinds[at - 1] != kind]
    return "".join(runs)[:8] + ("1" if len(word) == 1 else "")


def attributes(word: str) -> list[str]:
    """The ten attributes of a word, in the order of ``ATTRIBUTES``."""
    low = word.lower()
    return [word, low, _bare(low), low[:2], low[:3], low[-1:], low[-2:], low[-3:], low[-4:], _shape(word)]


class Words:
    """The vocabulary: words in, blocks of numbers out. Stands where a sub-word tokenizer stands elsewhere."""

    width = len(ATTRIBUTES) + _HEAD + _TAIL

    def __init__(self, entries: list[list[str]], chars: list[str]) -> None:
        self.entries, self.chars = entries, chars
        self.prefix: list[int] = []
        self.suffix: list[int] = []
        self.pad = PAD
        self._known: list[dict[str, int]] = []
        start = 2
        for names in entries:
            self._known.append({name: start + number for number, name in enumerate(names)})
            start += len(names)
        self.size = start
        self._chars = {char: 2 + number for number, char in enumerate(chars)}
        self._memory: dict[str, list[int]] = {}

    @classmethod
    def learn(cls, rows: Iterable[Sequence[str]], least: int = 2) -> Words:
        """Keep attributes and characters that stand at least ``least`` times in the training rows."""
        words = Counter(nfc(token) for row in rows for token in row)
        counts: list[Counter[str]] = [Counter() for _ in ATTRIBUTES]
        chars: Counter[str] = Counter()
        for word, count in words.items():
            for counter, value in zip(counts, attributes(word), strict=True):
                counter[value] += count
            for char in word:
                chars[char] += count
        return cls(
            [sorted(value for value, count in counter.items() if count >= least) for counter in counts],
            sorted(char for char, count in chars.items() if count >= least),
        )

    def pieces(self, rows: Sequence[Sequence[str]]) -> list[list[list[int]]]:
        """The block of every word of every row."""
        return [[self._block(word) for word in row] for row in rows]

    def _block(self, word: str) -> list[int]:
        found = self._memory.get(word)
        if found is None:
            found = [known.get(value, UNKNOWN) for known, value in zip(self._known, attributes(word), strict=True)]
            kept = word if len(word) <= _HEAD + _TAIL else word[:_HEAD] + word[-_TAIL:]
            found += [self._chars.get(char, UNKNOWN) for char in kept] + [PAD] * (_HEAD + _TAIL - len(kept))
            if len(self._memory) < 100_000:  # memory stays bounded on a stream
                self._memory[word] = found
        return found

    def save(self, folder: Path) -> None:
        data = {"attributes": dict(zip(ATTRIBUTES, self.entries, strict=True)), "chars": self.chars}
        (folder / FILE).write_text(json.dumps(data, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Words:
        try:
            data = json.loads((folder / FILE).read_text(encoding="utf-8"))
            return cls([data["attributes"][name] for name in ATTRIBUTES], data["chars"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"`{folder / FILE}` is damaged: {error}", "copy or train the model again") from None


def legal_moves(labels: Sequence[str]) -> torch.Tensor:
    """(labels + 1) x (labels + 1) booleans: may the column follow the row? Last stand start and end.

    I-X follows only B-X and I-X; labels that are no IOB2 tags follow each other freely.
    """
    size = len(labels)
    allowed = torch.ones(size + 1, size + 1, dtype=torch.bool)
    for number, label in enumerate(labels):
        if label.startswith("I-"):
            before = [other[:2] in ("B-", "I-") and other[2:] == label[2:] for other in labels]
            allowed[:, number] = torch.tensor([*before, False])
    return allowed


class Crf(nn.Module):
    """A linear-chain conditional random field (Lafferty et al., 2001) with illegal moves ruled out.

    Shapes: ``scores`` (rows, words, labels), ``lengths`` (rows).
    """

    def __init__(self, labels: Sequence[str]) -> None:
        super().__init__()
        size = len(labels)
        self.size = size
        self.moves = nn.Parameter(torch.zeros(size + 1, size + 1))
        self.register_buffer("illegal", (~legal_moves(labels)).float() * -1e4, persistent=False)

    def _table(self) -> torch.Tensor:
        return self.moves.float() + self.illegal

    def log_z(self, scores: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(rows) log of the sum over all label sequences: the forward algorithm."""
        table, size = self._table(), self.size
        alpha = table[size, :size] + scores[:, 0]
        for place in range(1, scores.shape[1]):
            step = torch.logsumexp(alpha[:, :, None] + table[:size, :size], 1) + scores[:, place]
            alpha = torch.where((place < lengths)[:, None], step, alpha)
        return torch.logsumexp(alpha + table[:size, size], 1)

    def path_score(self, scores: torch.Tensor, labels: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(rows) score of the given label sequences."""
        table, size = self._table(), self.size
        mask = torch.arange(scores.shape[1], device=scores.device)[None] < lengths[:, None]
        own = (scores.gather(2, labels[:, :, None])[:, :, 0] * mask).sum(1)
        steps = (table[labels[:, :-1], labels[:, 1:]] * mask[:, 1:]).sum(1)
        last = labels.gather(1, (lengths - 1)[:, None])[:, 0]
        return own + steps + table[size, labels[:, 0]] + table[last, size]

    def loss(self, scores: torch.Tensor, labels: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Negative log-likelihood, summed over rows."""
        return (self.log_z(scores, lengths) - self.path_score(scores, labels, lengths)).sum()

    def best(self, scores: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(rows, words) labels of the best sequence (Viterbi, 1967); 0 past the end."""
        table, size = self._table(), self.size
        rows, words = scores.shape[:2]
        alpha = table[size, :size] + scores[:, 0]
        back = []
        stay = torch.arange(size, device=scores.device).expand(rows, size)
        for place in range(1, words):
            value, source = (alpha[:, :, None] + table[:size, :size]).max(1)
            inside = (place < lengths)[:, None]
            alpha = torch.where(inside, value + scores[:, place], alpha)
            back.append(torch.where(inside, source, stay))
        label = (alpha + table[:size, size]).argmax(1)
        path = [label]
        for source in reversed(back):
            label = source.gather(1, label[:, None])[:, 0]
            path.append(label)
        found = torch.stack(path[::-1], 1)
        return found.masked_fill(torch.arange(words, device=scores.device)[None] >= lengths[:, None], 0)

    def marginals(self, scores: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(rows, words, labels) probability of each label at each word: the gradient of ``log_z``."""
        with torch.inference_mode(False), torch.enable_grad():
            leaf = scores.detach().clone().requires_grad_(True)
            (found,) = torch.autograd.grad(self.log_z(leaf, lengths).sum(), leaf)
        return found.detach()


class LockedDropout(nn.Module):
    """One mask for all words of a row (Gal and Ghahramani, 2016)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if not self.training or self.rate == 0:
            return values
        mask = torch.empty(values.shape[0], 1, values.shape[2], device=values.device).bernoulli_(1 - self.rate)
        return values * mask / (1 - self.rate)


class Bilstm(nn.Module):
    """Blocks of words (rows, words x width) to labels."""

    own_loss = True

    def __init__(self, spec: BilstmScratch, vocabulary: int, chars: int, labels: Sequence[str]) -> None:
        super().__init__()
        self.labels = list(labels)
        self.spec = spec
        self.attributes = nn.Embedding(vocabulary, spec.attribute, padding_idx=PAD)
        self.chars = nn.Embedding(chars + 2, spec.char, padding_idx=PAD)
        self.char_cnn = nn.Conv1d(spec.char, spec.char_filters, 3, padding=1)
        inner = spec.attribute * len(ATTRIBUTES) + spec.char_filters
        self.mix = nn.Sequential(nn.Linear(inner, spec.hidden), nn.GELU(), nn.LayerNorm(spec.hidden))
        self.dropout = LockedDropout(spec.dropout)
        self.lstm = nn.ModuleList(
            nn.LSTM(spec.hidden if layer == 0 else 2 * spec.state, spec.state, bidirectional=True, batch_first=True)
            for layer in range(spec.layers)
        )
        self.score = nn.Linear(2 * spec.state, len(labels))
        self.crf = Crf(labels)
        nn.init.normal_(self.attributes.weight, std=0.1)
        nn.init.normal_(self.chars.weight, std=0.1)

    @property
    def device(self) -> torch.device:
        return self.attributes.weight.device

    def _hide(self, ids: torch.Tensor) -> torch.Tensor:
        """In training some words and affixes are read as unknown: rare ones are then learned from their parts."""
        if not self.training:
            return ids
        rows, words, count = ids.shape
        drop = torch.rand(rows, words, count, device=ids.device) < self.spec.word_dropout / 4
        drop[:, :, :_LEXICAL] |= torch.rand(rows, words, 1, device=ids.device) < self.spec.word_dropout
        return ids.masked_fill(drop & (ids != PAD), UNKNOWN)

    def emissions(self, blocks: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(rows, words, labels) scores from (rows, words, width) blocks."""
        rows, words, _ = blocks.shape
        split = len(ATTRIBUTES)
        looked = self.attributes(self._hide(blocks[:, :, :split])).flatten(2)
        ids = blocks[:, :, split:].reshape(rows * words, -1)
        spelled = self.char_cnn(self.chars(ids).transpose(1, 2)).masked_fill((ids == PAD)[:, None], -1e4).amax(2)
        spelled = torch.relu(spelled).view(rows, words, -1)
        values = self.mix(torch.cat([self.dropout(looked), self.dropout(spelled)], 2))
        for layer in self.lstm:
            packed = nn.utils.rnn.pack_padded_sequence(
                self.dropout(values), lengths.cpu(), batch_first=True, enforce_sorted=False
            )
            values, _ = nn.utils.rnn.pad_packed_sequence(layer(packed)[0], batch_first=True, total_length=words)
        return self.score(self.dropout(values)).float()

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The summed loss of the rows' words that carry a label; scores without ``labels``."""
        blocks = input_ids.view(len(input_ids), -1, Words.width)
        lengths = attention_mask.sum(1) // Words.width
        scores = self.emissions(blocks, lengths)
        if labels is None:
            return scores
        wanted = labels[:, :: Words.width]
        known = wanted >= 0
        if bool((known.sum(1) == lengths).all()):
            return self.crf.loss(scores, wanted.clamp(min=0), lengths)
        return self._partial_loss(scores, wanted, lengths)  # a window holds words that another window answers for

    def _partial_loss(self, scores: torch.Tensor, wanted: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Likelihood of the known labels, summed over what the unknown ones may be (Tsuboi et al., 2008)."""
        size = scores.shape[2]
        other = torch.arange(size, device=scores.device)[None, None] != wanted[:, :, None]
        clamped = scores.masked_fill(other & (wanted >= 0)[:, :, None], -1e4)
        return (self.crf.log_z(scores, lengths) - self.crf.log_z(clamped, lengths)).sum()

    def tag(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(rows, words x width) best labels and their marginal probabilities, at the first number of each block."""
        scores = self(input_ids, attention_mask)
        lengths = attention_mask.sum(1) // Words.width
        labels = self.crf.best(scores, lengths)
        chance = self.crf.marginals(scores, lengths).gather(2, labels[:, :, None])[:, :, 0]
        return labels.repeat_interleave(Words.width, 1), chance.repeat_interleave(Words.width, 1)

    def facts(self) -> dict[str, Any]:
        """config.json of a bundle."""
        return {
            "model_type": "nlpkit-bilstm",
            "spec": self.spec.model_dump(),
            "vocabulary": self.attributes.num_embeddings,
            "chars": self.chars.num_embeddings - 2,
            "id2label": dict(enumerate(self.labels)),
        }

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Bilstm:
        labels = [facts["id2label"][str(number)] for number in range(len(facts["id2label"]))]
        return cls(BilstmScratch.model_validate(facts["spec"]), facts["vocabulary"], facts["chars"], labels)
