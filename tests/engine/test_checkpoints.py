from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from nlpkit.engine import checkpoints
from nlpkit.errors import RunError

TENSORS = {"model": {"w": torch.arange(6.0), "b": torch.ones(2)}, "optimizer": {"0.exp_avg": torch.zeros(6)}}


def write(folder: Path, number: int) -> Path:
    path = folder / f"step-{number:08d}"
    checkpoints.write(path, TENSORS, {"done": number, "best_done": None})
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    tensors, facts = checkpoints.read(write(tmp_path, 3))
    assert facts == {"done": 3, "best_done": None}
    assert torch.equal(tensors["model"]["w"], TENSORS["model"]["w"])
    assert set(tensors) == {"model", "optimizer"}
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000003"]


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "progress.json", "manifest.json"])
@pytest.mark.parametrize("harm", ["flip", "truncate", "remove", "empty"])
def test_any_harm_to_the_newest_is_seen_and_the_one_before_is_used(tmp_path: Path, name: str, harm: str) -> None:
    old, new = write(tmp_path, 1), write(tmp_path, 2)
    file = new / name
    data = bytearray(file.read_bytes())
    if harm == "flip":
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    elif harm == "truncate":
        file.write_bytes(data[: len(data) // 2])
    elif harm == "empty":
        file.write_bytes(b"")
    else:
        file.unlink()
    said: list[str] = []
    assert checkpoints.newest(tmp_path, "step", said.append) == old
    assert str(new) in said[0]


def test_without_a_whole_one_there_is_none(tmp_path: Path) -> None:
    (write(tmp_path, 1) / "manifest.json").unlink()
    assert checkpoints.newest(tmp_path, "step", lambda text: None) is None


def test_a_half_written_one_is_not_seen(tmp_path: Path) -> None:
    write(tmp_path, 1)
    (tmp_path / ".step-00000002.part").mkdir()
    assert checkpoints.newest(tmp_path, "step", lambda text: None) == tmp_path / "step-00000001"


def test_a_full_disk_leaves_the_old_one_and_says_how_much_is_needed(tmp_path: Path) -> None:
    """A quota on file size stands in for the disk, in a process of its own."""
    old = write(tmp_path, 1)
    code = f"""
import resource, torch
from pathlib import Path
from nlpkit.engine import checkpoints
from nlpkit.errors import RunError
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    checkpoints.write(Path({str(tmp_path)!r}) / "step-00000002", {{"model": {{"w": torch.zeros(1_000_000)}}}}, {{}})
except RunError as error:
    print(error.message); print(error.hint)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert "cannot save a checkpoint" in done.stdout
    assert "4,000,000 bytes are needed" in done.stdout
    assert "free some space" in done.stdout
    assert checkpoints.newest(tmp_path, "step", lambda text: None) == old
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]


def test_the_optimizer_comes_back_as_it_was() -> None:
    def make() -> tuple[torch.nn.Linear, torch.optim.AdamW]:
        torch.manual_seed(0)
        layer = torch.nn.Linear(4, 2)
        return layer, torch.optim.AdamW(layer.parameters(), lr=0.1, fused=True)

    def step(layer: torch.nn.Linear, optimizer: torch.optim.AdamW, number: int) -> None:
        torch.manual_seed(number)
        optimizer.zero_grad()
        layer(torch.randn(3, 4)).pow(2).sum().backward()
        optimizer.step()

    layer, optimizer = make()
    for number in range(6):
        if number == 3:
            saved = {name: value.clone() for name, value in checkpoints.optimizer_tensors(optimizer).items()}
            middle = {name: value.clone() for name, value in layer.state_dict().items()}
        step(layer, optimizer, number)
    again, other = make()
    again.load_state_dict(middle)
    checkpoints.restore_optimizer(other, saved)
    for number in range(3, 6):
        step(again, other, number)
    assert torch.equal(layer.weight, again.weight)


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match="cannot save a checkpoint"):
        checkpoints.write(tmp_path / "file" / "step-00000001", TENSORS, {})
