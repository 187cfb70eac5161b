"""One library in its own process, which `bench.compare` starts and controls by lines of JSON.

Libraries in the same process would compete for threads. While one process works, the others wait for a line.
"""

import importlib
import json
import os
import sys
import time


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # anything that a library prints is not an answer
    peer, threads = sys.argv[1], int(sys.argv[2])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    try:
        module = importlib.import_module(f"bench.peers.with_{peer}")
    except ModuleNotFoundError as error:
        answers.write(json.dumps({"missing": str(error)}) + "\n")
        return
    from bench.workloads import WORKLOADS

    workloads = getattr(module, "WORKLOADS", WORKLOADS)
    answers.write(json.dumps({"version": module.version()}) + "\n")
    job = None
    for line in sys.stdin:
        request = json.loads(line)
        if "workload" in request:
            job = None  # frees the memory of the previous job
            job = module.make(workloads[request["workload"]])
            answer = {"check": None if job is None else job.check()}
        else:
            began = time.perf_counter()
            job.run(request["repetitions"])
            answer = {"seconds": time.perf_counter() - began}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
