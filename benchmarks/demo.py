"""The demo's server under load: mixed requests, several at once, over loopback.

    python benchmarks/demo.py [--requests 100] [--at-once 16] [--tasks langid pos ner translate] [--json]

`nlpkit demo` is started in a process of its own with the models that ship, on one thread, and each model is asked once
before the clock starts. Requests go round the tasks, one or two short texts each, over at most --at-once connections.
Latency is what a client sees, waiting for a turn included. `lost` are requests without an answer of status 200 whose
rows are those asked for; it must be 0. Load is the 1-minute load average of the machine before and after.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON")}
TEXTS = (
    "Amina Otieno moved from Nairobi to Kisumu in {}.",
    "Set an alarm for {} tomorrow.",
    "chalo {} baje milte hain yaar",
    "Tutaonana kesho saa {}.",
    "Liisa Virtanen muutti Tampereelle vuonna {}.",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--tasks", nargs="+", default=["langid", "pos", "ner", "translate"])
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    process = subprocess.Popen(
        [sys.executable, "-m", "nlpkit", "demo", "--port", "0", "--time-limit", "300", "--tasks", ",".join(args.tasks)],
        stderr=subprocess.PIPE, text=True, env={**os.environ, **ONE_THREAD},
    )  # fmt: skip
    assert process.stderr is not None
    address = process.stderr.readline().strip()
    try:
        found = measured(address, args.requests, args.at_once, args.tasks)
    finally:
        process.terminate()
        process.wait()
    if args.json:
        print(json.dumps(found))
        return
    print(
        f"{found['requests']} requests, {args.at_once} at once, {found['lost']} lost, {found['seconds']:.2f} s in all"
    )
    print("seconds      p50    p95    max")
    for name, row in found["latency"].items():
        print(f"{name:10}{row['p50']:6.3f} {row['p95']:6.3f} {row['max']:6.3f}")
    print(f"load {found['load'][0]:.2f} before, {found['load'][1]:.2f} after, {os.cpu_count()} cores")


def measured(address: str, requests: int, at_once: int, tasks: Sequence[str]) -> dict[str, Any]:
    limits = httpx.Limits(max_connections=at_once)
    with httpx.Client(base_url=address, trust_env=False, timeout=600, limits=limits) as client:
        for task in tasks:
            client.post(f"v1/{task}", json={"text": "Hello"}).raise_for_status()

        def ask(number: int) -> tuple[str, float, bool]:
            task = tasks[number % len(tasks)]
            texts = [TEXTS[at % len(TEXTS)].format(number) for at in range(number, number + 1 + number % 2)]
            began = time.perf_counter()
            answer = client.post(f"v1/{task}", json={"texts": texts})
            rows = answer.json().get("rows", [])
            good = answer.status_code == 200 and [row.get("text", row.get("src")) for row in rows] == texts
            return task, time.perf_counter() - began, good

        load, began = os.getloadavg()[0], time.perf_counter()
        with ThreadPoolExecutor(at_once) as pool:
            found = list(pool.map(ask, range(requests)))
        seconds = time.perf_counter() - began
    groups = {"all": [took for _, took, _ in found]}
    groups |= {task: [took for name, took, _ in found if name == task] for task in tasks}
    return {
        "requests": requests,
        "lost": sum(not good for *_, good in found),
        "seconds": seconds,
        "latency": {name: spread(took) for name, took in groups.items() if took},
        "load": [load, os.getloadavg()[0]],
    }


def spread(seconds: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(seconds, n=20, method="inclusive") if len(seconds) > 1 else list(seconds) * 19
    return {"p50": cuts[9], "p95": cuts[18], "max": max(seconds)}


if __name__ == "__main__":
    main()
