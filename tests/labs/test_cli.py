"""The command `fastnn`, from its arguments to what it prints and leaves behind."""

import errno
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

import fastnn
from fastnn import cli, labs
from fastnn.engine import peak
from fastnn.kernels.peak import sums_size
from fastnn.labs import options, results

from ..subprocesses import ROOT

NUMBERS = r"loss = \d+\.\d{5}, acc = [01]\.\d{5}"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """MNIST, the first images of each part only."""
    folder = tmp_path_factory.mktemp("mnist")
    parts = zip(("train", "t10k"), fastnn.datasets.mnist.load_data(), (600, 100), strict=True)
    for part, (x, y), n in parts:
        images, labels = struct.pack(">4I", 2051, n, 28, 28), struct.pack(">2I", 2049, n)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(images + x[:n].tobytes())
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(labels + y[:n].tobytes())
    return folder


@pytest.fixture
def train(data, tmp_path):
    """Runs `fastnn train` in this process on little data; results go to tmp_path / "out" unless told otherwise."""

    def run(*options):
        usual = ["--data", str(data), "--epochs", "2", "--out", str(tmp_path / "out")]
        return CliRunner().invoke(cli.app, ["train", *usual, *map(str, options)])

    return run


def command(*arguments, python=(), **options):
    """`fastnn` in a process of its own; Ctrl-C works there also where this process ignores it."""
    code = (
        "import runpy, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); sys.argv[0] = 'fastnn';"
        "runpy.run_module('fastnn', run_name='__main__')"
    )
    # fastnn itself may be on the path by pytest's doing.
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | options.pop("environment", {})
    return subprocess.Popen(
        [sys.executable, *python, "-c", code, *map(str, arguments)], text=True, env=environment, **options
    )


def assert_real_picture(path):
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    pixels = (255 * matplotlib.image.imread(path)).astype(np.uint8)
    assert pixels.shape[2] == 4
    assert min(pixels.shape[:2]) > 2 * results.DPI  # inches
    assert len(np.unique(pixels.view(np.uint32))) > 10  # more colours than an empty page has


def assert_refused(result, message):
    """One line on stderr that says what is wrong, and exit status 2."""
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1
    assert re.match(rf"error: .*{message}", result.stderr), result.stderr


# Training


def test_what_train_prints_and_draws(train, tmp_path):
    result = train()
    assert result.exit_code == 0, result.output
    network, settings, data, *lines, test, _, _, _, curves, _, _, seconds = result.stdout.splitlines()
    assert data == f"some of the data: {tmp_path / 'out' / 'data.png'}"
    assert network == "784-256-10 (relu, softmax), 203,530 parameters"
    assert re.fullmatch(r"momentum, learning rate 0\.1, \d+ threads?", settings)
    expected = [rf"\[ {part} \| 00{i}/002 \] {NUMBERS}" for i in (1, 2) for part in ("Train", "Validation")]
    for pattern, line in zip(expected, lines, strict=True):
        assert re.fullmatch(pattern, line), line
    assert re.fullmatch(rf"\[ Test \] {NUMBERS}", test)
    assert curves == f"learning curves: {tmp_path / 'out' / 'curves.png'}"
    assert re.fullmatch(r"\d+\.\d s", seconds)
    pictures = {"data.png", "curves.png", "confusion.png", "misclassified.png"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == pictures | {
        "history.csv", "metrics.json", "model.safetensors"
    }  # fmt: skip
    assert_real_picture(tmp_path / "out" / "curves.png")


@pytest.mark.parametrize(
    ("epochs", "least"),
    [(2, 0.96), pytest.param(15, 0.98, marks=pytest.mark.full)],  # 15 unless given
)
def test_the_command_in_a_process_of_its_own_learns_all_of_mnist(tmp_path, epochs, least):
    given = () if epochs == 15 else ("--epochs", epochs)
    process = command("train", *given, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    assert "\x1b" not in stdout  # no bar where nobody sees it
    assert "\r" not in stdout
    lines = re.findall(rf"^\[ (?:Train|Validation) \| 0\d\d/0{epochs:02} \] {NUMBERS}$", stdout, re.MULTILINE)
    assert len(lines) == 2 * epochs
    accuracy = re.search(r"^\[ Test \] loss = \S+, acc = (\S+)$", stdout, re.MULTILINE)
    assert float(accuracy[1]) >= least
    assert_real_picture(tmp_path / "runs" / "train" / "curves.png")


@pytest.mark.parametrize("optimizer", options.OPTIMIZERS)
def test_every_optimizer_learns_with_its_own_learning_rate(train, optimizer):
    losses = re.findall(r"Train .* loss = (\S+),", train("--optimizer", optimizer, "--epochs", 8).stdout)
    assert float(losses[-1]) < 0.8 * float(losses[0])


@pytest.mark.parametrize(
    ("options", "network"),
    [
        (["--hidden", "204,202"], "784-204-202-10 (relu, softmax), 203,580 parameters"),
        (["--hidden", "none"], "784-10 (softmax), 7,850 parameters"),
        (["--hidden", "3", "--activation", "tanh"], "784-3-10 (tanh, softmax), 2,395 parameters"),
    ],
)
def test_other_networks(train, options, network):
    assert train(*options).stdout.splitlines()[0] == network


def test_without_validation_there_are_no_lines_of_it(train):
    result = train("--validation", 0)
    assert result.exit_code == 0
    assert "Validation" not in result.stdout


def test_the_same_seed_gives_the_same_numbers(train, tmp_path):
    def numbers(seed, out):
        return re.findall(r"^\[.*$", train("--seed", seed, "--out", tmp_path / out).stdout, re.MULTILINE)

    first = numbers(5, "a")
    assert len(first) == 5
    assert numbers(5, "b") == first
    assert numbers(6, "c") != first


@pytest.mark.filterwarnings("default")
def test_a_loss_that_is_no_number_any_more_ends_training_and_is_a_failure(train):
    result = train("--learning-rate", 1e30, "--epochs", 50)
    assert result.exit_code == 1
    assert result.stderr.startswith("warning: the loss is no longer a finite number since epoch 1")
    assert "[ Train | 002/050 ]" not in result.stdout


def test_the_advice_after_training_diverged_can_be_followed(train):
    diverged = train("--learning-rate", 1000)
    assert diverged.exit_code == 1
    assert diverged.stderr.endswith("try a smaller --learning-rate\n")
    assert train("--learning-rate", 0.1).exit_code == 0


@pytest.mark.parametrize(("rate", "warned"), [(1, True), (0.1, False)])
def test_one_epoch_that_made_the_loss_worse_is_warned_of(train, rate, warned):
    """The mean over that epoch may still be lower than before; what was reached is not."""
    result = train("--learning-rate", rate, "--epochs", 1)
    assert result.exit_code == 0
    said = re.fullmatch(r"warning: the loss became (\S+), before training it was (\S+): try .*\n", result.stderr)
    assert bool(said) == warned, result.output
    assert not warned or float(said[1]) >= float(said[2])


# The folder that it writes to


def test_an_earlier_result_is_replaced_only_when_told_to(train, tmp_path):
    earlier = tmp_path / "out" / "curves.png"
    earlier.parent.mkdir()
    earlier.write_text("precious")
    (earlier.parent / "notes.txt").write_text("mine")
    assert_refused(train(), r".*out is not empty; choose another folder with --out, or pass --overwrite")
    assert earlier.read_text() == "precious"
    assert train("--overwrite").exit_code == 0
    assert_real_picture(earlier)
    assert (earlier.parent / "notes.txt").read_text() == "mine"


def test_a_picture_that_cannot_be_finished_leaves_the_earlier_one(train, tmp_path, monkeypatch):
    save = Figure.savefig

    def full_disk(figure, path, **options):
        if "curves.png" not in str(path):  # those before training
            return save(figure, path, **options)
        Path(path).write_text("half a pic")
        raise OSError(errno.ENOSPC, "No space left on device")

    earlier = tmp_path / "out" / "curves.png"
    earlier.parent.mkdir()
    earlier.write_text("precious")
    monkeypatch.setattr(Figure, "savefig", full_disk)
    assert_refused(train("--overwrite"), rf".*No space left on device: {re.escape(str(earlier))}$")
    assert earlier.read_text() == "precious"
    # The numbers and the model come before the pictures of them, and are safe.
    names = {"data.png", "curves.png", "history.csv", "metrics.json", "model.safetensors"}
    assert {path.name for path in earlier.parent.iterdir()} == names


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt, 130), (OSError(errno.ENOSPC, "full"), 2)])
def test_a_folder_made_to_see_whether_it_can_be_written_to_does_not_stay(train, tmp_path, monkeypatch, error, status):
    def fail(dir):
        assert (tmp_path / "new" / "out").is_dir()
        raise error

    monkeypatch.setattr(results.tempfile, "TemporaryFile", fail)
    assert train("--out", tmp_path / "new" / "out").exit_code == status
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_made(train, tmp_path):
    (tmp_path / "file").touch()
    for out in ("file", "file/below"):
        assert_refused(train("--out", tmp_path / out), r"cannot write into .*; choose another folder with --out")


# Mistakes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epochs", "0"], "--epochs must be at least 1, received 0"),
        (["--epochs", "many"], r"Invalid value for '--epochs'.*\(see .*--help\)"),
        (["--batch-size", "-3"], "--batch-size must be at least 1, received -3"),
        (["--threads", "0"], "--threads must be at least 1, received 0"),
        (["--learning-rate", "-1"], "--learning-rate must be a finite number >= 0, received -1"),
        (["--learning-rate", "nan"], "--learning-rate must be a finite number"),
        (["--validation", "1"], r"--validation must be a finite number in \[0, 1\), received 1"),
        (["--seed", "-1"], "seed must be at least 0, received -1"),
        (["--hidden", "12,x"], "--hidden must be units such as 256 or 204,202, or \"none\", received '12,x'"),
        (["--hidden", "0"], "--hidden must be units"),
        (["--optimizer", "adma"], "unknown --optimizer 'adma'; did you mean 'adam'"),
        (["--activation", "rellu"], "unknown --activation 'rellu'; did you mean 'relu'"),
        (["--data", "nowhere"], ".*there is no file or folder nowhere"),
        (["--epoch", "3"], "No such option"),
        (["more"], "Got unexpected extra argument"),
    ],
)
def test_a_mistake_is_named_in_one_line(train, tmp_path, options, message):
    assert_refused(train(*options), message)
    assert not (tmp_path / "out").exists()


def test_a_damaged_data_file_is_named(train, data, tmp_path):
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for path in data.iterdir():
        (damaged / path.name).write_bytes(path.read_bytes())
    images = damaged / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-1])
    assert_refused(train("--data", damaged), rf"{re.escape(str(images))}: expected .* received .*")
    images.unlink()
    assert_refused(train("--data", damaged), rf"{re.escape(str(images))}: expected this MNIST file")


def test_an_unknown_command():
    assert_refused(CliRunner().invoke(cli.app, ["trian"]), "No such command 'trian'")


# On a terminal


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_on_a_terminal_there_is_a_bar_below_the_lines(data, tmp_path):
    ours, theirs = os.openpty()
    options = ("train", "--data", data, "--epochs", 2, "--out", tmp_path / "out")
    process = command(*options, stdout=theirs, environment={"TERM": "xterm", "COLUMNS": "100"})
    os.close(theirs)
    shown = b""
    try:
        while block := os.read(ours, 4096):
            shown += block
    except OSError:  # Linux's way to say that the other end is closed
        pass
    finally:
        os.close(ours)
    assert process.wait(timeout=60) == 0
    assert "━".encode() in shown
    assert b"epoch 1/2" in shown
    assert re.search(rb"\x1b\[0m loss = \d\.\d{5}\b", shown)  # so far, in the bar
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    for part in ("Train", "Validation"):
        assert re.search(rf"\[ {part} \| 002/002 \] {NUMBERS}\r\n", plain)


# The rest of the command


def test_info_shows_every_item():
    result = CliRunner().invoke(cli.app, ["info"])
    assert result.exit_code == 0, result.output
    for pattern in (
        rf"fastnn +{re.escape(fastnn.__version__)}",
        r"Python +3\.\d+\.\d+",
        rf"NumPy +{re.escape(np.__version__)}",
        r"Numba +\d+\.\d+\.\d+",
        r"llvmlite +\d+\.\d+\.\d+",
        rf"threads +{fastnn.get_num_threads()}",
        r"SIMD width +\d+ float32 lanes, (16|32|64) bytes, with(out)? FMA",
        r"kernel cache +.+",
        r"measured +float32, 128x784x256",
        r" +1 thread +peak \d+ GFLOP/s, tile \d+ GFLOP/s \((\d+ %|other programs disturb: try again)\)",
    ):
        assert re.search(f"^{pattern}$", result.stdout, re.MULTILINE), (pattern, result.stdout)
    if fastnn.get_num_threads() > 1:
        assert f"{fastnn.get_num_threads()} threads  " in result.stdout
    for percent in re.findall(r"GFLOP/s \((\d+) %\)", result.stdout):
        assert 0 < int(percent) <= 110  # more than the peak only by as much as the clock rate varies


@pytest.mark.parametrize(("slow_rounds", "rounds"), [(0, 10), (15, 16), (1000, 100)])
def test_a_tile_faster_than_the_peak_is_measured_again_and_said_to_be_impossible(monkeypatch, slow_rounds, rounds):
    """Other programs have the processor in the first rounds, whenever the peak is measured."""
    calls = []

    def seconds(pool, works, count):
        done, is_tile = divmod(len(calls), 2)
        calls.append(count)
        operations = 2 * (128 * 784 * 256 if is_tile else sums_size(np.float32) * peak._MULTIPLY_ADDS)
        speed = 90e9 if is_tile else 100e9 / (3 if done < slow_rounds else 1)
        return count * operations / speed

    monkeypatch.setattr(peak, "_seconds", seconds)
    monkeypatch.setattr(peak, "_prepare", lambda make_work, threads: ([None], 7))
    reached, tile = peak.peak_and_tile()
    assert len(calls) == 2 * rounds
    assert peak.is_possible(reached, tile) == (rounds < 100)
    assert tile / reached == pytest.approx(0.9 if rounds < 100 else 2.7)
    calls.clear()
    shown = CliRunner().invoke(cli.app, ["info"]).stdout
    assert ("other programs disturb: try again" in shown) == (slow_rounds > 100)


def test_alone_it_says_what_there_is():
    for arguments in ([], ["--help"], ["-h"]):
        result = CliRunner().invoke(cli.app, arguments)
        assert result.exit_code == 0
        assert "train" in result.stdout
        assert "info" in result.stdout
    assert CliRunner().invoke(cli.app, ["train", "--help"]).stdout.count("--") >= 12


@pytest.mark.parametrize(
    "command", [["train"], ["info"], ["convert"], ["lab"], *(["lab", name] for name in labs.COMMANDS)], ids=" ".join
)
def test_every_command_knows_h(command):
    short, long = (CliRunner().invoke(cli.app, [*command, option]) for option in ("-h", "--help"))
    assert (short.exit_code, short.stdout) == (0, long.stdout)
    assert "Usage: " in short.stdout


def test_version():
    result = CliRunner().invoke(cli.app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"fastnn {fastnn.__version__}\n")
