"""How fast fastnn is: every kernel next to its NumPy reference, training next to other libraries.

    pytest bench/                       each kernel, training and start-up, with NumPy; some three minutes
    pytest bench/bench_kernels.py -k exp
    python -m bench.compare             training and inference next to NumPy, JAX, PyTorch and scikit-learn
    python -m bench.compare --peers jax "MNIST, batch 128"

How to read `pytest bench/`: a table is one group, that is one thing done by fastnn and by NumPy; the number in
parentheses is the ratio to the fastest row. Compare medians; `min` says what is possible on a quiet machine, `max` how
noisy it was. Kernels run on one thread, and so does NumPy's matrix product then (`threadpoolctl`); training and
prediction use all cores on both sides. Names in brackets: fastnn or numpy, then what is computed.

How to read `bench.compare`: its docstring says it. Its ratios are the ones to quote, because it measures in turns.
"""
