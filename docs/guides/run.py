"""Runs the ```bash blocks of a guide in an empty folder, one after the other; fails with the first that fails."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

_BLOCK = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)


def main(pages: list[str]) -> int:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for page in pages:
        with tempfile.TemporaryDirectory() as folder:
            for block in _BLOCK.findall(Path(page).read_text(encoding="utf-8")):
                done = subprocess.run(
                    ["bash", "-euo", "pipefail", "-c", block], cwd=folder, env=environment, capture_output=True,
                    text=True, check=False,
                )  # fmt: skip
                if done.returncode:
                    print(f"{page}: this block ends with {done.returncode}:\n{block}{done.stdout}{done.stderr}")
                    return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
