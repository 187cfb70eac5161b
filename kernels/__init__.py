"""Everything that fastnn compiles: the kernels, and the interpreter that runs a network of them.

Imported as `fastnn.kernels`. Nothing here imports the rest of fastnn, checks an argument or raises an error: the
Python side does that once, before any kernel sees the data. `jit.py` says how everything is compiled.
"""
