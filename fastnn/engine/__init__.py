"""The engine: from layers to a compiled program, and what runs it.

`parameters` own the weights' memory. `lowering` turns layers into tables (`kernels/instructions.py`), `update` into
those of a step's last stages; `entries` compiles what the tables name; `program` runs them, `single_layer` does so for
one layer, and `eager` runs a model whose layers are written in Python. `threads` says how many may share the work.
"""
