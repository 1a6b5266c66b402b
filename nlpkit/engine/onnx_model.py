"""An encoder as ONNX: written with torch, read with onnxruntime."""

from __future__ import annotations

import json
import logging
import shutil
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from nlpkit.engine import bundle
from nlpkit.engine.heads import WordHead
from nlpkit.errors import InputError, RunError

FILE = "model.onnx"
_INPUTS = ("input_ids", "attention_mask")


class _Plain(torch.nn.Module):
    """The model as a function of tensors."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


def _needs(name: str) -> None:
    raise InputError(f"ONNX needs the package {name}", "pip install 'nlpkit[onnx]'")


def write(folder: Path, out: Path) -> None:
    """Write ``model.onnx`` with the tokenizer and the facts of the bundle in ``folder``.

    Raises InputError for a model that is no encoder with a plain head, RunError where the exporter fails.
    """
    found = bundle.load(str(folder), "cpu")
    if isinstance(found.model, WordHead) or found.tokenizer is None or not hasattr(found.model, "config"):
        raise InputError(
            f"`{folder}` is no encoder with a plain head, so it is not written as ONNX", "--to spacy takes any model"
        )
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        _needs("onnxscript")
    ids = torch.tensor([[5, 6, 7, 8], [5, 6, 7, 0]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    rows, longest = torch.export.Dim("rows", min=1, max=4096), torch.export.Dim("longest", min=2, max=8192)
    shape = {0: rows, 1: longest}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it tells at length what is not installed
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch's and onnxscript's own making
            program = torch.onnx.export(
                _Plain(found.model).eval(), (ids, mask), dynamo=True, verbose=False,
                input_names=list(_INPUTS), output_names=["logits"], dynamic_shapes=(shape, shape),
            )  # fmt: skip
            assert program is not None
            program.save(str(out / FILE))
    except Exception as error:  # whatever the exporter raises, no file is the answer
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise RunError(f"torch cannot write this model as ONNX: {first}") from error
    facts = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    facts.pop("sha256", None)  # of files that do not go along
    (out / "bundle.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for child in folder.iterdir():
        if child.is_file() and child.suffix != ".safetensors" and child.name != "bundle.json":
            shutil.copy(child, out / child.name)


class Runner:
    """A model.onnx that stands where a model stands."""

    device = torch.device("cpu")

    def __init__(self, folder: Path) -> None:
        try:
            import onnxruntime
        except ImportError:
            _needs("onnxruntime")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(folder / FILE), options, providers=["CPUExecutionProvider"])

    def eval(self) -> None: ...

    def __call__(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        (logits,) = self._session.run(None, {"input_ids": input_ids.numpy(), "attention_mask": attention_mask.numpy()})
        return SimpleNamespace(logits=torch.from_numpy(logits))
