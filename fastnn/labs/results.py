"""The folder for the results of a lab, and how a lab ends."""

import contextlib
import copy
import csv
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import typer

import fastnn
from fastnn._command import INTERRUPTED
from fastnn.callbacks import History
from fastnn.files import written_whole
from fastnn.notebooks import Notebook, NotebookError

DPI = 150  # of the pictures
DIVERGED = 2.0  # times the loss of the untrained network
SUFFIXES = (".png", ".csv", ".json", ".safetensors", ".ipynb")  # of the files that labs write


class Results:
    """Writes figures, history.csv, metrics.json and models into a folder and prints their paths.

    Each file is written completely or not at all. A lab works within `with Results(...) as results:`. Whatever ends
    that block before history.csv is written (an error, Ctrl-C, training that diverged), it leaves the folder as it was
    before. At its normal end it prints the time; after Ctrl-C the status is 130.

    Args:
        folder: created with the first file.
        overwrite: whether the folder may contain files; those with the same names are then replaced.

    Raises:
        ValueError: if the folder is not empty and `overwrite` is not set, or if it cannot be written to.
    """

    def __init__(self, folder: Path, overwrite: bool):
        # Check this before computing anything.
        self.folder, self.new = Path(folder), []
        try:
            self.new = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
            self.folder.mkdir(parents=True, exist_ok=True)
            if any(self.folder.iterdir()) and not overwrite:
                raise ValueError(f"{folder} is not empty; choose another folder with --out, or pass --overwrite")
            tempfile.TemporaryFile(dir=self.folder).close()
            self.earlier = {path.name for path in self.folder.iterdir() if path.suffix in SUFFIXES}
        except OSError as error:
            raise ValueError(
                f"cannot write into {folder} ({error.strerror}); choose another folder with --out"
            ) from error
        finally:
            self._remove_new_folders()
        self.began = time.perf_counter()
        self.interrupted = self.learned = self.has_results = False
        self.written: list[str] = []
        self.replaced: dict[str, bytes | None] = {}  # name: what was there before; None: nothing

    def __enter__(self) -> "Results":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            if not self.has_results:
                self._take_back()
            return
        if left := sorted(self.earlier - set(self.written)):
            print(f"from an earlier run: {', '.join(left)}")
        print(f"{self.seconds:.1f} s")
        if self.interrupted:
            raise typer.Exit(INTERRUPTED)

    @contextlib.contextmanager
    def until_ctrl_c(self, trained: fastnn.Sequential | History, count: int, unit: str = "epoch") -> Iterator[None]:
        """Ctrl-C ends the block, and the lab continues with what was trained in this or an earlier such block.

        If that is nothing, the lab ends.
        """
        try:
            yield
            self.learned = True
        except KeyboardInterrupt:
            self.interrupted = True
            history = trained if isinstance(trained, History) else trained.history
            finished = 0 if history is None or not history.epoch else history.epoch[-1] + 1
            print(f"interrupted: {finished} of {count} {unit}s are finished", file=sys.stderr, flush=True)
            if finished == 0 and not self.learned:
                raise typer.Exit(INTERRUPTED) from None

    def must_have_learned(self, untrained: float, history: History, tested: float, network: str = "") -> None:
        """End the lab with status 1 if training diverged: then there are no results.

        That is where a loss is not finite, or in the last epoch more than twice as large as before training; where that
        is the only epoch, the loss on the test data counts as well. Where it is not smaller than before, say so.

        Args:
            untrained: what `untrained_loss` returned.
            history: what `fit` returned.
            tested: the loss on the test data.
            network: the network's name, if there are several.
        """
        trained = history.history["loss"][-1]
        if len(history.epoch) == 1:  # whose loss is from before its steps
            trained = max(trained, tested)
        became = trained if math.isfinite(tested) else tested  # the last step of all may have been the bad one
        diverged = not (math.isfinite(became) and trained <= DIVERGED * untrained)
        # After a single step the losses before and after differ by little more than the samples that they are of.
        steps = (history.epoch[-1] + 1) * history.params.get("steps", 1)
        if diverged or (trained >= untrained and steps > 1):
            print(
                f"{'error' if diverged else 'warning'}: the loss{network and f' of {network}'} became {became:.5g}, "
                f"before training it was {untrained:.5g}: try a smaller --learning-rate",
                file=sys.stderr,
                flush=True,
            )
        if diverged:
            raise typer.Exit(1)

    def figure(self, figure: Any, name: str, what: str) -> None:
        """Save a figure as NAME.png."""
        path = self._path(f"{name}.png")
        with written_whole(path) as unfinished:
            figure.savefig(unfinished, format="png", dpi=DPI)
        self._say(what, path)

    def history(self, history: History | Mapping[str, History], first_column: str = "epoch") -> None:
        """Save history.csv, one line per epoch; with several networks each line starts with the network's name."""
        several = isinstance(history, Mapping)
        histories = history if isinstance(history, Mapping) else {"": history}
        names = list(dict.fromkeys(name for h in histories.values() for name in h.history))
        path = self._path("history.csv")
        with written_whole(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*(["network"] if several else []), first_column, *names])
            for network, h in histories.items():
                columns = [h.history.get(name, [""] * len(h.epoch)) for name in names]
                for epoch, *values in zip(h.epoch, *columns, strict=True):
                    writer.writerow([*([network] if several else []), epoch + 1, *values])
        self.has_results = True
        self._say("history", path)

    def metrics(self, settings: Mapping[str, Any], **numbers: Any) -> None:
        """Save metrics.json: the settings, the results, and the seconds since the start of the lab."""
        contents = {
            "fastnn": fastnn.__version__,
            "settings": dict(settings),
            **numbers,
            "interrupted": self.interrupted,
            "seconds": self.seconds,
        }
        path = self._path("metrics.json")
        with written_whole(path) as unfinished:
            unfinished.write_text(json.dumps(_plain(contents), indent=2, allow_nan=False) + "\n", encoding="utf-8")
        self._say("metrics", path)

    def model(self, model: fastnn.Sequential, name: str = "model") -> None:
        """Save a model as NAME.safetensors."""
        path = self._path(f"{name}.safetensors")
        model.save(path)
        self._say(name.replace("_", " "), path)

    def notebook(self, notebook: Notebook | None) -> None:
        """Run the lab's notebook and save it under the lab's name; nothing if there is none, or after Ctrl-C.

        If a cell fails, the lab ends with status 1. Whatever ends it here, the other results stay.
        """
        if notebook is None or self.interrupted:
            return
        print("the notebook runs: the lab once more, cell by cell", flush=True)
        try:
            notebook.run()
        except NotebookError as error:
            print(f"error: the notebook was not written: {error}", file=sys.stderr, flush=True)
            raise typer.Exit(1) from None
        path = self._path(f"{notebook.name.removeprefix('lab_').replace('_', '-')}.ipynb")
        notebook.write(path)
        self._say("notebook", path)

    @property
    def seconds(self) -> float:
        """Seconds since the start of the lab."""
        return time.perf_counter() - self.began

    def _path(self, name: str) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / name
        if not self.has_results and name not in self.replaced:
            self.replaced[name] = path.read_bytes() if path.is_file() else None
        return path

    def _take_back(self) -> None:
        """Remove the files that this run has written, and its new folders; put those back that it has replaced."""
        for name, before in self.replaced.items():
            path = self.folder / name
            if before is None:
                path.unlink(missing_ok=True)
            elif path.read_bytes() != before:
                with written_whole(path) as unfinished:
                    unfinished.write_bytes(before)
        self._remove_new_folders()

    def _remove_new_folders(self) -> None:
        with contextlib.suppress(OSError):  # another lab may have put its own folder there
            for path in self.new:
                path.rmdir()

    def _say(self, what: str, path: Path) -> None:
        if path.name not in self.written:  # metrics.json is written again when there are more results
            self.written.append(path.name)
            print(f"{what}: {path}", flush=True)


def untrained_loss(model: fastnn.Sequential, x: np.ndarray, y: np.ndarray, samples: int = 100) -> float:
    """The loss of a network before training, on the first samples.

    A copy of the network takes one step, so that all its kernels are compiled when the time of training is measured.
    """
    loss: float = copy.deepcopy(model).train_on_batch(x[:samples], y[:samples], return_dict=True)["loss"]
    return loss


def _plain(value: Any) -> Any:
    """`value` as JSON can store it: paths as text, and null for numbers that are not finite."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
