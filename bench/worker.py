"""One library in a process of its own: `bench.compare` starts it and tells it what to do, a line of JSON at a time.

Libraries that share a process also share, and fight over, their threads. While one works, the others wait for a line.
"""

import importlib
import json
import os
import sys
import time


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints is no answer
    peer, threads = sys.argv[1], int(sys.argv[2])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    try:
        module = importlib.import_module(f"bench.peers.with_{peer}")
    except ModuleNotFoundError as error:
        answers.write(json.dumps({"missing": str(error)}) + "\n")
        return
    from bench.workloads import WORKLOADS

    answers.write(json.dumps({"version": module.version()}) + "\n")
    job = None
    for line in sys.stdin:
        request = json.loads(line)
        if "workload" in request:
            job = None  # frees the last one's memory
            job = module.make(WORKLOADS[request["workload"]])
            answer = {"check": None if job is None else job.check()}
        else:
            began = time.perf_counter()
            job.run(request["repetitions"])
            answer = {"seconds": time.perf_counter() - began}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
