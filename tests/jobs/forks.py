"""Runs trainings in children that may be killed: torch is imported once, each child is a fork.

python forks.py FOLDER kill   kill -9 at 20 random moments, resuming each time
python forks.py FOLDER disk   the disk fills up during the run, then has room again
python forks.py FOLDER plain  one unbroken run
"""

from __future__ import annotations

import os
import random
import resource
import signal
import sys
import time
from pathlib import Path

import torch

import nlpkit.engine.session  # noqa: F401 (imported before the forks, to be quick)
from nlpkit.errors import NlpkitError
from nlpkit.jobs.prepare import load_recipe
from nlpkit.jobs.train import train

FOLDER = Path(sys.argv[1])
KILLS = 20


def child(out: Path, *, fill_disk: bool = False, die: bool = False) -> int:
    pid = os.fork()
    if pid:
        return pid
    torch.set_num_threads(1)

    def say(text: str) -> None:
        if fill_disk and text.startswith("step 10 "):
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        if die and text.startswith("step 30 "):
            os.kill(os.getpid(), signal.SIGKILL)

    code = 1
    try:
        train(load_recipe(str(FOLDER / "recipe.yaml")), out, say=say)
        code = 0
    except NlpkitError as error:
        sys.stderr.write(f"{error.message}\n{error.hint}\n")
        code = error.exit_code
    finally:
        os._exit(code)


def wait(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def kill() -> None:
    rng = random.Random(os.environ.get("NLPKIT_TEST_SEED", "5"))
    killed = number = 0
    while killed < KILLS:
        out = FOLDER / f"killed-{number}"
        pid = child(out)
        time.sleep(rng.uniform(0.02, 0.9))
        os.kill(pid, signal.SIGKILL)
        code = wait(pid)
        killed += code == -signal.SIGKILL
        if code not in (0, -signal.SIGKILL):
            raise SystemExit(f"a resumed run ended with {code} after {killed} kills")
        number += (out / "DONE").exists()
    if not (out / "DONE").exists() and (code := wait(child(out))):
        raise SystemExit(f"the last run ended with {code}")


def disk() -> None:
    out = FOLDER / "disk"
    code = wait(child(out, fill_disk=True))
    print(code)
    raise SystemExit(wait(child(out)))


if __name__ == "__main__":
    if sys.argv[2] == "kill":
        kill()
    elif sys.argv[2] == "disk":
        disk()
    elif sys.argv[2] == "die":
        assert wait(child(Path(sys.argv[3]), die=True)) == -signal.SIGKILL
    else:
        raise SystemExit(wait(child(FOLDER / "plain")))
