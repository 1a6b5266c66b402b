"""One training loop for all torch models, over Accelerate.

A stage is a list of optimizer steps planned beforehand, so progress is one integer; randomness is re-seeded from
(seed, step, rank), so a resumed run on a CPU computes the same bits. The data loader is not Accelerate's: it would
draw from the global generator and move the epoch (docs/decisions/0002).
"""

from __future__ import annotations

import gc
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from nlpkit.config.recipe import Stage
from nlpkit.data.features import IGNORE, Feature
from nlpkit.engine.batches import Step, collate, out_of_memory
from nlpkit.errors import RunError, counted

_CRF_RATE = 3e-3
_LAYER = re.compile(r"\.(?:layers?|h|block)\.(\d+)\.")


@dataclass(slots=True)
class StepInfo:
    """What happened in one optimizer step."""

    step: int
    loss: float
    lr: float
    norm: float
    tokens: int


class Average:
    """A running average of the weights (Polyak and Juditsky, 1992), with a short memory in the first steps."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.tensors = {name: weight.detach().clone() for name, weight in model.named_parameters()}

    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights after ``step`` (from 1)."""
        share = 1 - min(self.decay, step / (step + 10))
        with torch.no_grad():
            for name, weight in model.named_parameters():
                self.tensors[name].lerp_(weight, share)

    @contextmanager
    def in_place(self, model: nn.Module) -> Iterator[None]:
        """Within the block the model has the averaged weights."""
        weights = dict(model.named_parameters())
        kept = {name: weight.data for name, weight in weights.items()}
        for name, weight in weights.items():
            weight.data = self.tensors[name]
        try:
            yield
        finally:
            for name, weight in weights.items():
                weight.data = kept[name]


def mean_of(states: Iterable[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The mean of each tensor over checkpoints."""
    total: dict[str, torch.Tensor] = {}
    count = 0
    for state in states:
        count += 1
        for name, tensor in state.items():
            total[name] = total[name] + tensor.double() if name in total else tensor.double()
    return {name: (tensor / count).float() for name, tensor in total.items()}


def round_to_half(model: nn.Module) -> None:
    """Give every weight the value it has when stored in fp16, but those that are not stored."""
    computed = getattr(model, "computed", ())
    for name, weight in model.named_parameters():
        if name not in computed:
            weight.data = weight.data.half().float()


def rate(step: int, total: int, warmup: float, schedule: str) -> float:
    """Factor on the peak learning rate at ``step`` (from 0): linear warm-up, then decay to 0 (or 10 % for cosine)."""
    rise = round(total * warmup)
    if step < rise:
        return (step + 1) / (rise + 1)
    gone = (step - rise) / max(1, total - rise)
    if schedule == "linear":
        return 1.0 - gone
    if schedule == "cosine":
        return 0.1 + 0.45 * (1 + math.cos(math.pi * gone))
    return 1.0


def freeze(model: nn.Module, what: str) -> int:
    """Fix the embeddings or the whole body; return the number of weights that still learn."""
    base = getattr(model, "body", None) or getattr(model, getattr(model, "base_model_prefix", ""), model)
    parts: list[nn.Module] = []
    if what == "body":
        parts = [base]
    elif what == "embeddings":
        embedding = getattr(base, "embeddings", None) or model.get_input_embeddings()  # type: ignore[operator]
        parts = [embedding]
    for part in parts:
        part.requires_grad_(False)
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def optimizer_for(model: nn.Module, stage: Stage) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter, 2019): no decay on vectors, and ``layer_decay`` per layer below the head."""
    learning = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    depth = 1 + max((int(m[1]) for name, _ in learning if (m := _LAYER.search(name))), default=-1)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, weight in learning:
        match = _LAYER.search(name)
        below = depth + 1 if "embeddings" in name else depth - int(match[1]) if match else 0
        lr = float(stage.lr or 0) * float(stage.layer_decay or 1) ** below
        decay = float(stage.weight_decay or 0) if weight.ndim > 1 else 0.0
        if name.endswith("crf.moves"):  # beside an encoder's small rate they would stay where they began
            lr, decay = max(lr, _CRF_RATE), 0.0
        groups.setdefault((lr, decay), []).append(weight)
    return torch.optim.AdamW(
        [{"params": weights, "lr": lr, "peak": lr, "weight_decay": decay} for (lr, decay), weights in groups.items()],
        fused=True,
    )


def label_weights(
    features: Sequence[Feature], count: int, how: str, *, multi_label: bool = False
) -> torch.Tensor | None:
    """(labels) weights in the loss: ``balanced`` is n / (labels x frequency), ``sqrt`` its square root.

    They are scaled so that the mean weight over the training labels is 1; a label that never stands gets 1. Where a
    text has any number of labels, they weigh a label's presence: texts without it / texts with it, at most 100.
    """
    if how == "none":
        return None
    found = torch.zeros(count)
    for feature in features:
        known = [label for label in feature.labels or () if label != IGNORE]
        found += torch.bincount(torch.tensor(known, dtype=torch.long), minlength=count)
    power = 0.5 if how == "sqrt" else 1.0
    if multi_label:
        return ((len(features) - found) / found.clamp(min=1)).clamp(min=1e-2, max=100) ** power
    weights = (found.sum() / found.clamp(min=1)) ** power
    return torch.where(found > 0, weights * found.sum() / (weights * found).sum(), torch.ones(()))


def loss_of(
    model: nn.Module,
    batch: dict[str, torch.Tensor],
    label_smoothing: float,
    weights: torch.Tensor | None = None,
    focal: float = 0.0,
    rdrop: float = 0.0,
) -> torch.Tensor:
    """The model's own loss, or cross-entropy summed over labels; several readers in one model each learn by it.

    With any number of labels a text it is the sum over texts of the mean over labels. ``focal`` multiplies each by
    (1 - p)^focal (Lin et al., 2017), p being the probability of what is right. With ``rdrop`` the batch passes twice,
    and the mean loss is that of both and ``rdrop`` times their symmetric divergence (R-Drop; Liang et al., 2021).
    """
    if getattr(getattr(model, "module", model), "own_loss", False):
        found: torch.Tensor = model(**batch)
        return found
    labels = batch.pop("labels")
    output = model(**batch)
    total = torch.zeros((), device=labels.device)
    if rdrop:
        first, second = output.logits.float(), model(**batch).logits.float()
        for logits in (first, second):
            total = total + _of_one(logits, labels, label_smoothing, weights, focal) / 2
        return total + rdrop * _divergence(first, second, labels != IGNORE)
    for logits in getattr(output, "parts", None) or [output.logits]:
        if labels.is_floating_point():
            total = total + _of_any_number(logits.float(), labels, label_smoothing, weights, focal)
        else:
            total = total + _of_one(logits.float(), labels, label_smoothing, weights, focal)
    return total


def _divergence(first: torch.Tensor, second: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Half of KL(p|q) + KL(q|p), summed over the ``wanted`` places."""
    p, q = first[wanted].log_softmax(-1), second[wanted].log_softmax(-1)
    return ((p.exp() - q.exp()) * (p - q)).sum() / 2


def _of_one(
    logits: torch.Tensor, labels: torch.Tensor, smoothing: float, weights: torch.Tensor | None, focal: float
) -> torch.Tensor:
    logits, labels = logits.reshape(-1, logits.shape[-1]), labels.flatten()
    options: dict[str, Any] = {"weight": weights, "ignore_index": IGNORE, "label_smoothing": smoothing}
    if not focal:
        return nn.functional.cross_entropy(logits, labels, reduction="sum", **options)
    each = nn.functional.cross_entropy(logits, labels, reduction="none", **options)
    right = logits.softmax(-1).gather(1, labels.clamp(min=0)[:, None])[:, 0]
    return (each * (1 - right) ** focal).sum()


def _of_any_number(
    logits: torch.Tensor, labels: torch.Tensor, smoothing: float, weights: torch.Tensor | None, focal: float
) -> torch.Tensor:
    soft = labels * (1 - smoothing) + smoothing / 2
    each = nn.functional.binary_cross_entropy_with_logits(logits, soft, pos_weight=weights, reduction="none")
    if focal:
        chance = logits.sigmoid()
        each = each * (1 - torch.where(labels > 0, chance, 1 - chance)) ** focal
    return each.mean(1).sum()


def _halved(batches: Sequence[list[int]], times: int) -> list[list[int]]:
    """Each batch cut into 2^times nearly equal parts."""
    for _ in range(times):
        batches = [part for batch in batches for part in (batch[: len(batch) // 2], batch[len(batch) // 2 :]) if part]
    return list(batches)


def fit(
    accelerator: Accelerator,
    model: nn.Module,
    optimizer: Any,
    features: Sequence[Feature],
    steps: Sequence[Step],
    start: int,
    stage: Stage,
    seed: int,
    pad: int,
    say: Callable[[str], None],
    loss: Callable[..., torch.Tensor] = loss_of,
    weights: torch.Tensor | None = None,
) -> Iterator[StepInfo]:
    """Train from step ``start`` and yield after each one; evaluation, saving and logging live with the caller.

    The loss is summed over labels and divided by the step's label count over all ranks, so accumulation,
    several processes and halved batches all give the same step.
    """
    rank, world = accelerator.process_index, accelerator.num_processes
    halvings = 0
    for number in range(start, len(steps)):
        model.train()
        batches = steps[number][rank::world]
        learned = [features[row] for batch in batches for row in batch]
        labels = len(learned)
        if _reads(model)[0] == "pairs":  # all but the first are written
            labels = sum(len(feature.labels or ()) - 1 for feature in learned)
        elif _reads(model)[0] != "texts":
            labels = sum(label != IGNORE for feature in learned for label in feature.labels or ())
        total = int(accelerator.reduce(torch.tensor(float(labels), device=accelerator.device)).item())
        factor = rate(number, len(steps), stage.warmup or 0.0, stage.schedule or "constant")
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        while True:
            try:
                summed = _one_step(
                    accelerator,
                    model,
                    features,
                    _halved(batches, halvings),
                    total,
                    (seed, number, rank),
                    pad,
                    stage,
                    loss,
                    weights,
                )
                break
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
                rows = max(len(batch) for batch in _halved(batches, halvings))
                if world > 1 or rows == 1:
                    raise RunError(
                        f"out of memory with {counted(rows, 'row')} a batch",
                        f"smaller: stages.0.batch_tokens={(stage.batch_tokens or 2) // 2}",
                    ) from None
                halvings += 1
                say(f"out of memory at step {number + 1}: batches are halved and the step is done again")
            optimizer.zero_grad(set_to_none=True)
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        norm = accelerator.clip_grad_norm_(model.parameters(), stage.clip or math.inf)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        mean = accelerator.reduce(summed).item() / max(1, total)
        if not math.isfinite(mean):
            raise RunError(f"the loss is {mean} at step {number + 1}", "a lower learning rate, or precision=fp32")
        yield StepInfo(number + 1, mean, float(stage.lr or 0) * factor, float(norm), total)


def _reads(model: nn.Module) -> tuple[str, int]:
    """What the model's labels are for, and how many there are where a text has any number of them."""
    inner: Any = getattr(model, "module", model)
    return getattr(inner, "reads", "pieces"), inner.classes if getattr(inner, "multi_label", False) else 0


def _one_step(
    accelerator: Accelerator,
    model: nn.Module,
    features: Sequence[Feature],
    batches: Sequence[list[int]],
    total: int,
    seed: tuple[int, int, int],
    pad: int,
    stage: Stage,
    loss: Callable[..., torch.Tensor],
    weights: torch.Tensor | None,
) -> torch.Tensor:
    """Forward and backward of one optimizer step; the summed loss of this rank."""
    torch.manual_seed((seed[0] * 1_000_003 + seed[1]) * 1_009 + seed[2])
    summed = torch.zeros((), device=accelerator.device)
    world = accelerator.num_processes
    reads, classes = _reads(model)
    for number, batch in enumerate(batches):
        last = number == len(batches) - 1
        tensors = collate(
            [features[row] for row in batch], pad, accelerator.device, learn=True, reads=reads, classes=classes
        )
        with nullcontext() if last else accelerator.no_sync(model):
            with accelerator.autocast():
                value = loss(
                    model, tensors, stage.label_smoothing or 0.0, weights, stage.focal or 0.0, stage.rdrop or 0.0
                )
            # DDP averages gradients over ranks, so the sum needs the factor `world`
            accelerator.backward(value * world / max(1, total))
        summed += value.detach()
    return summed
