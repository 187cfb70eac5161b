"""Every kernel of fastnn again in plain NumPy, named as the kernel files.

The tests compare the kernels with these functions, the benchmarks time them
against these functions. Nothing here imports fastnn, and nothing but NumPy is
needed. Each function works in the dtype of its arguments: float32 stays
float32, float64 stays float64. Samples are rows; the gradient of the loss with
respect to a is named da.
"""
