"""Models that write a text for a text: an LSTM with attention, and those of transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from nlpkit.config.recipe import RnnScratch, TransformerScratch
from nlpkit.engine.joint import Joint

KIND = "nlpkit-rnn"


class Written:
    """The logits of all places of all targets."""

    def __init__(self, logits: torch.Tensor) -> None:
        self.logits = logits


class AttentionRnn(nn.Module):
    """A bidirectional LSTM reads, an LSTM writes and looks at what was read (Luong et al., 2015).

    The query is the state of the first layer; the second layer, which has one more LSTM, sees what was found, so that
    it can keep count of what was written without feeding outputs back, and a target is learned in one pass.
    """

    reads = "pairs"

    def __init__(self, spec: RnnScratch, size: int, pad: int) -> None:
        super().__init__()
        self.spec, self.size, self.pad = spec, size, pad
        width, state = spec.embedding, spec.state
        self.embedding = nn.Embedding(size, width, padding_idx=pad)
        self.encoder = nn.LSTM(
            width, state, spec.layers, batch_first=True, bidirectional=True,
            dropout=spec.dropout if spec.layers > 1 else 0.0,
        )  # fmt: skip
        self.first = nn.LSTM(width, state, batch_first=True)
        self.second = nn.LSTM(3 * state, state, spec.layers, batch_first=True)
        self.begin = nn.Linear(2 * state, 2 * state)
        self.keys = nn.Linear(2 * state, state, bias=False)
        self.out = nn.Linear(3 * state, width)
        self.bias = nn.Parameter(torch.zeros(size))
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        with torch.no_grad():
            self.embedding.weight[pad] = 0
            for name, weight in [*self.encoder.named_parameters(), *self.first.named_parameters()]:
                if "bias_hh" in name:  # open forget gates
                    weight[state : 2 * state] = 1.0

    @property
    def device(self) -> torch.device:
        return self.bias.device

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, decoder_input_ids: torch.Tensor
    ) -> Written:
        """(rows, source), (rows, source), (rows, target) -> logits (rows, target, pieces)."""
        memory, keys, state = self.read(input_ids, attention_mask)
        first, _ = self.first(self._drop(self.embedding(decoder_input_ids)), state)
        found = self._look(first, keys, memory, attention_mask)
        second, _ = self.second(self._drop(torch.cat([first, found], -1)))
        return Written(self._write(second, found))

    def read(
        self, ids: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        """What was read, (rows, source, 2 x state), its keys, and the state that writing begins with."""
        packed = nn.utils.rnn.pack_padded_sequence(
            self._drop(self.embedding(ids)), mask.sum(1).cpu(), batch_first=True, enforce_sorted=False
        )
        found, (last, _) = self.encoder(packed)
        memory, _ = nn.utils.rnn.pad_packed_sequence(found, batch_first=True, total_length=ids.shape[1])
        hidden, cell = self.begin(torch.cat([last[-2], last[-1]], -1)).chunk(2, -1)
        memory = self._drop(memory)
        return memory, self.keys(memory), (hidden.tanh()[None], cell.tanh()[None])

    def _look(
        self, queries: torch.Tensor, keys: torch.Tensor, memory: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        scores = queries @ keys.transpose(1, 2) * self.spec.state**-0.5
        scores = scores.masked_fill(mask[:, None] == 0, torch.finfo(scores.dtype).min)
        found: torch.Tensor = scores.softmax(-1) @ memory
        return found

    def _write(self, state: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
        out = self._drop(torch.tanh(self.out(torch.cat([state, found], -1))))
        return nn.functional.linear(out, self.embedding.weight, self.bias)

    def _drop(self, x: torch.Tensor) -> torch.Tensor:
        """Dropout with one mask a row, the same at all its places (Gal and Ghahramani, 2016)."""
        if not self.training or not self.spec.dropout:
            return x
        keep = 1 - self.spec.dropout
        return x * torch.empty(x.shape[0], 1, x.shape[2], device=x.device).bernoulli_(keep).div_(keep).to(x.dtype)

    def open(self, ids: torch.Tensor, mask: torch.Tensor, count: int) -> _RnnState:
        return _RnnState(self, ids, mask, count)

    def save(self, folder: Path) -> None:
        kind = torch.float16 if self.spec.half else torch.float32
        tensors = {name: tensor.to(kind).contiguous() for name, tensor in self.state_dict().items()}
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        facts = {"model_type": KIND, "size": self.size, "pad": self.pad, "spec": self.spec.model_dump(mode="json")}
        (folder / "config.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


class _RnnState:
    """``count`` hypotheses of each row while it is written; what was read is kept once a row."""

    def __init__(self, model: AttentionRnn, ids: torch.Tensor, mask: torch.Tensor, count: int) -> None:
        self.model, self.count, self.mask = model, count, mask
        self.memory, self.keys, (hidden, cell) = model.read(ids, mask)
        self.first = hidden.repeat_interleave(count, 1), cell.repeat_interleave(count, 1)
        layers, size = model.second.num_layers, len(ids) * count
        zeros = hidden.new_zeros(layers, size, hidden.shape[2])
        self.second = zeros, zeros

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits (hypotheses, pieces) after one more token each."""
        model, rows = self.model, len(self.memory)
        state, self.first = model.first(model.embedding(tokens)[:, None], self.first)
        queries = state.view(rows, self.count, -1)
        found = model._look(queries, self.keys, self.memory, self.mask).reshape(len(tokens), 1, -1)
        second, self.second = model.second(torch.cat([state, found], -1), self.second)
        return model._write(second, found)[:, 0]

    def select(self, hypotheses: torch.Tensor, rows: torch.Tensor | None) -> None:
        """Go on with these hypotheses, of these rows where some are done."""
        self.first = self.first[0][:, hypotheses], self.first[1][:, hypotheses]
        self.second = self.second[0][:, hypotheses], self.second[1][:, hypotheses]
        if rows is not None:
            self.memory, self.keys, self.mask = self.memory[rows], self.keys[rows], self.mask[rows]


def rnn_of(config: dict[str, Any]) -> AttentionRnn:
    """The model that a config.json describes, with random weights."""
    return AttentionRnn(RnnScratch.model_validate(config["spec"]), int(config["size"]), int(config["pad"]))


class Stock(nn.Module):
    """An encoder-decoder of transformers."""

    reads = "pairs"

    def __init__(self, hf: Any, *, half: bool = False) -> None:
        super().__init__()
        self.hf, self.half_stored = hf, half
        self.base_model_prefix = "hf"
        self.computed = {f"hf.{name}" for name in hf._keys_to_ignore_on_save or ()}  # Marian's places
        pad = hf.config.pad_token_id
        # no piece of Marian's, so that CTranslate2 leaves it out: else it would share in the probabilities
        self.never = pad if hf.config.model_type == "marian" else None
        shared = hf.get_input_embeddings().weight
        if pad is not None and hf.get_output_embeddings().weight is shared:
            # CTranslate2 begins with a zero vector where Marian begins with <pad>: that row must stay as it is
            shared.register_hook(lambda grad: grad.index_fill(0, torch.tensor([pad], device=grad.device), 0))

    @property
    def device(self) -> torch.device:
        found: torch.device = self.hf.device
        return found

    @property
    def config(self) -> Any:
        return self.hf.config

    def get_input_embeddings(self) -> nn.ModuleList:
        """Of both sides, which share one table in most models."""
        return nn.ModuleList(side.get_input_embeddings() for side in (self.hf.get_encoder(), self.hf.get_decoder()))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, decoder_input_ids: torch.Tensor) -> Any:
        """(rows, source), (rows, source), (rows, target) -> logits (rows, target, pieces)."""
        found = self.hf(
            input_ids=input_ids, attention_mask=attention_mask, decoder_input_ids=decoder_input_ids, use_cache=False
        )
        if not self.training and self.never is not None:
            found.logits[..., self.never] = -torch.inf
        return found

    def open(self, ids: torch.Tensor, mask: torch.Tensor, count: int) -> _StockState:
        return _StockState(self, ids, mask, count)

    def save(self, folder: Path) -> None:
        state = self.hf.state_dict()
        if self.half_stored:
            halves = {tensor.data_ptr(): tensor.half() for tensor in state.values()}  # what is tied stays one
            state = {name: halves[tensor.data_ptr()] for name, tensor in state.items()}
        self.hf.save_pretrained(folder, state_dict=state)


class _StockState:
    """``count`` hypotheses of each row while it is written."""

    def __init__(self, model: Stock, ids: torch.Tensor, mask: torch.Tensor, count: int) -> None:
        from transformers.cache_utils import DynamicCache, EncoderDecoderCache

        self.hf, self.never = model.hf, model.never
        self.mask = mask.repeat_interleave(count, 0)
        found = self.hf.get_encoder()(input_ids=ids, attention_mask=mask, return_dict=True)
        found.last_hidden_state = found.last_hidden_state.repeat_interleave(count, 0)
        self.memory = found
        config = self.hf.config
        self.cache = EncoderDecoderCache(DynamicCache(config=config), DynamicCache(config=config))

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits (hypotheses, pieces) after one more token each."""
        found = self.hf(
            encoder_outputs=self.memory, attention_mask=self.mask, decoder_input_ids=tokens[:, None],
            past_key_values=self.cache, use_cache=True,
        )  # fmt: skip
        logits: torch.Tensor = found.logits[:, -1].float()
        if self.never is not None:
            logits[:, self.never] = -torch.inf
        return logits

    def select(self, hypotheses: torch.Tensor, rows: torch.Tensor | None) -> None:
        """Go on with these hypotheses, of these rows where some are done."""
        self.cache.self_attention_cache.reorder_cache(hypotheses)
        if rows is not None:  # else hypotheses changed places within their rows, which have read the same
            self.cache.cross_attention_cache.reorder_cache(hypotheses)
            self.mask = self.mask[hypotheses]
            self.memory.last_hidden_state = self.memory.last_hidden_state[hypotheses]


def transformer(spec: TransformerScratch, pieces: Joint, longest: int, seed: int) -> Stock:
    """A Transformer of the given size with random weights, as Marian builds it: shared embeddings, norm after."""
    from transformers import MarianConfig, MarianMTModel

    wide = spec.intermediate or 4 * spec.hidden
    torch.manual_seed(seed)
    config = MarianConfig(
        vocab_size=len(pieces), decoder_vocab_size=len(pieces), d_model=spec.hidden, scale_embedding=True,
        encoder_layers=spec.layers, decoder_layers=spec.decoder_layers or spec.layers,
        encoder_attention_heads=spec.heads, decoder_attention_heads=spec.heads,
        encoder_ffn_dim=wide, decoder_ffn_dim=wide, activation_function="relu",
        dropout=spec.dropout, attention_dropout=spec.dropout / 2, activation_dropout=spec.dropout / 2,
        max_position_embeddings=longest, pad_token_id=pieces.pad, eos_token_id=pieces.end,
        decoder_start_token_id=pieces.pad, forced_eos_token_id=None, bos_token_id=None,
    )  # fmt: skip
    model = MarianMTModel(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "embed_positions" in name:
                continue
            if name.endswith("shared.weight"):
                nn.init.normal_(weight, std=spec.hidden**-0.5)
                weight[pieces.pad] = 0
            elif weight.ndim > 1:
                nn.init.xavier_uniform_(weight)
    return Stock(model, half=spec.half)
