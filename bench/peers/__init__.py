"""The workloads as each library's users would write them, when they take care.

There is one module per library, with `version()` and `make(workload)`. `make` returns None if the library cannot do the
workload, otherwise an object with `run(repetitions)`, which runs this number of epochs, calls or products, and
`check()`, which is called first and returns numbers on which all libraries must agree.
"""
