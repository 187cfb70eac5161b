"""Training and inference next to other libraries, measured in turns.

    python -m bench.compare [--peers numpy,jax,torch] [--rounds 7] [--threads 2] [workload ...]

Every library runs in its own process, on the same cores with the same number of threads. In each round every library
runs once, fastnn first, so if the machine is busy or slow for some seconds, all of them are affected. The table shows
peer's time / fastnn's: the median over the rounds, with the smallest and the largest. Above 1 fastnn is faster.

Before anything is timed, all compute the same thing from the same weights: the loss after some epochs without
shuffling, the probabilities, the product. If a peer's result differs from fastnn's, the table shows an exclamation mark
and no number. The peers' code is in `bench/peers/`; compilation, reading data and converting it to a library's own
arrays are not timed. A call of `fit` is timed as a whole, including its checks of arguments.

Peers: numpy, jax, torch, torch_compile (PyTorch compiled by `torch.compile`), onnxruntime (only predictions), sklearn.
Choose workloads by their name or a part of it: "MNIST", "predict 1", "XOR".
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import fastnn

from .workloads import WORKLOADS

PEERS = ("numpy", "jax", "torch", "torch_compile", "onnxruntime", "sklearn")
# What libraries take for the number of their threads.
LIMITS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
BLOCK_SECONDS = 0.2  # the minimum length of a measurement
PAUSE_SECONDS = 0.05  # after each, so that a library's threads stop spinning before the next library starts


class Worker:
    """The process of one library, on so many cores, which is also written into the variables `limits`."""

    def __init__(self, peer: str, threads: int, limits: Sequence[str] = LIMITS):
        self.peer = peer
        environment = os.environ | dict.fromkeys(limits, str(threads)) | {"JAX_PLATFORMS": "cpu"}
        paths = [str(Path(__file__).parents[1]), environment.get("PYTHONPATH", "")]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker", peer, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=environment | {"PYTHONPATH": os.pathsep.join(p for p in paths if p)},
        )
        self.hello = self._answer()

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        return self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"error: the process of {self.peer} ended; what it printed is above")
        return json.loads(line)

    def prepare(self, workload: str) -> list[float] | None:
        """The result on which all libraries must agree; None if the library cannot do the workload."""
        return self.ask(workload=workload)["check"]

    def seconds(self, repetitions: int) -> float:
        """Seconds per repetition."""
        time.sleep(PAUSE_SECONDS)
        return self.ask(repetitions=repetitions)["seconds"] / repetitions

    def calibrate(self) -> int:
        """The number of repetitions per measurement."""
        repetitions = 1
        self.seconds(1)
        while (total := repetitions * self.seconds(repetitions)) < BLOCK_SECONDS / 2:
            repetitions *= max(2, int(BLOCK_SECONDS / 4 / max(total, 1e-6)))
        return max(1, round(repetitions * BLOCK_SECONDS / total))


def measure(workers: list[Worker], workload: Any, rounds: int) -> tuple[dict[str, list[float]], list[str]]:
    """The seconds of each round by library, fastnn first, and the libraries whose results differ."""
    checks = {worker.peer: worker.prepare(workload.name) for worker in workers}
    own = checks[workers[0].peer]
    expected = np.array(own)
    allowed = workload.tolerance * np.abs(expected).max()
    wrong = [p for p, check in checks.items() if check and not (np.abs(check - expected) <= allowed).all()]
    for peer in wrong:
        print(f"! {workload.name}: {peer} computes {checks[peer]}, fastnn {own}", file=sys.stderr)
    able = [worker for worker in workers if checks[worker.peer] is not None and worker.peer not in wrong]
    repetitions = {worker.peer: worker.calibrate() for worker in able}
    times: dict[str, list[float]] = {worker.peer: [] for worker in able}
    for _ in range(rounds):
        for worker in able:
            times[worker.peer].append(worker.seconds(repetitions[worker.peer]))
    return times, wrong


def with_unit(seconds: float) -> str:
    unit, size = next(((u, s) for u, s in (("s", 1.0), ("ms", 1e-3)) if seconds >= s), ("us", 1e-6))
    return f"{seconds / size:.3g} {unit}"


def ratio(peer: list[float], own: list[float]) -> str:
    ratios = [p / f for p, f in zip(peer, own, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def at_least_one(text: str) -> int:
    """A number of rounds or threads, for argparse."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be an integer of at least 1, received {text!r}")
    return number


def start(peers: Sequence[str], threads: int, limits: Sequence[str] = LIMITS) -> list[Worker]:
    """The processes of the libraries that are installed, fastnn's first."""
    workers = []
    for peer in peers:
        worker = Worker(peer, threads, limits)
        if "missing" in worker.hello:
            print(f"left out: {peer}, because it is not installed ({worker.hello['missing']})")
        else:
            workers.append(worker)
    versions = ", ".join(worker.hello["version"] for worker in workers)
    print(f"{versions}; Python {platform.python_version()}, {threads} threads")
    return workers


def print_table(workers: list[Worker], workloads: Mapping[str, Any], rounds: int) -> bool:
    """Measure all workloads, print a line for each, end the processes; whether all libraries computed the same."""
    if hasattr(os, "getloadavg"):  # other programs running at the same time add noise
        print(f"load average before: {os.getloadavg()[0]:.1f}")
    print(f"peer's time / fastnn's: median (smallest-largest of {rounds} rounds)\n")
    first, *peers = (worker.peer for worker in workers)
    print("| workload | fastnn | " + " | ".join(peers) + " |")
    print("|---" * (2 + len(peers)) + "|", flush=True)
    all_agree = True
    for name, workload in workloads.items():
        times, wrong = measure(workers, workload, rounds)
        all_agree = all_agree and not wrong
        own = times[first]
        cells = [name, f"{with_unit(statistics.median(own))} / {workload.unit}"]
        cells += [ratio(times[p], own) if p in times else "!" if p in wrong else "" for p in peers]
        print("| " + " | ".join(cells) + " |", flush=True)
    for worker in workers:
        worker.process.stdin.close()
        worker.process.wait()
    return all_agree


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--rounds", type=at_least_one, default=7)
    parser.add_argument("--threads", type=at_least_one, default=fastnn.get_num_threads())
    parser.add_argument("workload", nargs="*", help=f"names or parts of {list(WORKLOADS)}")
    arguments = parser.parse_args()
    asked = [peer for peer in arguments.peers.split(",") if peer]
    if unknown := set(asked) - set(PEERS):
        parser.error(f"unknown peers {', '.join(sorted(unknown))}; known: {', '.join(PEERS)}")
    wanted = arguments.workload
    names = [n for n in WORKLOADS if not wanted or any(w == n or (w not in WORKLOADS and w in n) for w in wanted)]
    if not names:
        parser.error(f"unknown workload {wanted}; known: {list(WORKLOADS)}")

    workers = start(("fastnn", *asked), arguments.threads)
    return 0 if print_table(workers, {name: WORKLOADS[name] for name in names}, arguments.rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
