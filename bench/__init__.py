"""How fast fastnn is: every kernel next to its NumPy reference, training next to other libraries.

    pytest bench/                       each kernel, training and start-up, next to NumPy; about three minutes
    pytest bench/bench_kernels.py -k exp
    python -m bench.compare             training and inference next to NumPy, JAX, PyTorch, ONNX Runtime, ...
    python -m bench.compare --peers jax "MNIST, batch 128"
    python -m bench.estimators          fastnn.sklearn next to scikit-learn's own multi-layer perceptrons
    python -m bench.profiles            where the time of each workload goes

How to read `pytest bench/`: each table compares fastnn and NumPy on one task; the number in parentheses is the ratio
to the fastest row. Compare medians; `min` shows what is possible on a quiet machine, `max` how noisy it was. Kernels
run on one thread, and then so does NumPy's matrix product (`threadpoolctl`); training and prediction use all cores on
both sides. Names in brackets: fastnn or numpy, then what is computed.

How to read `bench.compare`: see its docstring. Quote its ratios, because it measures the libraries in turns.
"""
