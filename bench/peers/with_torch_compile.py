"""PyTorch by `torch.compile`: network and loss are one graph, forward and backward; the rest is `with_torch`."""

import shutil

import torch
from torch._inductor import config

from bench.peers import with_torch
from bench.workloads import Convnet, Prediction, Training, Workload

if not any(map(shutil.which, ("c++", "g++", "clang++"))):
    raise ModuleNotFoundError("torch.compile needs a C++ compiler")
config.compile_threads = 1  # in this process, and not in others that would go on beside the measurements


def version() -> str:
    return f"torch.compile {torch.__version__}"


def make(workload: Workload):
    if not isinstance(workload, Training | Convnet | Prediction):
        return None  # a single product or convolution has nothing to be compiled
    job = with_torch.make(workload)
    if isinstance(job, with_torch.Predictor):
        job.network = torch.compile(job.network, dynamic=False)
    else:
        job.loss_of = torch.compile(job.loss_of, dynamic=False)
    return job
