"""The places that `python -m tests.mutations` breaks, one at a time.

`old` must stand exactly once in the files of kernels/ and fastnn/, wherever it has been moved to; `tests` are what
should notice that `new` stands there instead, given to pytest.
"""

from typing import NamedTuple


class Mutation(NamedTuple):
    name: str
    kind: str  # sign, off by one, missing term, wrong factor, stride, order, dropped check, wrong default, state
    old: str
    new: str
    tests: str


LAYERS = "tests/kernels/test_through_layers.py -k"
LOSSES = "tests/kernels/test_losses.py -k"
UPDATING = "tests/kernels/test_updating.py"
SAVING = "tests/saving"

MUTATIONS = [
    # Activations.
    Mutation(
        "sigmoid's gradient is dy y (1 + y)",
        "sign",
        "dx[i] = dx[i] * y[i] * (one - y[i])",
        "dx[i] = dx[i] * y[i] * (one + y[i])",
        "tests/kernels/test_layers.py -k sigmoid",
    ),
    Mutation(
        "softmax's gradient without its sum",
        "missing term",
        "dx[i, j] = y[i, j] * (dx[i, j] - total)",
        "dx[i, j] = y[i, j] * dx[i, j]",
        "tests/kernels/test_layers.py -k softmax",
    ),
    Mutation(
        "ReLU passes a gradient at 0",
        "off by one",
        "dx[i] = dx[i] if y[i] > zero else zero",
        "dx[i] = dx[i] if y[i] >= zero else zero",
        "tests/kernels/test_layers.py -k relu",
    ),
    Mutation(
        "ELU's gradient without alpha",
        "missing term",
        "dx[i] = dx[i] * (one if y[i] > zero else y[i] + alpha)",
        "dx[i] = dx[i] * (one if y[i] > zero else y[i] + one)",
        "tests/kernels/test_layers.py -k elu",
    ),
    # Losses and metrics.
    Mutation(
        "cross-entropy from logits without subtracting the maximum again",
        "missing term",
        "values[i] = log(total) + (largest - at_label)",
        "values[i] = log(total) - at_label",
        f"{LOSSES} sparse",
    ),
    Mutation(
        "the gradient of labels ignores the sample's weight",
        "missing term",
        "dx[i, label] -= scale[i]",
        "dx[i, label] -= scale[0]",
        f"{LOSSES} sparse",
    ),
    Mutation(
        "Huber's loss without its half beyond delta",
        "wrong factor",
        "limit * (size - half * limit)",
        "limit * (size - limit)",
        f"{LOSSES} huber",
    ),
    Mutation(
        "the mean absolute error's gradient points the other way",
        "sign",
        "sign = one if difference > zero else -one if difference < zero else difference",
        "sign = -one if difference > zero else one if difference < zero else difference",
        f"{LOSSES} absolute",
    ),
    Mutation(
        "hinge takes 0 for a target of its own",
        "dropped check",
        """margin = one - side * y[i, j]
            dx[i, j] = zero if margin < zero else margin
""",
        """margin = one - targets[i, j] * y[i, j]
            dx[i, j] = zero if margin < zero else margin
""",
        f"{LOSSES} hinge tests/fit/test_metrics_losses.py",
    ),
    Mutation(
        "of equal outputs the last one counts",
        "off by one",
        "if row[j] > row[best]:",
        "if row[j] >= row[best]:",
        "tests/kernels/test_metrics.py -k 'categorical_accuracy or ties'",
    ),
    Mutation(
        "false alarms and misses are swapped",
        "order",
        "false_alarms += said and not true",
        "false_alarms += true and not said",
        "tests/kernels/test_metrics.py -k 'precision or recall or sums'",
    ),
    Mutation(
        "R2Score counts targets from 0, and loses the digits that a large mean takes",
        "missing term",
        "t -= np.float64(origin[j])",
        "t -= 0.0",
        "tests/kernels/test_metrics.py -k 'vary_little'",
    ),
    Mutation(
        "a row of nothing but zeros is divided by its sum",
        "dropped check",
        "total = one if total == zero else total",
        "total = total",
        "tests/fit/test_last_activation.py -k 'zeros'",
    ),
    Mutation(
        "label smoothing is spread over one class less",
        "off by one",
        "keep, shared = real(1 - smoothing), real(smoothing / classes)",
        "keep, shared = real(1 - smoothing), real(smoothing / (classes - 1))",
        f"{LOSSES} smooth",
    ),
    # Optimizers and what a step does besides.
    Mutation(
        "Adam's correction counts steps from 0",
        "off by one",
        "np.sqrt(1.0 - beta_2**step) / (1.0 - beta_1**step)",
        "np.sqrt(1.0 - beta_2 ** (step + 1)) / (1.0 - beta_1 ** (step + 1))",
        "tests/kernels/test_optimizers.py -k corrected_rate",
    ),
    Mutation(
        "Adagrad's epsilon stands outside the root",
        "order",
        "p[i] -= rate * g[i] / np.sqrt(a[i] + small)",
        "p[i] -= rate * g[i] / (np.sqrt(a[i]) + small)",
        "tests/kernels/test_optimizers.py -k adagrad",
    ),
    Mutation(
        "Nesterov steps like momentum",
        "missing term",
        "p[i] += keep * m[i] - step",
        "p[i] += m[i]",
        "tests/kernels/test_optimizers.py -k nesterov",
    ),
    Mutation(
        "weight decay counts the rate after Adam's correction",
        "order",
        "decay(w_vector(weights, number, start, size), hyper[WEIGHT_DECAY] * hyper[LEARNING_RATE])",
        "decay(w_vector(weights, number, start, size), hyper[WEIGHT_DECAY] * hyper[RATE])",
        "tests/fit/test_clipping.py -k 'adamw or decay'",
    ),
    Mutation(
        "an L2 penalty's gradient without its 2",
        "wrong factor",
        "zero, one, two = real(0), real(l1), real(2 * l2)",
        "zero, one, two = real(0), real(l1), real(l2)",
        UPDATING,
    ),
    Mutation(
        "the sum of squares leaves the last lane out",
        "off by one",
        "for i in range(block.size):\n            lanes[i] += block[i] * block[i]",
        "for i in range(block.size - 1):\n            lanes[i] += block[i] * block[i]",
        UPDATING,
    ),
    Mutation(
        "each weight is clipped by its own norm where all should share one",
        "dropped check",
        "if hyper[GLOBAL_CLIP_NORM] > 0:\n        norm",
        "if hyper[GLOBAL_CLIP_NORM] < 0:\n        norm",
        "tests/fit/test_clipping.py -k 'agree or global'",
    ),
    # Layers.
    Mutation(
        "the convolution's input gradient takes the kernel without turning it",
        "order",
        "turned[(taps - 1 - tap) * filters + f, c] = w[row, f]",
        "turned[tap * filters + f, c] = w[row, f]",
        "tests/kernels/test_conv.py",
    ),
    Mutation(
        "the bias of a convolution leaves out the pixels after the last four",
        "missing term",
        "for p in range(whole, pixels):\n            first = add(first",
        "for p in range(whole, pixels - 1):\n            first = add(first",
        "tests/kernels/test_conv.py",
    ),
    Mutation(
        "lines of a dilated window lie a line apart",
        "stride",
        "return _grid(height.taps, height.dilation * line, width.taps, width.dilation * channels)",
        "return _grid(height.taps, line, width.taps, width.dilation * channels)",
        f"{LAYERS} conv",
    ),
    Mutation(
        "averages count the pixels of the padding",
        "wrong factor",
        "store(y, to, count, divide(result, spread(y, y.dtype.type(rows * columns))))",
        "store(y, to, count, divide(result, spread(y, y.dtype.type(w.window_height * w.window_width))))",
        "tests/layers/test_pooling.py",
    ),
    Mutation(
        "a pooling window at the border is one pixel too large",
        "off by one",
        "return first, min(size, start + window) - first",
        "return first, min(size, start + window + 1) - first",
        "tests/layers/test_pooling.py",
    ),
    Mutation(
        "layer normalization's gradient without its mean",
        "missing term",
        "d[c] = inverse * (d[c] - average - (row[c] - mean) * factor)",
        "d[c] = inverse * (d[c] - (row[c] - mean) * factor)",
        f"{LAYERS} layer_normalization",
    ),
    Mutation(
        "batch normalization merges groups without the distance of their means",
        "missing term",
        "squares[j] += other_squares[j] + d * d * weight",
        "squares[j] += other_squares[j]",
        "tests/layers/test_normalization.py",
    ),
    Mutation(
        "batch normalization adds the mean of dy",
        "sign",
        "scale[j] * (slope[j] - share_dy[j] - (row[j] - mean[j]) * share_dy_x[j])",
        "scale[j] * (slope[j] + share_dy[j] - (row[j] - mean[j]) * share_dy_x[j])",
        f"{LAYERS} batch_normalization",
    ),
    Mutation(
        "moving statistics keep what they should take",
        "order",
        "moving[c] = moving[c] * keep + value[c] * take",
        "moving[c] = moving[c] * take + value[c] * keep",
        "tests/layers/test_normalization.py -k moving",
    ),
    Mutation(
        "dropout does not scale what it keeps",
        "wrong factor",
        "zero, factor = real(0), real(1.0 / (1.0 - rate))",
        "zero, factor = real(0), real(1.0)",
        "tests/kernels/test_dropout.py -k dropout",
    ),
    Mutation(
        "an index beyond the table wraps to its first row",
        "dropped check",
        "return last if number >= last else np.int64(number)",
        "return np.int64(0) if number > last else np.int64(number)",
        "tests/layers/test_embedding.py",
    ),
    Mutation(
        "PReLU's slopes are trained by positive inputs",
        "sign",
        "total += term if x[i] < zero else zero",
        "total += term if x[i] > zero else zero",
        "tests/kernels/test_prelu.py",
    ),
    # The product, the mini-batches and the engine.
    Mutation(
        "deep products forget the blocks before",
        "missing term",
        "sums, sums_row = flat, c_row",
        "sums, sums_row = start, 0",
        "tests/kernels/test_tile.py -k deep",
    ),
    Mutation(
        "the dense kernel's gradient reads x by rows",
        "stride",
        "product(dw, flattened(x), first, 1, x.shape[1], dy, zeros, rows, batch, outputs)",
        "product(dw, flattened(x), first, x.shape[1], 1, dy, zeros, rows, batch, outputs)",
        "tests/kernels/test_dense.py",
    ),
    Mutation(
        "a batch is gathered from one sample further on",
        "off by one",
        "labels[i] = source[order[first + i]]",
        "labels[i] = source[order[first + i - 1]]",
        "tests/kernels/test_batches.py",
    ),
    Mutation(
        "the last batch is scaled like a full one",
        "wrong factor",
        "batch.scale.dtype.type(1), batch.scale.dtype.type(1.0 / span.rows)",
        "batch.scale.dtype.type(1), batch.scale.dtype.type(1.0 / batch.scale.size)",
        "tests/kernels/test_training.py -k 'optimizers and sgd'",
    ),
    Mutation(
        "threads leave out the row where their shares meet",
        "off by one",
        "return thread * units // threads * unit, min(rows, (thread + 1) * units // threads * unit)",
        "return thread * units // threads * unit, min(rows, (thread + 1) * units // threads * unit - (thread == 0))",
        "tests/fit/test_same_bits.py -k 'test_threads'",
    ),
    Mutation(
        "an epoch counts its weights' losses without the weights",
        "missing term",
        "loss += batch.values[i] * batch.weight[i]",
        "loss += batch.values[i]",
        "tests/fit/test_sample_weights.py",
    ),
    Mutation(
        "all slots of an optimizer are the first",
        "stride",
        "return vector(memory_at(weights.slots[slot, number], weights.transposed), start, size)",
        "return vector(memory_at(weights.slots[0, number], weights.transposed), start, size)",
        "tests/kernels/test_training.py -k 'optimizers and adam'",
    ),
    Mutation(
        "metrics lie as far apart as this batch has rows",
        "stride",
        "return vector(batch.values, ins.value * batch.scale.size + span.start, span.stop - span.start)",
        "return vector(batch.values, ins.value * span.rows + span.start, span.stop - span.start)",
        "tests/kernels/test_training.py -k test_metrics",
    ),
    Mutation(
        "copies of the weights are not made anew between two runs",
        "state",
        "if training or plan.means.size > 0:",
        "if training and cursor[STEP] == 0:",
        "tests/fit/test_fit.py",
    ),
    # What the user calls.
    Mutation(
        "labels may be as large as the number of classes",
        "dropped check",
        "wrong = (labels != array) | (labels < 0) | (labels >= classes)",
        "wrong = (labels != array) | (labels < 0) | (labels > classes)",
        "tests/fit/test_bad_input.py -k labels",
    ),
    Mutation(
        "targets that rounding has moved outside of [0, 1] stay there",
        "dropped check",
        "return targets if low >= 0 and high <= 1 else targets.clip(0, 1)",
        "return targets",
        "tests/fit/test_rounded_targets.py -k 'outside'",
    ),
    Mutation(
        "remainders of a stratified split are rounded in another order than scikit-learn's",
        "order",
        "exact = sizes / sizes.sum() * count",
        "exact = sizes * (count / sizes.sum())",
        "tests/fit/test_model_selection.py -k 'two_thousand'",
    ),
    Mutation(
        "a loss sees the activation of a layer whose outputs leave its bounds",
        "dropped check",
        "if found is None and not layer.keeps_bounds:",
        "if found is None and not layer.compiled:",
        "tests/fit/test_last_activation.py -k 'leave_the_bounds'",
    ),
    Mutation(
        "NaN in x goes through where the type is right already",
        "dropped check",
        "if rows.dtype == dtype and not all_finite(rows.reshape(-1)):",
        "if rows.dtype != dtype and not all_finite(rows.reshape(-1)):",
        "tests/fit/test_bad_input.py -k 'test_x'",
    ),
    Mutation(
        "validation_split takes the first rows",
        "order",
        "samples, validation = samples.part(0, split), samples.part(split, len(samples))",
        "validation, samples = samples.part(0, len(samples) - split), samples.part(len(samples) - split, len(samples))",
        "tests/fit/test_fit.py -k 'validation or set_aside'",
    ),
    Mutation(
        "early stopping waits one epoch longer",
        "off by one",
        "elif self.wait >= self.patience and epoch > 0:",
        "elif self.wait > self.patience and epoch > 0:",
        "tests/fit/test_keras_figures.py -k early_stopping",
    ),
    Mutation(
        "batch normalization's momentum is 0.9",
        "wrong default",
        "momentum: float = 0.99,\n        epsilon: float = 1e-3,",
        "momentum: float = 0.9,\n        epsilon: float = 1e-3,",
        "tests/layers/test_keras_normalization.py -k defaults",
    ),
    Mutation(
        "a polynomial decay ends at 0.001",
        "wrong default",
        "end_learning_rate: float = 0.0001,",
        "end_learning_rate: float = 0.001,",
        "tests/fit/test_schedules.py -k 'keras_figures or arguments'",
    ),
    Mutation(
        "Glorot's limit counts the inputs only",
        "missing term",
        "limit = math.sqrt(6 / sum(_fans(shape)))",
        "limit = math.sqrt(3 / _fans(shape)[0])",
        "tests/layers/test_initializers.py",
    ),
    Mutation(
        "a test share is rounded down",
        "off by one",
        '(test, "test_size", math.ceil)',
        '(test, "test_size", math.floor)',
        "tests/fit/test_model_selection.py -k 'scikit'",
    ),
    # Saving.
    Mutation(
        "a loaded optimizer begins with step 0",
        "state",
        'optimizer.iterations = _count(how["iterations"], "iterations")',
        'optimizer.iterations = _count(how["iterations"], "iterations") * 0',
        f"{SAVING}/test_training.py",
    ),
    Mutation(
        "a file's tensors may have any shape",
        "dropped check",
        "if came != shape or dtype not in dtypes:",
        "if dtype not in dtypes:",
        f"{SAVING}/test_damaged.py {SAVING}/test_weights.py",
    ),
    Mutation(
        "weights that are not finite are saved",
        "dropped check",
        'checks.finite(array, f"to be saved, {name}")',
        "pass",
        f"{SAVING}/test_training.py -k overflowed",
    ),
    Mutation(
        "frozen weights are trained again after loading",
        "state",
        "p.trainable = name not in frozen",
        "p.trainable = True",
        f"{SAVING}/test_saving.py -k every_layer",
    ),
    Mutation(
        "an earlier file is replaced where that was not allowed",
        "dropped check",
        "if mode_of_file(path) is not None and not overwrite:",
        "if mode_of_file(path) is not None and overwrite is None:",
        f"{SAVING}/test_weights.py -k earlier",
    ),
    # What is set, counted and shared among threads.
    Mutation(
        "programs do not notice that a setting has changed",
        "state",
        "changes.count += new",
        "changes.count += 0",
        "tests/fit/test_settings.py",
    ),
    Mutation(
        "what shapes depend on may be set",
        "dropped check",
        'if self.name in values and getattr(owner, "built", True) and not _same(values[self.name], value):',
        "if self.name is None:",
        "tests/fit/test_settings.py -k refused",
    ),
    Mutation(
        "a regularizer's factor is not compared",
        "state",
        "trained += settings_of(p.regularizer), settings_of(p.constraint)",
        "trained += settings_of(None), settings_of(p.constraint)",
        "tests/fit/test_settings.py -k regularizers",
    ),
    Mutation(
        "labels are used where they lie",
        "dropped check",
        "labels = np.array(array, np.int64)",
        "labels = np.ascontiguousarray(array, np.int64)",
        "tests/fit/test_changes_in_fit.py -k 'labels and 7'",
    ),
    Mutation(
        "noise repeats after another compile",
        "state",
        'fields["clock"] = layer.step - before',
        'fields["clock"] = 0',
        "tests/fit/test_noise.py",
    ),
    Mutation(
        "a momentum that is set later begins with the average's slot",
        "order",
        "kept, old = min(self.count, count), self._arrays[p]",
        "kept, old = min(self.count + 1, count), self._arrays[p]",
        "tests/fit/test_changes_in_fit.py -k more_slots",
    ),
    # Functions and initial values of the user's own, and frozen models.
    Mutation(
        "an initializer may give another shape",
        "dropped check",
        '        if values.shape != shape:\n            raise ValueError(f"{what} must',
        '        if False:\n            raise ValueError(f"{what} must',
        "tests/layers/test_initializers.py -k own",
    ),
    Mutation(
        "an initializer may give NaN",
        "dropped check",
        "return checks.finite(checks.as_type(values, self.dtype), what)",
        "return checks.as_type(values, self.dtype)",
        "tests/layers/test_initializers.py -k own",
    ),
    Mutation(
        "a frozen model trains",
        "state",
        "layer.trainable = bool(value)",
        "layer.trainable = True",
        "tests/fit/test_trainable.py",
    ),
    Mutation(
        "a function's gradient does not look for bends",
        "dropped check",
        "doubtful = ~(np.abs(up - 2 * values + down) <= _BENT * np.abs(up - down))",
        "doubtful = ~np.isfinite(up - down)",
        "tests/fit/test_functions.py",
    ),
    Mutation(
        "a function's gradient without the samples' weights",
        "missing term",
        "(1.0 if together else shares)",
        "(1.0 if together else 1.0 / len(y))",
        "tests/fit/test_functions.py",
    ),
    Mutation(
        "evaluate computes gradients",
        "state",
        "return total, self.backward() if training else None",
        "return total, self.backward()",
        "tests/fit/test_functions.py",
    ),
    # Files, interrupts, forks.
    Mutation(
        "Ctrl-C is not held back while a kernel compiles",
        "dropped check",
        "dispatcher.compile = held_back()(dispatcher.compile)",
        "pass",
        "tests/test_compiler_interrupts.py",
    ),
    Mutation(
        "one handler's error loses other signals",
        "order",
        "        finally:\n            _handle()",
        "        finally:\n            pass",
        "tests/test_compiler_interrupts.py -k one_handlers",
    ),
    Mutation(
        "a cached kernel's checksum does not know its file",
        "missing term",
        'os.path.basename(path).encode() + b"\\0" + content',
        "content",
        "tests/test_cache.py -k under_the_name",
    ),
    Mutation(
        "folders above the cache may be writable for others",
        "dropped check",
        "for path in _passed(Path(os.path.abspath(folder))) | {real, *real.parents}:",
        "for path in {real}:",
        "tests/test_cache_folder.py -k refused",
    ),
    Mutation(
        "leftovers are removed while they are written",
        "dropped check",
        "fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "pass",
        "tests/test_files.py -k leftovers",
    ),
    Mutation(
        "a forked child keeps the locks of threads that it lacks",
        "state",
        ":\n        owner.renew_locks()",
        ":\n        pass",
        "tests/fit/test_processes.py -k while_a_thread --timeout 60",
    ),
    # Terms that are zero.
    Mutation(
        "terms are left out although a weight is not finite",
        "dropped check",
        "    if marks[at + USED] and not all_finite(flattened(w)):",
        "    if False:",
        "tests/fit/test_skipping.py -k no_sample_reads",
    ),
    Mutation(
        "terms are left out of a gradient that is not finite",
        "dropped check",
        "_set_fresh(at, marks, batch_rows, start, dy.shape[0], 0)",
        "pass",
        "tests/fit/test_skipping.py -k diverges",
    ),
    Mutation(
        "lists have the elements of a tile's first sample",
        "missing term",
        "        word |= bits[w, row]",
        "        word |= 0",
        "tests/kernels/test_skipping.py",
    ),
    # Kernels that are compiled once.
    Mutation(
        "a kernel from the cache forgets the symbols that its callers need",
        "state",
        "loaded.library._reload_init.update(loaded.reload_init)",
        "pass",
        "tests/test_apart.py",
    ),
    Mutation(
        "a kernel that is kept apart is compiled for each literal number",
        "missing term",
        "tuple(types.unliteral(argument) for argument in arguments)",
        "arguments",
        "tests/test_apart.py",
    ),
    # Profiles.
    Mutation(
        "a profile's threads count in the first one's row",
        "stride",
        "vector(weights.clock, (1 + thread) * weights.clock[ROW_LENGTH]",
        "vector(weights.clock, 1 * weights.clock[ROW_LENGTH]",
        "tests/kernels/test_clock.py",
    ),
    Mutation(
        "a profile does not subtract the optimizer's steps from the update around them",
        "missing term",
        "updates[:, instructions.DESCEND] -= nested",
        "pass",
        "tests/kernels/test_clock.py -k run_with_clocks",
    ),
    Mutation(
        "a profile leaves the trained weights",
        "state",
        "p.value[...], p.gradient[...] = value, gradient",
        "p.gradient[...] = gradient",
        "tests/fit/test_profile.py -k nothing_has_changed",
    ),
]
