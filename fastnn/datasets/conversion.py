"""Converts idx files to CSV files and back, one block of images at a time."""

import contextlib
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ..files import written_whole
from . import idx, mnist
from .csv_images import reading_csv, writing_csv
from .packed import Bytes

_BLOCK = 1 << 17  # pixels held in memory at a time
_USAGE = "expected IMAGES LABELS FILE.csv, or FILE.csv IMAGES LABELS, or a folder (or mnist) and a folder"


class _Job(NamedTuple):
    """One conversion: of a CSV file into a pair of idx files, images and labels, or of such a pair into a CSV file."""

    sources: tuple[Path, ...]
    targets: tuple[Path, ...]


class _Source(NamedTuple):
    shape: tuple[int, ...]  # of all images
    blocks: Iterator[tuple[Bytes, Bytes]]  # images and labels


def convert(*paths: str | os.PathLike[str], overwrite: bool = False, progress: bool = True) -> None:
    """Convert images from idx files to CSV files, or back.

    A CSV file has one line per image: the label, then the pixels row by row. It does not store the height and width, so
    only square images can be converted back. Source files may be gzip-compressed; targets are compressed if their name
    ends in `.gz`. Names of CSV files end in `.csv` or `.csv.gz`. Images are processed in blocks, so little memory is
    needed. The targets appear together, when all are complete: if something fails, no file is created or changed.

    Args:
        paths: What to read, then what to write, in one of three forms:
            idx images, idx labels, CSV file;
            CSV file, idx images, idx labels;
            two folders. If the first holds the four idx files of MNIST, `mnist_train.csv` and `mnist_test.csv` are
            written into the second, and the other way round. The name `mnist`, unless there is such a folder,
            means the MNIST that ships with fastnn.
        overwrite: Replace targets that exist.
        progress: Print one line per written file; on a terminal, also show a progress bar.

    Raises:
        FileNotFoundError: A source is missing.
        ValueError: A target exists, a source is damaged, the numbers of images and labels differ, or the images of a
            CSV file are not square.

    >>> np.savetxt("images.csv", [[5, 0, 255, 128, 0], [3, 9, 9, 9, 9]], fmt="%d", delimiter=",")
    >>> fastnn.datasets.conversion.convert("images.csv", "images.idx", "labels.idx")
    images.idx: 2 images of 2x2
    labels.idx: 2 labels
    >>> fastnn.datasets.idx.read_labels("labels.idx").tolist()
    [5, 3]
    """
    jobs = _jobs([Path(path) for path in paths])
    targets = [target for job in jobs for target in job.targets]
    _check_targets(targets, [source for job in jobs for source in job.sources], overwrite)
    with contextlib.ExitStack() as stack:
        sources = [stack.enter_context(_opened(job.sources)) for job in jobs]  # all, before anything is written
        unfinished = stack.enter_context(_written_together(targets))
        advance = stack.enter_context(_bar(sum(source.shape[0] for source in sources), progress))
        for job, source in zip(jobs, sources, strict=True):
            with _writing([unfinished[target] for target in job.targets], source.shape) as write:
                for images, labels in source.blocks:
                    write(images, labels)
                    advance(len(labels))
    if progress:
        for job, source in zip(jobs, sources, strict=True):
            count, *sizes = source.shape
            print(f"{job.targets[0]}: {count:,} images of {'x'.join(map(str, sizes))}")
            for labels_path in job.targets[1:]:
                print(f"{labels_path}: {count:,} labels")


def _jobs(paths: Sequence[Path]) -> list[_Job]:
    match [_is_csv(path) for path in paths]:
        case [False, False, True]:
            return [_Job((paths[0], paths[1]), (paths[2],))]
        case [True, False, False]:
            if "labels" in paths[1].name and "images" in paths[2].name:
                raise ValueError(f"{_USAGE}; received the file for labels first: {paths[1]}")
            return [_Job((paths[0],), (paths[1], paths[2]))]
        case [False, False]:
            return _jobs_of_folder(*paths)
        case _:
            raise ValueError(f"{_USAGE}; received {' '.join(map(str, paths)) or 'nothing'}")


def _is_csv(path: Path) -> bool:
    return path.name.lower().endswith((".csv", ".csv.gz"))


def _jobs_of_folder(source: Path, target: Path) -> list[_Job]:
    folder = mnist.SHIPPED if str(source) == "mnist" and not source.exists() else source
    if not folder.is_dir():
        if folder.exists():
            raise ValueError(f"{_USAGE}; received the file {source}")
        raise FileNotFoundError(f"{source}: expected a folder with the files of MNIST, there is no such folder")
    if target.exists() and not target.is_dir():
        raise ValueError(f"{target}: expected a folder to write into, received a file")

    holds_idx = any(folder.glob("t*idx?-ubyte*"))
    holds_csv = any(folder.glob("mnist_t*.csv*"))
    if holds_idx and holds_csv:
        raise ValueError(f"{folder}: expected either idx or CSV files, received both; name the files to convert")
    if holds_idx:
        return [_Job(_idx_files(folder, part), (target / name,)) for part, name in mnist.CSV_NAMES.items()]
    if holds_csv:
        return [
            _Job(
                (mnist.find_csv(folder, part) or folder / name,),
                (target / f"{part}-images-idx3-ubyte.gz", target / f"{part}-labels-idx1-ubyte.gz"),
            )
            for part, name in mnist.CSV_NAMES.items()
        ]
    raise FileNotFoundError(
        f"{folder}: expected the four idx files of MNIST, or {' and '.join(mnist.CSV_NAMES.values())}"
    )


def _idx_files(folder: Path, part: str) -> tuple[Path, Path]:
    return mnist.find(folder, f"{part}-images-idx3-ubyte"), mnist.find(folder, f"{part}-labels-idx1-ubyte")


def _check_targets(targets: Sequence[Path], sources: Sequence[Path], overwrite: bool) -> None:
    if len({target.resolve() for target in targets}) < len(targets):
        raise ValueError(f"expected two files to write, received {targets[0]} twice")
    for target in targets:
        if not os.path.lexists(target):
            continue
        if not target.is_file():
            raise ValueError(f"{target}: expected a file to write, received something that is not a regular file")
        if any(source.exists() and source.samefile(target) for source in sources):
            raise ValueError(f"{target}: expected another file to write than to read")
        if not overwrite:
            raise ValueError(f"{target} exists already; choose another name, or pass --overwrite")


@contextlib.contextmanager
def _opened(paths: Sequence[Path]) -> Iterator[_Source]:
    """Open a CSV file or a pair of idx files, and check everything that can be checked without reading the data."""
    if len(paths) == 1:
        with reading_csv(paths[0]) as table:
            if len(table.shape) != 3:
                raise ValueError(
                    f"{paths[0]}: expected a square number of pixels (784 is 28x28), received {table.shape[1]}"
                )
            yield _Source(table.shape, table.blocks())
        return
    images_path, labels_path = paths
    with idx.reading_idx(images_path, idx.IMAGES) as images, idx.reading_idx(labels_path, idx.LABELS) as labels:
        if images.shape[0] != labels.shape[0]:
            raise ValueError(
                f"expected as many labels as images, received {images.shape[0]} images in {images_path} "
                f"and {labels.shape[0]} labels in {labels_path}"
            )
        items = max(1, _BLOCK // math.prod(images.shape[1:]))
        yield _Source(images.shape, zip(images.blocks(items), labels.blocks(items), strict=True))


@contextlib.contextmanager
def _writing(paths: Sequence[Path], shape: tuple[int, ...]) -> Iterator[Callable[[Bytes, Bytes], None]]:
    """The counterpart of `_opened`: a function that appends images and labels."""
    if len(paths) == 1:
        with writing_csv(paths[0]) as write:
            yield write
        return
    with idx.writing_idx(paths[0], shape) as write_images, idx.writing_idx(paths[1], shape[:1]) as write_labels:

        def write_both(images: Bytes, labels: Bytes) -> None:
            write_images(images)
            write_labels(labels)

        yield write_both


@contextlib.contextmanager
def _written_together(targets: Sequence[Path]) -> Iterator[dict[Path, Path]]:
    """A temporary path for each target; they become the targets when the block ends, or are removed if it fails."""
    with contextlib.ExitStack() as stack:
        unfinished = {}
        for target in targets:
            target.parent.mkdir(parents=True, exist_ok=True)
            unfinished[target] = stack.enter_context(written_whole(target))
        yield unfinished


@contextlib.contextmanager
def _bar(total: int, wanted: bool) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on a terminal until the block ends; yields a function that advances it by some images."""
    if not (wanted and sys.stdout.isatty()):
        yield lambda images: None
        return
    from rich import progress

    with progress.Progress("images", progress.BarColumn(), progress.TimeRemainingColumn(), transient=True) as display:
        task = display.add_task("", total=total)
        yield lambda images: display.advance(task, images)
