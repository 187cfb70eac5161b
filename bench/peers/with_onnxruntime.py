"""ONNX Runtime, for predictions: the network as a graph of `Gemm`, `Relu` and `Softmax`."""

import os

import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from bench.workloads import Prediction, Workload

OPSET, IR_VERSION = 17, 8  # old ones, which every release reads


def version() -> str:
    return f"ONNX Runtime {onnxruntime.__version__}"


def make(workload: Workload):
    return Predictor(workload) if isinstance(workload, Prediction) else None


def network(weights) -> bytes:
    """The file of a dense network with ReLU, and softmax at its end."""
    nodes, arrays, here = [], [], "x"
    for i, (w, b) in enumerate(weights):
        arrays += [numpy_helper.from_array(w, f"w{i}"), numpy_helper.from_array(b, f"b{i}")]
        nodes.append(helper.make_node("Gemm", [here, f"w{i}", f"b{i}"], [f"z{i}"]))
        activation = "Softmax" if i == len(weights) - 1 else "Relu"
        nodes.append(helper.make_node(activation, [f"z{i}"], [f"y{i}"]))
        here = f"y{i}"
    sizes = weights[0][0].shape[0], weights[-1][0].shape[1]
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", size])
        for name, size in zip(("x", here), sizes, strict=True)
    )
    opset = helper.make_opsetid("", OPSET)
    graph = helper.make_graph(nodes, "network", [x], [y], arrays)
    return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION).SerializeToString()


class Predictor:
    def __init__(self, workload: Prediction):
        self.x = workload.x()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])  # as `bench.compare` sets it
        options.inter_op_num_threads = 1
        file = network(workload.weights())
        self.session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def predict(self):
        return self.session.run(None, {"x": self.x})[0]

    def check(self) -> list[float]:
        return self.predict()[-1].tolist()

    def run(self, calls: int) -> None:
        for _ in range(calls):
            self.predict()
