"""The engine: turns layers into a compiled program and runs it.

`parameters` owns the weights' memory. `lowering` turns layers into tables (`kernels/instructions.py`, built by
`tables`), `update` adds the stages that update the weights, and `entries` compiles the functions that the tables name.
`run` holds the data of a run and how far it has come; `program` executes it, `single_layer` executes one layer, and
`eager` runs models whose layers are written in Python. `threads` chooses the number of threads.
"""
