"""Where the time of the workloads goes: their profiles as tables and, with `--out`, as pictures.

    python -m bench.profiles [--threads 2] [--times 3] [--out FOLDER] [workload ...]

Choose workloads by their name or a part of it, as in `bench.compare`. Each is profiled several times, and the fastest
counts, because other programs only add to it. The site's page "How fast" shows
"MNIST, batch 128" and "autoencoder".
"""

import argparse
from pathlib import Path

import fastnn

from .peers import with_fastnn
from .workloads import WORKLOADS, Convolution, Product


def best_profile(name: str, times: int) -> fastnn.Profile:
    """The fastest of several profiles, after some training."""
    workload = WORKLOADS[name]
    job = with_fastnn.make(workload)
    job.run(1)
    arguments = {"x": job.x, "verbose": 0}
    if hasattr(workload, "batch_size"):
        arguments |= {"y": job.y, "batch_size": workload.batch_size or len(job.x)}
    return min((job.model.profile(**arguments) for _ in range(times)), key=lambda found: found.seconds)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.profiles", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=fastnn.get_num_threads())
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--out", type=Path)
    known = [name for name, workload in WORKLOADS.items() if not isinstance(workload, (Convolution, Product))]
    parser.add_argument("workload", nargs="*", help=f"names or parts of {known}")
    arguments = parser.parse_args()
    wanted = arguments.workload
    names = [n for n in known if not wanted or any(w == n or (w not in known and w in n) for w in wanted)]
    if not names:
        parser.error(f"unknown workload {wanted}; known: {known}")
    fastnn.set_num_threads(arguments.threads)
    for name in names:
        found = best_profile(name, arguments.times)
        print(f"# {name}\n\n{found}\n", flush=True)
        if arguments.out is not None:
            place = arguments.out / f"profile-{name.split(',')[0].replace(' ', '-').lower()}.png"
            title = f"{name}: {1e6 * found.seconds:,.0f} µs a {'step' if found.training else 'call'}"
            fastnn.plots.profile(found, title=title).savefig(place, dpi=110)


if __name__ == "__main__":
    main()
