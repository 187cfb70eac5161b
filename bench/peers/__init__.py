"""The workloads as each library's users would write them, when they take care.

A module a library. Each has `version()` and `make(workload)`, which gives an object with `run(repetitions)`: so many
epochs, calls or products, and `check()`: numbers that have to be the same for everybody, computed before anything else.
`make` gives None where the library cannot compute the same thing.
"""
