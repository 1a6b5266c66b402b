"""One training process as ``jobs.train`` sees it: devices, model, optimizer, checkpoints."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast_object_list

from nlpkit.config.decoding import Decoding
from nlpkit.config.recipe import BertScratch, BilstmScratch, Recipe, RnnScratch, Stage, TransformerScratch
from nlpkit.data.features import Feature, Output
from nlpkit.engine import (
    batches,
    checkpoints,
    constrained,
    encoders,
    generate,
    heads,
    joint,
    loop,
    own_tokenizers,
    pretrained,
    recurrent,
    seq2seq,
    text_heads,
    vocabulary,
)
from nlpkit.engine.bundle import check_base
from nlpkit.engine.predict import scores
from nlpkit.engine.pretrained_pairs import load_base as load_pretrained
from nlpkit.engine.vectors import read as read_vectors
from nlpkit.errors import InputError

Say = Callable[[str], None]
_SMALLEST = 64  # sub-words in the batches of the smallest data


class Session:
    """Holds what torch holds. ``main`` is the process that writes files."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.notes: list[str] = []
        AcceleratorState._reset_state(True)  # a second run in one process may want another precision
        self.accelerator = Accelerator(mixed_precision=self._precision())
        self.main = bool(self.accelerator.is_main_process)
        self.world = int(self.accelerator.num_processes)
        self.device = str(self.accelerator.device)

    def _precision(self) -> str:
        wanted = self.recipe.precision
        if wanted == "fp32":
            return "no"
        if torch.cuda.is_available():
            return wanted
        if wanted == "bf16" and torch.ops.mkldnn._is_mkldnn_bf16_supported():
            return wanted
        self.notes.append(f"this device cannot do {wanted}; training in fp32")
        return "no"

    # -- several processes

    def wait(self) -> None:
        self.accelerator.wait_for_everyone()

    def any(self, flag: bool) -> bool:
        """Whether ``flag`` is set in some process: all stop at the same step."""
        if self.world == 1:
            return flag
        told = torch.tensor(float(flag), device=self.accelerator.device)
        return bool(self.accelerator.reduce(told).item())

    def shared(self, value: Any) -> Any:
        """The main process's value, in all of them."""
        if self.world == 1:
            return value
        return broadcast_object_list([value])[0]

    # -- model and optimizer

    tokenizer: Any  # a pretrained.Tokenizer, recurrent.Words, joint.Joint, or pretrained_pairs.PretrainedPieces
    decoding = Decoding()  # how a model that writes texts chooses them, once it is trained

    def build(
        self,
        labels: Sequence[str],
        rows: Sequence[Sequence[str]],
        all_rows: Sequence[Sequence[str]],
        say: Say,
        *,
        texts: bool = False,
        multi_label: bool = False,
    ) -> None:
        """Load or make the model and its tokenizer from the words of the training rows.

        With ``texts`` a row is one text, or two, instead of words; ``multi_label``: any number of labels for each.
        A vocabulary is trimmed to those of all rows, so that trimming changes no score of the run.
        """
        spec, self.labels = self.recipe.model, list(labels)
        pooling = spec.pooling or ("mean" if texts else "first")
        if spec.base is not None:
            check_base(spec.base, pairs=False)
            if texts:
                self.model, self.tokenizer, limit = text_heads.load_base(
                    spec.base, labels, pooling=pooling, multi_label=multi_label, revision=spec.revision,
                    seed=self.recipe.seed,
                )  # fmt: skip
            else:
                self.model, self.tokenizer, limit = pretrained.load_base(spec.base, labels, spec.revision)
                encoders.reset_head(self.model, self.recipe.seed)
            if spec.max_length > limit:
                say(f"note: `{spec.base}` reads at most {limit} sub-words a window")
            self.max_length = min(spec.max_length, limit)
            if spec.trim_vocabulary:
                inner = self.model.encoder if texts else self.model
                kept, before = vocabulary.trim(inner, self.tokenizer, all_rows)
                say(f"vocabulary: {kept:,} of {before:,} pieces kept")
        elif isinstance(spec.scratch, BilstmScratch):
            self._build_bilstm(spec.scratch, rows, say, texts=texts, multi_label=multi_label)
        else:
            assert isinstance(spec.scratch, BertScratch)
            self.max_length = spec.max_length
            if spec.scratch.tokenizer is not None:
                self.tokenizer = own_tokenizers.for_encoder(spec.scratch.tokenizer, spec.max_length)
                say(f"vocabulary: {len(self.tokenizer.hf):,} pieces of `{spec.scratch.tokenizer}`")
            else:
                assert spec.scratch.vocabulary is not None
                self.tokenizer = encoders.train_tokenizer(rows, spec.scratch.vocabulary, spec.max_length)
            self.model = encoders.scratch(
                spec.scratch, labels, self.tokenizer, spec.max_length, self.recipe.seed,
                pooling=pooling if texts else None, multi_label=multi_label,
            )  # fmt: skip
        learning = loop.freeze(self.model, spec.freeze)
        if not texts:
            self.model = heads.with_head(self.model, labels, pooling=pooling, crf=spec.crf)
        self._built(learning, say)

    def build_pairs(
        self, tags: Sequence[str], texts: Sequence[str], say: Say, *, symbols: bool, names: dict[str, str]
    ) -> None:
        """Load or make a model that writes texts.

        Where the recipe names no tokenizer, one is learned from ``texts``, sources and targets as it is to read and
        write them; ``names`` say what a pretrained model calls languages.
        """
        spec, self.labels = self.recipe.model, list(tags)
        self.max_length = spec.max_length
        if spec.base is not None:
            check_base(spec.base, pairs=True)
            self.model, self.tokenizer, limit = load_pretrained(spec.base, names, spec.revision)
            self.max_length = min(spec.max_length, limit)
        else:
            scratch = spec.scratch
            assert isinstance(scratch, RnnScratch | TransformerScratch)
            if scratch.tokenizer is not None:
                self.tokenizer = own_tokenizers.for_pairs(scratch.tokenizer, tags)
            else:
                assert scratch.vocabulary is not None
                self.tokenizer = joint.train(texts, scratch.vocabulary, tags, symbols=symbols)
            of = f" of `{scratch.tokenizer}`" if scratch.tokenizer is not None else ""
            say(f"vocabulary: {len(self.tokenizer):,} pieces{of}")
            torch.manual_seed(self.recipe.seed)
            if isinstance(scratch, RnnScratch):
                self.model = seq2seq.AttentionRnn(scratch, len(self.tokenizer), self.tokenizer.pad)
            else:
                self.model = seq2seq.transformer(scratch, self.tokenizer, spec.max_length, self.recipe.seed)
        self._check_decoding()
        self._built(loop.freeze(self.model, spec.freeze), say)

    def _check_decoding(self) -> None:
        """Raise InputError where answers are wanted that the vocabulary cannot write.

        While training dev is searched greedily, so that it would be found at the end only.
        """
        try:
            constrained.phrases(self.tokenizer, self.decoding.force, self.max_length)
            self.tokenizer.banned(self.decoding.script)
        except InputError as error:
            raise InputError(f"options.decoding: {error.message}", "change options.decoding") from None

    def _built(self, learning: int, say: Say) -> None:
        precision = self.accelerator.mixed_precision.replace("no", "fp32")
        say(f"model: {self.weights():,} weights, {learning:,} learn; device {self.device}, precision {precision}")
        self.model.to(self.accelerator.device)
        self._wrapped: Any = None
        self._optimizer: Any = None
        self._waiting: dict[str, dict[str, torch.Tensor]] = {}
        self._average: loop.Average | None = None
        self._settled = False

    def _build_bilstm(
        self, scratch: BilstmScratch, rows: Sequence[Sequence[str]], say: Say, *, texts: bool, multi_label: bool
    ) -> None:
        spec = self.recipe.model
        words: list[str] = []
        vectors = None
        if spec.embeddings is not None:
            words, vectors = read_vectors(spec.embeddings, spec.embeddings_limit)
            say(f"{len(words):,} vectors of {vectors.shape[1]} numbers from `{spec.embeddings}`")
        dimensions = vectors.shape[1] if vectors is not None else 0
        cut = [recurrent.cut(row) for row in rows] if texts else rows
        self.tokenizer = recurrent.Words.learn(cut, words, dimensions, scratch.least)
        self.max_length = spec.max_length * self.tokenizer.width
        torch.manual_seed(self.recipe.seed)
        if self.accelerator.device.type == "cpu":
            torch.set_num_threads(1)  # its steps are so small that threads cost more than they save
        if texts:
            self.model = recurrent.BilstmText(scratch, self.tokenizer, self.labels, multi_label=multi_label)
        else:
            self.model = recurrent.Bilstm(scratch, self.tokenizer, self.labels)
        if vectors is not None:
            self.model.vectors.weight.data[2:] = torch.from_numpy(vectors)

    def weights(self) -> int:
        return sum(weight.numel() for weight in self.model.parameters())

    def begin(self, stage: Stage) -> None:
        """Make the stage's optimizer, and put back its state after a resume."""
        optimizer = loop.optimizer_for(self.model, stage)
        self._average = loop.Average(self.model, stage.average) if stage.average else None
        if "optimizer" in self._waiting:
            checkpoints.restore_optimizer(optimizer, self._waiting["optimizer"])
        if self._average is not None and "average" in self._waiting:
            self._average.tensors = {
                name: tensor.to(self.accelerator.device) for name, tensor in self._waiting["average"].items()
            }
        self._waiting = {}
        if self._wrapped is None:
            self._wrapped, self._optimizer = self.accelerator.prepare(self.model, optimizer)
        else:
            self._optimizer = self.accelerator.prepare(optimizer)

    def end_stage(self, folder: Path, best: int | None, last: int = 1) -> None:
        """Go on with the best weights; without any, with the averaged or the last ones.

        With ``last`` above 1 with the mean of those at the last so many evaluations (checkpoint averaging).
        """
        kept = sorted(folder.glob("last-*"), key=checkpoints.step_of)
        if last > 1 and kept:
            means = loop.mean_of(checkpoints.read(path)[0]["model"] for path in kept)
            self.model.load_state_dict(means, strict=False)
            self.wait()
            if self.main:
                for path in kept:
                    shutil.rmtree(path)
            self.wait()
        elif best is not None:
            tensors, _ = checkpoints.read(folder / f"best-{best:08d}")
            self.model.load_state_dict(tensors["model"], strict=False)
        elif self._average is not None:
            self.model.load_state_dict(self._average.tensors, strict=False)
        self._average = self._optimizer = None
        self._waiting = {}

    def _scored(self) -> AbstractContextManager[None]:
        """The weights that are scored and kept: the averaged ones where the stage averages."""
        return self._average.in_place(self.model) if self._average is not None else nullcontext()

    def plan(
        self, features: Sequence[Feature], stage: Stage, seed: int, source_of: Sequence[int]
    ) -> tuple[list[batches.Step], int]:
        """The steps of the stage; ``source_of`` tells for each row from which source it came."""
        if not features:
            if getattr(self.model, "reads", "") == "pairs":
                what = f"no training pair fits into {self.max_length} pieces a side"
                raise InputError(what, "a larger model.max_length, or shorter pairs")
            raise InputError("the training rows hold no words")
        weights = [source.weight for source in stage.data]
        groups, rates = [], []
        if (stage.temperature or 1) != 1 or any(weight != 1 for weight in weights):
            groups = [source_of[feature.row] for feature in features]
            rates = batches.rates([groups.count(at) for at in range(len(weights))], weights, stage.temperature or 1)
        lengths = [len(feature.ids) // self.tokenizer.width for feature in features]
        if getattr(self.model, "reads", "") == "pairs":
            lengths = [max(length, len(f.labels or ())) for length, f in zip(lengths, features, strict=True)]
        group = self.world * (stage.accumulate or 1)
        tokens = min(stage.batch_tokens or 1024, max(_SMALLEST, sum(lengths) // (stage.least_batches or 1)))
        return batches.plan(
            lengths, tokens, group, seed,
            epochs=stage.epochs, steps=stage.steps, least_steps=stage.least_steps or 0, groups=groups, rates=rates,
        )  # fmt: skip

    def fit(
        self, features: Sequence[Feature], steps: Sequence[batches.Step], start: int, stage: Stage, seed: int, say: Say
    ) -> Iterator[loop.StepInfo]:
        pad, weights = self.tokenizer.pad, loop.label_weights(
            features, len(self.labels), stage.class_weights or "none",
            multi_label=getattr(self.model, "multi_label", False),
        )  # fmt: skip
        if weights is not None:
            weights = weights.to(self.accelerator.device)
        for info in loop.fit(
            self.accelerator, self._wrapped, self._optimizer, features, steps, start, stage, seed, pad, say,
            weights=weights,
        ):  # fmt: skip
            if self._average is not None:
                self._average.update(self.model, info.step)
            yield info

    def scores(self, features: Sequence[Feature], poll: Callable[[], None]) -> list[Output]:
        """Outputs of the current weights (each process does all of it: the answer is then the same)."""
        autocast = nullcontext() if self._settled else self.accelerator.autocast()
        if getattr(self.model, "reads", "") == "pairs":
            quick = Decoding(beam=1, no_repeat_ngram=self.decoding.no_repeat_ngram)
            wanted = self.decoding if self._settled else quick
            with self._scored():
                return generate.outputs(
                    [self.model], features, self.tokenizer, wanted, longest=self.max_length,
                    batch_tokens=generate.TOKENS, poll=poll,
                )  # fmt: skip
        with self._scored(), autocast:
            return scores(self.model, features, self.tokenizer.pad, 1024 * self.tokenizer.width, poll)

    # -- checkpoints

    def _tensors(self) -> dict[str, torch.Tensor]:
        """Every weight once (tied weights share one name) and the buffers that are saved."""
        weights = {name: weight.data for name, weight in self.model.named_parameters()}
        state = self.model.state_dict()
        buffers = {name: value for name, value in self.model.named_buffers() if name in state}
        return {**weights, **buffers}

    def checkpoint(self, folder: Path, facts: dict[str, Any], keep: int = 2) -> None:
        """Write ``step-N``; keep the last two and the best weights they name."""
        if self.main:
            tensors = {"model": self._tensors()}
            if self._optimizer is not None:
                tensors["optimizer"] = checkpoints.optimizer_tensors(self._optimizer.optimizer)
            if self._average is not None:
                tensors["average"] = self._average.tensors
            if (scaler := self.accelerator.scaler) is not None:
                facts = {**facts, "scaler": scaler.state_dict()}
            checkpoints.write(folder / f"step-{facts['done']:08d}", tensors, facts)
            found = sorted(folder.glob("step-*"), key=checkpoints.step_of)
            for old in found[:-keep]:
                shutil.rmtree(old)
            named = {checkpoints.best_named(path) for path in found[-keep:]}
            for best in folder.glob("best-*"):
                if checkpoints.step_of(best) not in named:
                    shutil.rmtree(best)
        self.wait()

    def save_best(self, folder: Path, done: int, facts: dict[str, Any]) -> None:
        if self.main:
            with self._scored():
                checkpoints.write(folder / f"best-{done:08d}", {"model": self._tensors()}, facts)
        self.wait()

    def save_last(self, folder: Path, done: int, count: int) -> None:
        """Keep the weights of the last ``count`` evaluations, of which the stage ends with the mean."""
        if self.main:
            with self._scored():
                checkpoints.write(folder / f"last-{done:08d}", {"model": self._tensors()}, {})
            for old in sorted(folder.glob("last-*"), key=checkpoints.step_of)[:-count]:
                shutil.rmtree(old)
        self.wait()

    def newest(self, folder: Path, say: Say) -> Path | None:
        """The newest checkpoint that is whole, its best weights too."""

        def fault(path: Path) -> str:
            if why := checkpoints.fault(path):
                return why
            best = checkpoints.best_named(path)
            if best is not None and (why := checkpoints.fault(folder / f"best-{best:08d}")):
                return f"best-{best:08d}: {why}"
            return ""

        found = checkpoints.newest(folder, "step", say, fault) if self.main else None
        return self.shared(found)

    def restore(self, path: Path) -> dict[str, Any]:
        """Load weights now, keep the state of optimizer and average for ``begin``; return the facts."""
        tensors, facts = checkpoints.read(path)
        self.model.load_state_dict(tensors["model"], strict=False)
        self._waiting = tensors
        if facts.get("scaler") and self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(facts["scaler"])
        return facts

    def clear(self, folder: Path) -> None:
        """After DONE the checkpoints have no more use."""
        shutil.rmtree(folder, ignore_errors=True)

    def settle(self) -> None:
        """Training is over: what is scored from now on is what is saved."""
        self._settled = True
        if getattr(self.recipe.model.scratch, "half", False):
            loop.round_to_half(self.model)

    def save(self, folder: Path) -> None:
        """Write model and tokenizer into a folder."""
        if isinstance(self.model, recurrent.Reader | seq2seq.AttentionRnn | seq2seq.Stock):
            self.model.save(folder)
        else:
            self.model.save_pretrained(folder)
        self.tokenizer.save(folder)
