"""A BiLSTM from random weights, small enough for a laptop: a CRF tagger, or a classifier of texts.

The tagger is that of Huang et al. (2015) and Ma and Hovy (2016), the classifier pools by attention (Yang et al., 2016).

A word is a block of numbers of fixed width: form, affixes and shape as entries of a vocabulary, then its characters.
To the rest of the engine a block is what sub-words are elsewhere, so batches, windows and checkpoints are the same.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from nlpkit.config.recipe import BilstmScratch
from nlpkit.data.rows import SEPARATOR
from nlpkit.engine.crf import Crf
from nlpkit.engine.pooling import AttentionPooling
from nlpkit.errors import InputError
from nlpkit.text.normalize import bare, nfc, shape
from nlpkit.text.tokens import words as words_of

PAD, UNKNOWN = 0, 1
FILE = "features.json"
MODEL_TYPE = "nlpkit-bilstm"
ATTRIBUTES = ("form", "lower", "bare", "prefix2", "prefix3", "suffix1", "suffix2", "suffix3", "suffix4", "shape")
_LEXICAL = 3  # the first attributes name the word itself; they are dropped together in training
_HEAD, _TAIL = 12, 8  # characters kept of a long word


def attributes(word: str) -> list[str]:
    """The ten attributes of a word, in the order of ``ATTRIBUTES``."""
    low = word.lower()
    return [word, low, bare(low), low[:2], low[:3], low[-1:], low[-2:], low[-3:], low[-4:], shape(word)]


def cut(texts: Sequence[str]) -> list[str]:
    """The words of a text, or of a pair with a separator between them."""
    found: list[str] = []
    for number, text in enumerate(texts):
        found += [SEPARATOR] if number else []
        found += [nfc(text[start:end]) for start, end in words_of(text)]
    return found


class Words:
    """The vocabulary: words in, blocks of numbers out. Stands where a sub-word tokenizer stands elsewhere."""

    width = len(ATTRIBUTES) + 1 + _HEAD + _TAIL  # attributes, vector, characters

    def __init__(
        self, entries: list[list[str]], chars: list[str], vectors: Sequence[str] = (), dimensions: int = 0
    ) -> None:
        self.entries, self.chars = entries, chars
        self.vectors, self.dimensions = list(vectors), dimensions  # the words that have a vector, and its length
        self.prefix: list[int] = []
        self.suffix: list[int] = []
        self.pad = PAD
        self.types = False
        self._known: list[dict[str, int]] = []
        start = 2
        for names in entries:
            self._known.append({name: start + number for number, name in enumerate(names)})
            start += len(names)
        self.size = start
        self._vectors = {word: 2 + number for number, word in enumerate(self.vectors)}
        self._chars = {char: 2 + number for number, char in enumerate(chars)}
        self._memory: dict[str, list[int]] = {}
        self.between = self._block(SEPARATOR)

    @classmethod
    def learn(
        cls, rows: Iterable[Sequence[str]], vectors: Sequence[str] = (), dimensions: int = 0, least: int = 2
    ) -> Words:
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
            vectors,
            dimensions,
        )

    def pieces(self, rows: Sequence[Sequence[str]]) -> list[list[list[int]]]:
        """The block of every word of every row."""
        return [[self._block(word) for word in row] for row in rows]

    def texts(self, texts: Sequence[str]) -> list[list[int]]:
        """The blocks of the words of whole texts, one after the other."""
        return [[number for word in cut([text]) for number in self._block(word)] for text in texts]

    def _block(self, word: str) -> list[int]:
        found = self._memory.get(word)
        if found is None:
            found = [known.get(value, UNKNOWN) for known, value in zip(self._known, attributes(word), strict=True)]
            found.append(self._vectors.get(word) or self._vectors.get(word.lower(), UNKNOWN if self.vectors else PAD))
            kept = word if len(word) <= _HEAD + _TAIL else word[:_HEAD] + word[-_TAIL:]
            found += [self._chars.get(char, UNKNOWN) for char in kept] + [PAD] * (_HEAD + _TAIL - len(kept))
            if len(self._memory) < 100_000:  # memory stays bounded on a stream
                self._memory[word] = found
        return found

    def save(self, folder: Path) -> None:
        data: dict[str, Any] = {"attributes": dict(zip(ATTRIBUTES, self.entries, strict=True)), "chars": self.chars}
        if self.vectors:
            data |= {"vectors": self.vectors, "dimensions": self.dimensions}
        (folder / FILE).write_text(json.dumps(data, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Words:
        try:
            data = json.loads((folder / FILE).read_text(encoding="utf-8"))
            entries = [data["attributes"][name] for name in ATTRIBUTES]
            return cls(entries, data["chars"], data.get("vectors", ()), data.get("dimensions", 0))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"`{folder / FILE}` is damaged: {error}", "copy or train the model again") from None


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


# (how far away, which attribute): what the linear reader sees of a word and its neighbors
_SLOTS = (
    *((0, at) for at in range(len(ATTRIBUTES))),
    *((step, ATTRIBUTES.index(name)) for step in (-1, 1) for name in ("lower", "prefix3", "suffix3", "shape")),
    *((step, ATTRIBUTES.index(name)) for step in (-2, 2) for name in ("lower", "shape")),
)
_PAIRS = tuple((ATTRIBUTES.index(name), step) for name in ("lower", "shape") for step in (-1, 1))


class LinearReader(nn.Module):
    """Scores of labels as sums over the attributes of a word, its neighbors and pairs of them: a classical CRF's view.

    Pairs are hashed into ``buckets`` (Weinberger et al., 2009).
    """

    def __init__(self, sizes: Sequence[int], labels: int, buckets: int, dropout: float) -> None:
        super().__init__()
        self.sizes, self.buckets, self.dropout = list(sizes), buckets, dropout
        self.first = [2 + sum(self.sizes[:at]) for at in range(len(self.sizes))]  # where an attribute's entries begin
        self.base = [0]
        for _, at in _SLOTS:
            self.base.append(self.base[-1] + self.sizes[at] + 2)
        pairs = len(_PAIRS) if buckets else 0
        self.table = nn.Embedding(self.base[-1] + pairs * buckets, labels)
        nn.init.zeros_(self.table.weight)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """(rows, words, labels) from (rows, words, attributes)."""
        rows, words, _ = ids.shape
        wide = nn.functional.pad(ids, (0, 0, 2, 2))  # beyond a row all is PAD
        seen = []
        for number, (step, at) in enumerate(_SLOTS):
            entry = wide[:, 2 + step : 2 + step + words, at]
            seen.append(torch.where(entry > UNKNOWN, entry - self.first[at] + 2, entry) + self.base[number])
        for number, (at, step) in enumerate(_PAIRS if self.buckets else ()):
            here, there = wide[:, 2 : 2 + words, at], wide[:, 2 + step : 2 + step + words, at]
            mixed = (here * 1_000_003 + there * 7_919 + here * there) % self.buckets
            seen.append(mixed + self.base[-1] + number * self.buckets)
        found: torch.Tensor = self.table(torch.stack(seen, 2))
        if self.training and self.dropout:
            keep = torch.rand(rows, words, len(seen), 1, device=ids.device) > self.dropout
            found = found * keep / (1 - self.dropout)
        return found.sum(2)


class Reader(nn.Module):
    """Blocks of words through a BiLSTM; what follows is up to the classes below.

    In those two readers are trained in the same steps: the BiLSTM, and a linear one (``LinearReader``) unless the
    recipe leaves it out. They answer together: their scores are averaged (a product of experts; Hinton, 2002).
    """

    multi_label = False

    def __init__(self, spec: BilstmScratch, words: Words, labels: Sequence[str]) -> None:
        super().__init__()
        self.labels = list(labels)
        self.spec = spec
        self.attributes = nn.Embedding(words.size, spec.attribute, padding_idx=PAD)
        self.chars = nn.Embedding(len(words.chars) + 2, spec.char, padding_idx=PAD)
        self.char_cnn = nn.Conv1d(spec.char, spec.char_filters, 3, padding=1)
        inner = spec.attribute * len(ATTRIBUTES) + spec.char_filters
        if words.vectors:
            self.vectors = nn.Embedding(len(words.vectors) + 2, words.dimensions, padding_idx=PAD)
            nn.init.zeros_(self.vectors.weight)  # and so it stays for words without a vector
            self.vectors.weight.requires_grad_(False)
            inner += words.dimensions
        self.mix = nn.Sequential(nn.Linear(inner, spec.hidden), nn.GELU(), nn.LayerNorm(spec.hidden))
        self.dropout = LockedDropout(spec.dropout)
        self.lstm = nn.ModuleList(
            nn.LSTM(spec.hidden if layer == 0 else 2 * spec.state, spec.state, bidirectional=True, batch_first=True)
            for layer in range(spec.layers)
        )

    def _draw(self) -> None:
        """Draw the embeddings anew, once all layers are made."""
        nn.init.normal_(self.attributes.weight, std=0.1)
        nn.init.normal_(self.chars.weight, std=0.1)

    def _linear(self, words: Words) -> LinearReader:
        sizes = [len(entries) for entries in words.entries]
        return LinearReader(sizes, len(self.labels), self.spec.pair_buckets, self.spec.linear_dropout)

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

    def states(self, blocks: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(rows, words, 2 x state) of the LSTM from (rows, words, width) blocks, with dropout."""
        rows, words, _ = blocks.shape
        split = len(ATTRIBUTES)
        looked = self.attributes(self._hide(blocks[:, :, :split])).flatten(2)
        ids = blocks[:, :, split + 1 :].reshape(rows * words, -1)
        spelled = self.char_cnn(self.chars(ids).transpose(1, 2)).masked_fill((ids == PAD)[:, None], -1e4).amax(2)
        parts = [looked, torch.relu(spelled).view(rows, words, -1)]
        if hasattr(self, "vectors"):
            parts.append(self.vectors(blocks[:, :, split]))
        values = self.mix(torch.cat([self.dropout(part) for part in parts], 2))
        for layer in self.lstm:
            packed = nn.utils.rnn.pack_padded_sequence(
                self.dropout(values), lengths.cpu(), batch_first=True, enforce_sorted=False
            )
            values, _ = nn.utils.rnn.pad_packed_sequence(layer(packed)[0], batch_first=True, total_length=words)
        found: torch.Tensor = self.dropout(values)
        return found

    def _blocks(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """((rows, words, width), (rows) words a row)."""
        return input_ids.view(len(input_ids), -1, Words.width), attention_mask.sum(1) // Words.width

    def save(self, folder: Path) -> None:
        """config.json and model.safetensors, in fp16 where the recipe says so."""
        facts: dict[str, Any] = {
            "model_type": MODEL_TYPE,
            "spec": self.spec.model_dump(),
            "id2label": dict(enumerate(self.labels)),
        }
        if isinstance(self, BilstmText):
            facts |= {"reads": "texts", "multi_label": self.multi_label}
        (folder / "config.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        half = self.spec.half
        tensors = {
            name: (value.half() if half and value.is_floating_point() else value).contiguous()
            for name, value in self.state_dict().items()
        }
        save_file(tensors, folder / "model.safetensors")


class Bilstm(Reader):
    """Labels of words; each of the two readers has a CRF of its own."""

    own_loss = True

    def __init__(self, spec: BilstmScratch, words: Words, labels: Sequence[str]) -> None:
        super().__init__(spec, words, labels)
        self.score = nn.Linear(2 * self.spec.state, len(self.labels))
        self.crf = Crf(self.labels)
        if self.spec.linear:
            self.linear = self._linear(words)
            self.linear_crf = Crf(self.labels)
        self._draw()

    def emissions(self, blocks: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(rows, words, labels) scores of the BiLSTM from (rows, words, width) blocks."""
        found: torch.Tensor = self.score(self.states(blocks, lengths)).float()
        return found

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The loss of the rows' words that carry a label, summed over the readers."""
        blocks, lengths = self._blocks(input_ids, attention_mask)
        wanted = labels[:, :: Words.width]
        loss = self.crf.partial_loss(self.emissions(blocks, lengths), wanted, lengths)
        if self.spec.linear:
            scores = self.linear(blocks[:, :, : len(ATTRIBUTES)]).float()
            loss = loss + self.linear_crf.partial_loss(scores, wanted, lengths)
        return loss

    def _read(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, Crf]:
        """Scores (rows, words, labels) of both readers together, lengths, and a CRF with their moves."""
        blocks, lengths = self._blocks(input_ids, attention_mask)
        scores = self.emissions(blocks, lengths)
        if not self.spec.linear:
            return scores, lengths, self.crf
        both = Crf(self.labels).to(scores.device).requires_grad_(False)
        both.moves.data = (self.crf.moves.float() + self.linear_crf.moves.float()) / 2
        return (scores + self.linear(blocks[:, :, : len(ATTRIBUTES)]).float()) / 2, lengths, both

    def tag(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(rows, words x width) best labels and their marginal probabilities, at the first number of each block."""
        scores, lengths, crf = self._read(input_ids, attention_mask)
        labels = crf.best(scores, lengths)
        chance = crf.marginals(scores, lengths).gather(2, labels[:, :, None])[:, :, 0]
        return labels.repeat_interleave(Words.width, 1), chance.repeat_interleave(Words.width, 1)

    def nbest(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, count: int
    ) -> list[list[tuple[list[int], float]]]:
        """The best label sequences of each row with their probabilities, best first."""
        scores, lengths, crf = self._read(input_ids, attention_mask)
        return crf.nbest(scores, lengths, count)


class BilstmText(Reader):
    """Labels of texts: the states pooled by attention, and the mean of the linear reader's scores of the words."""

    reads = "texts"

    def __init__(self, spec: BilstmScratch, words: Words, labels: Sequence[str], *, multi_label: bool) -> None:
        super().__init__(spec, words, labels)
        self.multi_label, self.classes = multi_label, len(labels)
        self.pool = AttentionPooling(2 * self.spec.state)
        self.score = nn.Linear(2 * self.spec.state, len(self.labels))
        if self.spec.linear:
            self.linear = self._linear(words)
            self.bias = nn.Parameter(torch.zeros(len(self.labels)))
        self._draw()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        """``logits`` (rows, labels), and in ``parts`` those of each reader, which learn on their own."""
        blocks, lengths = self._blocks(input_ids, attention_mask)
        mask = torch.arange(blocks.shape[1], device=blocks.device) < lengths[:, None]
        own = self.score(self.pool(self.states(blocks, lengths), mask)).float()
        if not self.spec.linear:
            return SimpleNamespace(logits=own, parts=[own])
        scores = self.linear(blocks[:, :, : len(ATTRIBUTES)]).float() * mask[:, :, None]
        # divided by the root of the length: a long text has more to say, but repeats itself
        linear = scores.sum(1) / lengths[:, None].clamp(min=1).sqrt() + self.bias
        return SimpleNamespace(logits=(own + linear) / 2, parts=[own, linear])


def of_facts(facts: dict[str, Any], words: Words) -> Reader:
    """The model that config.json describes, without its weights."""
    labels = [facts["id2label"][str(number)] for number in range(len(facts["id2label"]))]
    spec = BilstmScratch.model_validate(facts["spec"])
    if facts.get("reads") == "texts":
        return BilstmText(spec, words, labels, multi_label=bool(facts["multi_label"]))
    return Bilstm(spec, words, labels)
