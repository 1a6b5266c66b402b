"""Pull the plug: kill -9, signals, damage, a full disk; a resumed run ends with the same bytes."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from toy import TINY, write_toy

from nlpkit.config.recipe import to_yaml
from nlpkit.engine.session import Session
from nlpkit.errors import Preempted
from nlpkit.jobs.prepare import load_recipe
from nlpkit.jobs.train import train

FORKS = Path(__file__).parent / "forks.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe of 100 steps that saves every second one, and its unbroken run."""
    where = tmp_path_factory.mktemp("reliability")
    write_toy(where / "train.conll", 120)
    write_toy(where / "dev.conll", 12)
    files = [f"data.train={where / 'train.conll'}", f"data.dev={where / 'dev.conll'}"]
    often = ["stages.0.steps=100", "stages.0.eval_every=10", "stages.0.save_every=2", "stages.0.average=0.9"]
    recipe = load_recipe("ner", [*TINY, *files, *often])
    (where / "recipe.yaml").write_text(to_yaml(recipe))
    fork(where, "plain")
    return where


def fork(where: Path, what: str, *more: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FORKS), str(where), what, *map(str, more)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def digest(run: Path) -> str:
    return hashlib.sha256((run / "model" / "model.safetensors").read_bytes()).hexdigest()


@pytest.mark.slow
def test_kill_9_at_twenty_random_moments(folder: Path) -> None:
    fork(folder, "kill")
    finished = [run for run in folder.glob("killed-*") if (run / "DONE").exists()]
    assert finished
    assert {digest(run) for run in finished} == {digest(folder / "plain")}


def test_a_full_disk_ends_the_run_with_3_and_room_lets_it_end_the_same(folder: Path) -> None:
    done = fork(folder, "disk")
    assert done.stdout.strip() == "3"
    assert "cannot save a checkpoint" in done.stderr
    assert "bytes are needed" in done.stderr
    assert digest(folder / "disk") == digest(folder / "plain")


def process(folder: Path, out: Path) -> subprocess.Popen[bytes]:
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "nlpkit", "train", str(folder / "recipe.yaml"), "--out", str(out)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=env)


def to_the_end(folder: Path, out: Path) -> bytes:
    """Run the same command again; what it said."""
    with process(folder, out) as again:
        _, said = again.communicate(timeout=120)
    assert again.returncode == 0, said
    return said


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130), (signal.SIGUSR1, 75)])
def test_a_signal_in_training_saves_and_tells(folder: Path, tmp_path: Path, number: int, code: int) -> None:
    with process(folder, tmp_path / "run") as running:
        assert running.stderr is not None
        for line in running.stderr:
            if line.startswith(b"step 10"):
                running.send_signal(number)
                break
        rest = running.stderr.read().decode()
        assert running.wait(60) == code, rest
    assert "Traceback" not in rest
    assert "the same command goes on from there" in rest
    assert b"continuing from" in to_the_end(folder, tmp_path / "run")
    assert digest(tmp_path / "run") == digest(folder / "plain")


@pytest.mark.parametrize("call", [1, 3])
def test_a_signal_in_an_evaluation_saves_within_a_batch(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    import torch

    torch_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    real, count = Session.scores, [0]

    def scores(self, features, poll):
        count[0] += 1
        if count[0] == call:
            os.kill(os.getpid(), signal.SIGTERM)
        return real(self, features, poll)

    recipe = load_recipe(str(folder / "recipe.yaml"))
    try:
        with monkeypatch.context() as patch:
            patch.setattr(Session, "scores", scores)
            with pytest.raises(Preempted) as caught:
                train(recipe, tmp_path / "run")
        assert caught.value.exit_code == 75
        assert f"stopped after step {10 * call}" in caught.value.message
        assert not (tmp_path / "run" / "DONE").exists()
        train(recipe, tmp_path / "run")
    finally:
        torch.set_num_threads(torch_threads)
    assert digest(tmp_path / "run") == digest(folder / "plain")


@pytest.mark.parametrize("harm", ["flip", "truncate"])
def test_harm_to_the_newest_checkpoint_is_said_and_the_one_before_is_used(
    folder: Path, tmp_path: Path, harm: str
) -> None:
    checkpoints = tmp_path / "run" / "checkpoints"
    fork(folder, "die", tmp_path / "run")
    newest = max(checkpoints.glob("step-*"))
    file = newest / "model.safetensors"
    data = bytearray(file.read_bytes())
    if harm == "flip":
        data[-5] ^= 4
    file.write_bytes(data if harm == "flip" else data[:-100])
    assert f"{newest}` is broken".encode() in to_the_end(folder, tmp_path / "run")
    assert digest(tmp_path / "run") == digest(folder / "plain")


def test_a_signal_ends_evaluate_with_75_and_nothing_on_stdout(tiny_model: Path, tmp_path: Path) -> None:
    write_toy(tmp_path / "gold.conll", 100_000)
    command = [sys.executable, "-m", "nlpkit", "evaluate", str(tiny_model), "--gold", str(tmp_path / "gold.conll")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        maps = Path(f"/proc/{running.pid}/maps")
        deadline = time.monotonic() + 120
        # torch is loaded once the rows are read: from then on the model is at work for half a minute
        while "libtorch" not in maps.read_text() and running.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(2)
        running.send_signal(signal.SIGTERM)
        out, said = running.communicate(timeout=60)
    assert running.returncode == 75, said
    assert out == b""
    assert b"Traceback" not in said
