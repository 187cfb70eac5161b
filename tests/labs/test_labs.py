"""Each lab end to end: what it prints, what it leaves behind, what it reaches, and what it refuses."""

import csv
import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

import fastnn
from fastnn import cli, labs, plots
from fastnn.datasets import mnist
from fastnn.labs import results

from .test_cli import assert_real_picture, assert_refused

NUMBERS = r"loss = \d+\.\d{5}, acc = [01]\.\d{5}"


def finished(result):
    assert result.exit_code == 0, result.output
    # On a machine's first run fastnn says what it makes once.
    assert re.sub(r"^fastnn (compiles|renders) .*, once on this machine.*\n", "", result.stderr) == ""
    return result.stdout


def left(folder, *pictures, models=("model",), network=False, unit="epoch"):
    """history.csv as columns, and metrics.json, after a look at everything that must be there, and nothing else."""
    expected = {*(f"{p}.png" for p in pictures), *(f"{m}.safetensors" for m in models), "history.csv", "metrics.json"}
    assert {path.name for path in folder.iterdir()} == expected
    for picture in pictures:
        assert_real_picture(folder / f"{picture}.png")
    with (folder / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[: 1 + network] == ([*(["network"] if network else []), unit])
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["fastnn"] == fastnn.__version__
    assert metrics["settings"]["out"] in (str(folder), None)
    return rows, metrics


def test_lab_alone_lists_them_with_a_line_each():
    for arguments in (["lab"], ["lab", "--help"]):
        shown = CliRunner().invoke(cli.app, arguments).stdout
        for name, command in labs.COMMANDS.items():
            assert re.search(rf"^. {name} +{re.escape(command.__doc__)} +.$", shown, re.MULTILINE), shown


@pytest.mark.parametrize("name", labs.COMMANDS)
def test_help_shows_every_option_with_its_default(name):
    shown = CliRunner().invoke(cli.app, ["lab", name, "--help"], env={"COLUMNS": "200"}).stdout
    options = re.findall(r"^[ │]*(--[a-z-]+)", shown, re.MULTILINE)
    arguments = command_options(labs.COMMANDS[name])
    assert set(options) - {"--help"} == arguments
    with_default = shown.count("[default: ")
    flags = {"--overwrite", "--compare", "--big", "--notebook"} & arguments
    assert with_default == len(arguments) - len(flags)


def command_options(function):
    names = {name.replace("_", "-") for name in function.__annotations__} - {"return", "context"}
    return {f"--{'points' if name == 'samples' else name}" for name in names}


# mnist


@pytest.mark.usefixtures("full_size")
def test_mnist(lab, images, tmp_path):
    stdout = finished(
        lab("mnist", "--epochs", 2, "--hidden", "30,20", "--activation", "sigmoid", "--optimizer", "adam")
    )
    lines = stdout.splitlines()
    assert lines[0] == "784-30-20-10 (sigmoid, softmax), 24,380 parameters"  # 785 30 + 31 20 + 21 10
    for epoch in (1, 2):
        for part in ("Train", "Validation"):
            assert re.search(rf"^\[ {part} \| 00{epoch}/002 \] {NUMBERS}$", stdout, re.MULTILINE)
    test = re.search(r"^\[ Test \] loss = (\S+), acc = (\S+)$", stdout, re.MULTILINE)
    for what in ("learning curves", "confusion matrix", "misclassified images", "history", "metrics", "model"):
        assert re.search(rf"^{what}: {re.escape(str(tmp_path))}/out/\w+\.\w+$", stdout, re.MULTILINE), what
    rows, metrics = left(tmp_path / "out", "data", "curves", "confusion", "misclassified")
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["val_loss"]) == metrics["last_epoch"]["val_loss"]
    assert metrics["parameters"] == 24_380
    assert (f"{metrics['test']['loss']:.5f}", f"{metrics['test']['accuracy']:.5f}") == test.groups()
    assert metrics["settings"]["hidden"] == "30,20"
    model = fastnn.saving.load_model(tmp_path / "out" / "model.safetensors")
    assert model.evaluate(*mnist.load_data(images)[1], verbose=0, return_dict=True) == metrics["test"]


def test_mnist_with_folds(lab, tmp_path):
    stdout = finished(lab("mnist", "--epochs", 1, "--folds", 3))
    folds = re.findall(r"^\[ Fold \| 00(\d)/003 \] loss = \S+, acc = (\S+)$", stdout, re.MULTILINE)
    assert [fold for fold, _ in folds] == ["1", "2", "3"]
    accuracies = np.array([float(a) for _, a in folds])
    mean, spread = re.search(r"^\[ 3 folds \] acc = (\S+) \+- (\S+), \S+ s$", stdout, re.MULTILINE).groups()
    assert float(mean) == pytest.approx(accuracies.mean(), abs=2e-5)
    assert float(spread) == pytest.approx(accuracies.std(ddof=1), abs=2e-5)
    _, metrics = left(tmp_path / "out", "data", "folds", "curves", "confusion", "misclassified")
    assert metrics["folds"]["accuracy"] == pytest.approx(accuracies, abs=1e-5)


def write_csv(path, x, y):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([label, *image.ravel()] for image, label in zip(x, y, strict=True))
    return path


def test_mnist_from_csv_is_the_same_as_from_idx(lab, images, tmp_path):
    (x, y), (x_test, y_test) = mnist.load_data(images)
    train = write_csv(tmp_path / "train.csv", x, y)
    test = write_csv(tmp_path / "test.csv", x_test, y_test)
    from_idx = finished(lab("mnist", "--epochs", 1, "--out", tmp_path / "idx"))
    from_csv = finished(lab("mnist", "--epochs", 1, "--out", tmp_path / "csv", "--data", train, "--test-data", test))
    assert re.findall(r"^\[.*", from_csv, re.MULTILINE) == re.findall(r"^\[.*", from_idx, re.MULTILINE)
    alone = finished(lab("mnist", "--epochs", 1, "--out", tmp_path / "alone", "--data", train))
    assert f"{train}: 540 images to train with, 60 held out to test with" in alone


def test_mnist_from_csv_names_line_and_column(lab, images, tmp_path):
    (x, y), _ = mnist.load_data(images)
    lines = write_csv(tmp_path / "bad.csv", x[:50], y[:50]).read_text().splitlines()
    fields = lines[30].split(",")
    fields[6] = "300"
    lines[30] = ",".join(fields)
    (tmp_path / "bad.csv").write_text("\n".join(lines))
    assert_refused(lab("mnist", "--data", tmp_path / "bad.csv"), r".*bad\.csv, line 31, column 7: expected .*'300'")
    assert not (tmp_path / "out").exists()


# backprop


@pytest.mark.usefixtures("full_size")
def test_backprop_converges_and_says_so(lab, tmp_path):
    stdout = finished(lab("backprop"))
    assert re.search(r"^\[ 200\] linear loss : 0\.\d{4}   XOR loss : 0\.\d{4}$", stdout, re.MULTILINE)
    pictures = ("data", "activation", "predictions", "surface", "curves")
    rows, metrics = left(tmp_path / "out", *pictures, models=("linear", "xor"), network=True)
    for name, count in (("linear", 100), ("XOR", 21)):
        said = re.search(rf"^{name}: loss under 0\.005 after (\d+) epochs$", stdout, re.MULTILINE)
        epochs = int(said[1])
        assert epochs < 10_000
        losses = [float(row["loss"]) for row in rows if row["network"] == name]
        assert len(losses) == epochs == metrics["networks"][name]["epochs"]
        assert losses[-1] < 0.005 <= min(losses[:-1])
        assert metrics["networks"][name]["accuracy"] >= 0.95
        column = re.search(rf"^{name} predictions, with the truth:\n((?:[01]\.\d{{5}} [01]\n)+)", stdout, re.MULTILINE)
        rows_printed = [line.split() for line in column[1].splitlines()]
        assert len(rows_printed) == count
        right = np.mean([(float(prediction) > 0.5) == (truth == "1") for prediction, truth in rows_printed])
        assert right == pytest.approx(metrics["networks"][name]["accuracy"])
    assert metrics["networks"]["XOR"]["accuracy"] == 1
    assert re.search(r"^XOR test loss : 0\.00\d{3}   accuracy : 100\.00%$", stdout, re.MULTILINE)


def test_backprop_without_a_threshold_goes_on_to_the_end(lab, tmp_path):
    stdout = finished(lab("backprop", "--epochs", 7_300, "--loss-threshold", 0, "--no-bias"))
    assert re.search(r"^\[7300\] linear", stdout, re.MULTILINE)
    assert "loss under" not in stdout
    model = fastnn.saving.load_model(tmp_path / "out" / "linear.safetensors")
    assert [w.shape for w in model.get_weights()] == [(2, 4), (4, 4), (4, 1)]
    assert model.count_params() == 28


def test_backprop_compares_everything(lab, tmp_path):
    stdout = finished(lab("backprop", "--epochs", 300, "--compare"))
    pictures = ("data", "activation", "predictions", "surface", "curves", "compared")
    rows, metrics = left(tmp_path / "out", *pictures, models=("linear", "xor"), network=True)
    combinations = {
        f"{data} {activation} {optimizer}"
        for data in ("linear", "XOR")
        for activation in ("sigmoid", "tanh", "relu", "leaky_relu")
        for optimizer in ("sgd", "momentum", "adagrad", "adam")
    }
    assert set(metrics["compared"]) == combinations
    assert (
        len(re.findall(r"^\w+ +\w+ +loss \d\.\d{4} at [\d,]+ +loss \d\.\d{4} at [\d,]+$", stdout, re.MULTILINE)) == 16
    )
    # Each begins with the weights that the seed gives, so the one with the default settings is the lab's own network.
    for name in ("linear", "XOR"):
        losses = [float(row["loss"]) for row in rows if row["network"] == name]
        assert metrics["compared"][f"{name} sigmoid sgd"]["loss"] == losses[-1]


# wide-deep


@pytest.mark.usefixtures("full_size")
def test_wide_deep(lab, tmp_path):
    stdout = finished(lab("wide-deep", "--epochs", 2))
    # 785 256 + 257 10; 785 204 + 205 202 + 203 10
    for count in ("203,530", "203,580"):
        assert re.search(rf"Total params: {count} ", stdout)
        assert re.search(
            rf"^(wide|deep) +{count} +0\.\d{{5}} +0\.\d{{5}} +\d+\.\d{{5}} +\d+\.\d$", stdout, re.MULTILINE
        )
    assert len(re.findall(rf"^\[ (?:Train|Test) \| 00[12]/002 \] {NUMBERS}$", stdout, re.MULTILINE)) == 8
    rows, metrics = left(tmp_path / "out", "data", "wide", "deep", "compared", models=("wide", "deep"), network=True)
    assert [(row["network"], row["epoch"]) for row in rows] == [(n, e) for n in ("wide", "deep") for e in ("1", "2")]
    assert metrics["networks"]["wide"]["test accuracy"] == float(rows[1]["val_accuracy"])


@pytest.mark.parametrize("output", ["softmax", "sigmoid", "linear"])
def test_wide_deep_with_every_output(lab, tmp_path, output):
    stdout = finished(lab("wide-deep", "--epochs", 5, "--output", output, "--optimizer", "adam"))
    _, metrics = left(tmp_path / "out", "data", "wide", "deep", "compared", models=("wide", "deep"), network=True)
    assert metrics["networks"]["wide"]["test accuracy"] > 0.5, stdout


def test_wide_deep_with_replacement_counts_iterations(lab, tmp_path):
    stdout = finished(lab("wide-deep", "--sampling", "replacement", "--iterations", 250))
    lines = re.findall(r"^\[Iteration +(\d+)\] Loss=\d\.\d{4} \| Acc=[01]\.\d{3}$", stdout, re.MULTILINE)
    assert lines == ["100", "200", "250"] * 2
    rows, _ = left(
        tmp_path / "out", "data", "wide", "deep", "compared", models=("wide", "deep"), network=True, unit="iteration"
    )
    assert [row["iteration"] for row in rows] == lines


# autoencoder


@pytest.mark.usefixtures("full_size")
def test_autoencoder(lab, images, tmp_path):
    stdout = finished(lab("autoencoder", "--epochs", 2, "--labels", 200))
    shares = re.findall(r"^  (784 pixels|128 features \(autoencoder\)): (\S+)%$", stdout, re.MULTILINE)
    assert len(shares) == 2
    assert all(40 < float(share) <= 100 for _, share in shares)
    _, metrics = left(
        tmp_path / "out", "data", "reconstructions", "filters", "curves", models=("autoencoder", "encoder")
    )
    autoencoder, encoder = (
        fastnn.saving.load_model(tmp_path / "out" / f"{name}.safetensors") for name in ("autoencoder", "encoder")
    )
    x_test = mnist.load_data(images)[1][0]
    features = encoder.predict(x_test)
    assert features.shape == (100, 128)
    kernel, bias = autoencoder.layers[-1].weights
    expected = 1 / (1 + np.exp(-(features.astype(np.float64) @ kernel + bias)))
    np.testing.assert_allclose(autoencoder.predict(x_test), expected, atol=1e-5)
    t = x_test.reshape(100, -1) / 255
    y = autoencoder.predict(x_test).astype(np.float64)
    entropy = -(t * np.log(y) + (1 - t) * np.log(1 - y)).mean()
    assert metrics["networks"]["autoencoder"]["loss"] == pytest.approx(entropy, rel=1e-4)


@pytest.mark.parametrize(
    "options", [["--denoise", "gaussian"], ["--denoise", "masking", "--noise", 0.3], ["--loss", "mse"]]
)
def test_other_autoencoders(lab, tmp_path, options):
    finished(lab("autoencoder", "--epochs", 1, "--dropout", 0.2, "--hidden", 16, *options))
    left(tmp_path / "out", "data", "reconstructions", "filters", "curves", models=("autoencoder", "encoder"))


def test_autoencoder_compares_plain_with_denoising(lab, tmp_path):
    finished(lab("autoencoder", "--epochs", 2, "--compare"))
    rows, metrics = left(
        tmp_path / "out", "data", "reconstructions", "filters", "curves", network=True,
        models=("plain", "plain_encoder", "denoising", "denoising_encoder"),
    )  # fmt: skip
    assert [row["network"] for row in rows] == ["plain", "plain", "denoising", "denoising"]
    assert set(metrics["networks"]) == {"plain", "denoising"}


# letters


@pytest.mark.usefixtures("full_size")
def test_letters_from_a_file(lab, not_mnist, tmp_path):
    stdout = finished(lab("letters", "--data", not_mnist, "--epochs", 8, "--hidden", 20))
    assert "784-20-10, 15,910 parameters" in stdout
    assert "10,000 letters to train with, 6,000 to validate, 100 to test" in stdout
    assert len(re.findall(rf"^\[ (?:Train|Validation) \| 00\d/008 \] {NUMBERS}$", stdout, re.MULTILINE)) == 16
    rows, metrics = left(tmp_path / "out", "curves", "letters", "confusion")
    assert len(rows) == 8
    for name in ("train", "validation", "test"):
        assert (
            f"[ {name.capitalize()} ] loss = {metrics[name]['loss']:.5f}, acc = {metrics[name]['accuracy']:.5f}"
            in stdout
        )
    assert float(rows[7]["val_accuracy"]) == metrics["validation"]["accuracy"] > 0.3


def test_letters_needs_enough_of_them(lab, tmp_path):
    np.savez(tmp_path / "few.npz", images=np.zeros((50, 28, 28), np.uint8), labels=np.arange(50) % 10)
    assert_refused(lab("letters", "--data", tmp_path / "few.npz"), "expected more than 16,000 letters, received 50")


# convnet


@pytest.mark.usefixtures("full_size")
@pytest.mark.parametrize("big", [False, True])
def test_convnet(lab, images, tmp_path, big):
    stdout = finished(lab("convnet", "--epochs", 2, "--filters", "4,6", *(["--big"] if big else [])))
    # 10 4 + 37 6, or 9 (4 + 4 4 + 4 6 + 6 6) and 4 numbers a channel; then 295 10
    parameters = 720 + 80 + 2950 if big else 262 + 2950
    assert f" Total params: {parameters:,} " in stdout
    assert len(re.findall(rf"^\[ (?:Train|Validation) \| 00\d/002 \] {NUMBERS}$", stdout, re.MULTILINE)) == 4
    pictures = ("data", "curves", "filters", "image", "feature_maps", "confusion", "misclassified")
    rows, metrics = left(tmp_path / "out", *pictures)
    assert len(rows) == 2
    assert metrics["parameters"] == parameters
    model = fastnn.saving.load_model(tmp_path / "out" / "model.safetensors")
    assert sum(isinstance(layer, fastnn.layers.Conv2D) for layer in model.layers) == 2 * (1 + big)
    assert model.evaluate(*mnist.load_data(images)[1], verbose=0, return_dict=True) == metrics["test"]


# What all of them refuse


@pytest.mark.parametrize("name", labs.COMMANDS)
def test_an_earlier_result_is_replaced_only_when_told_to(lab, not_mnist, tmp_path, name):
    folder = tmp_path / "out"
    folder.mkdir()
    for file in ("metrics.json", "mine.txt"):
        (folder / file).write_text("precious")
    options = ["--epochs", 1, *(["--data", not_mnist, "--hidden", 5] if name == "letters" else [])]
    assert_refused(lab(name, *options), r".*out is not empty; choose another folder with --out, or pass --overwrite")
    assert {path.name: path.read_text() for path in folder.iterdir()} == dict.fromkeys(
        ("metrics.json", "mine.txt"), "precious"
    )
    finished(lab(name, *options, "--overwrite"))
    assert json.loads((folder / "metrics.json").read_text())["settings"]["overwrite"] is True
    assert (folder / "mine.txt").read_text() == "precious"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mnits"], "No such command 'mnits'"),
        (["mnist", "--folds", "1"], "--folds must be at least 2, received 1"),
        (["mnist", "--data", "no.csv"], "--data must be a folder .*, or a CSV file; there is no file or folder no.csv"),
        (["convnet", "--data", "no.tsv.gz"], ".*there is no file or folder no.tsv.gz"),
        (["wide-deep", "--iterations", "5"], "--iterations needs --sampling replacement"),
        (["mnist", "--test-data", "a.csv"], "--test-data goes with a CSV file in --data"),
        (["backprop", "--optimizer", "adamw"], "unknown --optimizer 'adamw'; did you mean 'adam'"),
        (["backprop", "--activation", "softmax"], "unknown --activation 'softmax'"),
        (["backprop", "--points", "0"], "n must be at least .*, received 0"),
        (["backprop", "--loss-threshold", "-1"], "--loss-threshold must be a finite number >= 0"),
        (["backprop", "--epochs", "0"], "--epochs must be at least 1"),
        (["wide-deep", "--output", "tanh"], "unknown --output 'tanh'"),
        (["wide-deep", "--sampling", "replace"], "unknown --sampling 'replace'; did you mean 'replacement'"),
        (["wide-deep", "--sampling", "replacement", "--iterations", "0"], "--iterations must be at least 1"),
        (["wide-deep", "--wide", "x"], "--wide must be units"),
        (["autoencoder", "--denoise", "salt"], "unknown --denoise 'salt'"),
        (["autoencoder", "--dropout", "1"], r"--dropout must be a finite number in \[0, 1\)"),
        (["autoencoder", "--loss", "cce"], "unknown --loss 'cce'"),
        (["autoencoder", "--hidden", "0"], "--hidden must be at least 1"),
        (["letters", "--data", "no.npz"], ".*no.npz"),
        (["letters", "--optimizer", "sdg"], "unknown --optimizer 'sdg'; did you mean 'sgd'"),
        (["letters", "--epochs", "many"], r"Invalid value for '--epochs'.*\(see .* lab letters --help\)"),
    ],
)
def test_a_mistake_is_named_in_one_line(tmp_path, arguments, message):
    with_folder = [*arguments, *(["--out", str(tmp_path / "out")] if len(arguments) > 1 else [])]
    assert_refused(CliRunner().invoke(cli.app, ["lab", *with_folder]), message)
    assert not (tmp_path / "out").exists()


# When something comes between

QUICK = {
    "mnist": ["--epochs", 50],
    "backprop": ["--epochs", 2000],
    "wide-deep": ["--epochs", 50],
    "autoencoder": ["--epochs", 50, "--hidden", 8],
    "letters": ["--epochs", 50, "--hidden", 5],
    "convnet": ["--epochs", 50, "--filters", 2],
}


@pytest.fixture
def earlier(tmp_path):
    """The folder with what an earlier run has left, as its texts by name."""
    names = (
        "data.png",
        "letters.png",
        "activation.png",
        "history.csv",
        "metrics.json",
        "model.safetensors",
        "mine.txt",
    )
    texts = {name: f"precious {name}" for name in names}
    (tmp_path / "out").mkdir()
    for name, text in texts.items():
        (tmp_path / "out" / name).write_text(text)
    return texts


def texts_in(folder):
    return {path.name: path.read_text(errors="replace") for path in folder.iterdir()}


@pytest.mark.parametrize("name", labs.COMMANDS)
@pytest.mark.filterwarnings("default")
def test_a_loss_that_is_no_number_any_more_is_a_failure_that_leaves_nothing(lab, not_mnist, tmp_path, name):
    options = [*QUICK[name], "--learning-rate", 1e30]
    options += {"letters": ["--data", not_mnist], "backprop": ["--activation", "relu"]}.get(name, [])
    result = lab(name, *options)
    assert result.exit_code == 1, result.output
    said = r"^error: the loss.* became (nan|inf|-inf), before training it was \S+: try a smaller --learning-rate$"
    assert re.search(said, result.stderr, re.MULTILINE)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", sorted(labs.COMMANDS.keys() - {"backprop"}))  # whose loss is at most 1
def test_a_loss_that_grew_in_training_is_a_failure_too(lab, not_mnist, tmp_path, earlier, name):
    """It is a number, but a meaningless one: with this learning rate the network has learned nothing."""
    options = [*QUICK[name], "--epochs", 3, "--learning-rate", 100 if name == "wide-deep" else 1000, "--overwrite"]
    options += {"letters": ["--data", not_mnist], "wide-deep": ["--optimizer", "sgd"]}.get(name, [])
    result = lab(name, *options)
    assert result.exit_code == 1, result.output
    said = re.search(
        r"^error: the loss.* became (\S+), before training it was (\S+): try a", result.stderr, re.MULTILINE
    )
    assert float(said[1]) > 2 * float(said[2]) > 0
    assert texts_in(tmp_path / "out") == earlier


def test_the_seconds_of_training_are_without_those_of_compiling(lab, monkeypatch):
    """A copy of each network takes a step before the clock starts, which compiles all that training needs."""
    steps, fit = [], fastnn.Sequential.fit

    def noted(model, *args, **options):
        steps.append("fit")
        return fit(model, *args, **options)

    def noted_step(model, *args, **options):
        steps.append("step")
        return step(model, *args, **options)

    step = fastnn.Sequential.train_on_batch
    monkeypatch.setattr(fastnn.Sequential, "fit", noted)
    monkeypatch.setattr(fastnn.Sequential, "train_on_batch", noted_step)
    finished(lab("wide-deep", "--epochs", 1))
    assert steps == ["step", "fit", "step", "fit"]
    steps.clear()
    finished(lab("backprop", "--epochs", 200, "--overwrite"))
    assert steps == ["step", "step", "fit", "fit"]


@pytest.mark.parametrize("name", labs.COMMANDS)
def test_ctrl_c_keeps_what_was_learned(lab, not_mnist, tmp_path, monkeypatch, name):
    """In the third epoch (of 200, for backprop) of the first network."""
    fit, calls = fastnn.Sequential.fit, []

    def interrupted(model, *args, **options):
        calls.append(model)
        if name == "backprop" and len(calls) < 5:
            return fit(model, *args, **options)

        def stop(epoch, logs):
            if epoch >= 2:
                raise KeyboardInterrupt

        options["callbacks"] = [*options.get("callbacks", []), fastnn.callbacks.LambdaCallback(on_epoch_begin=stop)]
        monkeypatch.setattr(fastnn.Sequential, "fit", fit)
        return fit(model, *args, **options)

    monkeypatch.setattr(fastnn.Sequential, "fit", interrupted)
    result = lab(name, *QUICK[name], *(["--data", not_mnist] if name == "letters" else []))
    assert result.exit_code == 130, result.output
    assert re.search(r"^interrupted: \d+ of \d+ epochs are finished$", result.stderr, re.MULTILINE)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["interrupted"] is True
    models = list((tmp_path / "out").glob("*.safetensors"))
    assert models
    for path in models:
        fastnn.saving.load_model(path)
    assert_real_picture(tmp_path / "out" / "curves.png" if name != "wide-deep" else tmp_path / "out" / "wide.png")


@pytest.mark.parametrize("name", labs.COMMANDS)
@pytest.mark.parametrize("method", ["train_on_batch", "fit"])
def test_ctrl_c_before_anything_was_learned_leaves_nothing(lab, not_mnist, tmp_path, monkeypatch, name, method):
    """Neither while kernels compile nor in the first epoch; the same command can then be given again."""
    monkeypatch.setattr(fastnn.Sequential, method, raise_interrupt)
    assert lab(name, *QUICK[name], *(["--data", not_mnist] if name == "letters" else [])).exit_code == 130
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", labs.COMMANDS)
@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt, 130), (ValueError, 2), (MemoryError, 2)])
def test_whatever_ends_a_lab_after_its_first_picture_leaves_nothing(
    lab, not_mnist, tmp_path, monkeypatch, name, error, status
):
    figure = results.Results.figure

    def ended(self, *given):
        figure(self, *given)
        assert len(list((tmp_path / "out").iterdir())) == 1
        raise error

    monkeypatch.setattr(results.Results, "figure", ended)
    assert lab(name, *QUICK[name], *(["--data", not_mnist] if name == "letters" else [])).exit_code == status
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", labs.COMMANDS)
def test_ctrl_c_before_anything_was_learned_gives_back_what_was_replaced(
    lab, not_mnist, tmp_path, monkeypatch, earlier, name
):
    def interrupt(*args, **options):
        assert texts_in(tmp_path / "out") != earlier
        raise KeyboardInterrupt

    monkeypatch.setattr(fastnn.Sequential, "fit", interrupt)
    options = [*QUICK[name], *(["--data", not_mnist] if name == "letters" else [])]
    assert lab(name, *options, "--overwrite").exit_code == 130
    assert texts_in(tmp_path / "out") == earlier


def test_ctrl_c_while_folds_run_leaves_nothing(lab, tmp_path, monkeypatch):
    monkeypatch.setattr(labs.mnist, "cross_validate", raise_interrupt)
    assert lab("mnist", "--folds", 3).exit_code == 130
    assert not (tmp_path / "out").exists()


def raise_interrupt(*args, **options):
    raise KeyboardInterrupt


def test_the_second_ctrl_c_ends_at_once_but_the_model_is_safe(lab, tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "learning_curves", raise_interrupt)
    result = lab("mnist", "--epochs", 1)
    assert (result.exit_code, result.stderr) == (130, "interrupted\n")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"data.png", "history.csv", "metrics.json", "model.safetensors"}


def test_what_an_earlier_run_left_is_named(lab, tmp_path):
    finished(lab("mnist", "--epochs", 1, "--folds", 2))
    stdout = finished(lab("mnist", "--epochs", 1, "--overwrite"))
    assert "from an earlier run: folds.png\n" in stdout


def test_more_classes_than_a_confusion_matrix_can_show(lab, tmp_path, rng):
    labels = np.arange(150) % 120
    data = write_csv(tmp_path / "many.csv", rng.integers(0, 256, (150, 12)), labels)
    finished(lab("mnist", "--epochs", 1, "--data", data))
    left(tmp_path / "out", "curves")  # 12 pixels are no square: no pictures of images


@pytest.mark.parametrize("kind", ["gaussian", "masking"])
def test_the_picture_of_a_denoising_autoencoder_shows_what_becomes_of_the_noisy_images(kind):
    model = labs.autoencoder.network((28, 28), 16, kind, 0.5, 0.0)
    images = mnist.load_data()[1][0][:20]
    reconstructed, noisy = labs.autoencoder.reconstruct(model, images)
    clean = images.reshape(20, -1) / 255
    if kind == "masking":
        assert np.isin(np.round(noisy - clean, 5), [0, *np.round(-clean, 5).ravel()]).all()
        noisy = noisy * 2  # as the network gets it
    assert 0.2 < np.abs(noisy - clean).std() < 0.6
    (_, w, b), (_, v, c) = ((None, *layer.weights) for layer in model.layers if layer.weights)
    expected = 1 / (1 + np.exp(-(np.maximum(noisy @ w + b, 0) @ v + c)))
    np.testing.assert_allclose(reconstructed, expected, atol=1e-5)
    assert np.abs(reconstructed - model.predict(images)).max() > 0.01


# What they reach, on all of the data


@pytest.mark.full
def test_wide_and_deep_both_reach_97_8_percent(tmp_path):
    result = CliRunner().invoke(cli.app, ["lab", "wide-deep", "--out", str(tmp_path / "out")])
    finished(result)
    networks = json.loads((tmp_path / "out" / "metrics.json").read_text())["networks"]
    assert min(networks[name]["test accuracy"] for name in ("wide", "deep")) >= 0.978


@pytest.mark.full
def test_the_autoencoder_reaches_a_cross_entropy_of_0_075_and_a_denoising_one_learns_strokes(tmp_path):
    """The plain network is that of the default settings."""
    finished(CliRunner().invoke(cli.app, ["lab", "autoencoder", "--compare", "--out", str(tmp_path)]))
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["variants"]["plain"] == {"noise_kind": "none", "dropout": 0}
    plain, denoising = (metrics["networks"][name] for name in ("plain", "denoising"))
    assert plain["loss"] <= 0.075
    assert denoising["accuracy on features"] > metrics["accuracy on pixels"]

    def middles(name):  # of the filters, where there is ink
        kernel = fastnn.saving.load_model(tmp_path / f"{name}.safetensors").weights[0]
        filters = kernel.T.reshape(-1, 28, 28)[:, 4:24, 4:24].astype(np.float64)
        return filters - filters.mean(axis=(1, 2), keepdims=True)

    def roughness(name):
        """Steps from pixel to pixel, of white noise 2."""
        filters = middles(name)
        down, right = ((np.diff(filters, axis=axis) ** 2).mean(axis=(1, 2)) for axis in (1, 2))
        return np.median((down + right) / (2 * filters.var(axis=(1, 2)))) * 2

    def peakedness(name):
        """Kurtosis: 3 for noise all over, more for a few strong strokes on an empty ground."""
        filters = middles(name)
        return np.median((filters**4).mean(axis=(1, 2)) / filters.var(axis=(1, 2)) ** 2)

    assert roughness("denoising") < 0.75 * roughness("plain")
    assert peakedness("plain") < 3.3 < 4 < peakedness("denoising")


@pytest.mark.full
def test_letters_reach_90_percent(tmp_path):
    finished(CliRunner().invoke(cli.app, ["lab", "letters", "--out", str(tmp_path / "out")]))
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["parameters"] == 795_010
    assert metrics["validation"]["accuracy"] >= 0.90
    assert metrics["validation"]["loss"] < 0.5
