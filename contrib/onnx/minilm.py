"""A BERT out of a folder of sentence-transformers as an ONNX file: its weights, in the graph that the paper describes.

    python3 contrib/onnx/minilm.py FOLDER

Writes FOLDER/model.onnx, which gives a row for each token.
"""

import json
import pathlib
import struct
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

KINDS = {"F32": np.float32, "I64": np.int64}


def weights(file):
    """The tensors of a file of safetensors."""
    content = file.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    for name, tensor in json.loads(content[8 : 8 + length]).items():
        if name != "__metadata__":
            start, end = (8 + length + offset for offset in tensor["data_offsets"])
            yield name, np.frombuffer(content[start:end], KINDS[tensor["dtype"]]).reshape(tensor["shape"])


class Graph:
    """Nodes and constants as they come."""

    def __init__(self):
        self.nodes, self.constants = [], {}

    def constant(self, name, value):
        self.constants.setdefault(name, numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, operator, *inputs, **attributes):
        output = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output


def linear(graph, tensors, name, row):
    weight = graph.constant(f"{name}.weight.T", np.ascontiguousarray(tensors[f"{name}.weight"].T))
    return graph.node("Add", graph.node("MatMul", row, weight), graph.constant(f"{name}.bias", tensors[f"{name}.bias"]))


def normal(graph, tensors, name, row, epsilon):
    scale, shift = (graph.constant(f"{name}.{part}", tensors[f"{name}.{part}"]) for part in ("weight", "bias"))
    return graph.node("LayerNormalization", row, scale, shift, axis=-1, epsilon=epsilon)


def attention(graph, tensors, name, row, mask, heads, width):
    """What each token takes from all."""
    apart = graph.constant("apart", np.array([0, 0, heads, width // heads], np.int64))
    whole = graph.constant("whole", np.array([0, 0, width], np.int64))
    parts = {}
    for part, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])):
        all_heads = graph.node("Reshape", linear(graph, tensors, f"{name}.self.{part}", row), apart)
        parts[part] = graph.node("Transpose", all_heads, perm=order)
    scale = graph.constant("scale", np.float32((width // heads) ** -0.5))
    scores = graph.node("Mul", graph.node("MatMul", parts["query"], parts["key"]), scale)
    shares = graph.node("Softmax", graph.node("Add", scores, mask), axis=-1)
    taken = graph.node("Transpose", graph.node("MatMul", shares, parts["value"]), perm=[0, 2, 1, 3])
    return linear(graph, tensors, f"{name}.output.dense", graph.node("Reshape", taken, whole))


def gelu(graph, row):
    half, one, root = (graph.constant(name, np.float32(value)) for name, value in (
        ("half", 0.5), ("one", 1), ("root", 0.5**0.5)))
    bent = graph.node("Add", graph.node("Erf", graph.node("Mul", row, root)), one)
    return graph.node("Mul", graph.node("Mul", row, half), bent)


def model(folder):
    config = json.loads((folder / "config.json").read_text())
    tensors = dict(weights(folder / "model.safetensors"))
    width, epsilon = config["hidden_size"], config["layer_norm_eps"]
    graph = Graph()
    names = ["input_ids", "attention_mask", "token_type_ids"]
    length = graph.node("Gather", graph.node("Shape", "input_ids"), graph.constant("place", np.int64(1)))
    zero, step = graph.constant("zero", np.int64(0)), graph.constant("step", np.int64(1))
    places = graph.node("Range", zero, length, step)
    table = lambda kind: graph.constant(kind, tensors[f"embeddings.{kind}_embeddings.weight"])
    row = graph.node("Add", graph.node("Gather", table("word"), names[0]), graph.node("Gather", table("token_type"), names[2]))
    row = graph.node("Add", row, graph.node("Gather", table("position"), places))
    row = normal(graph, tensors, "embeddings.LayerNorm", row, epsilon)
    mask = graph.node("Unsqueeze", names[1], graph.constant("axes", np.array([1, 2], np.int64)))
    mask = graph.node("Sub", graph.constant("one", np.float32(1)), graph.node("Cast", mask, to=TensorProto.FLOAT))
    mask = graph.node("Mul", mask, graph.constant("never", np.float32(np.finfo(np.float32).min)))
    for layer in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{layer}"
        taken = attention(graph, tensors, f"{name}.attention", row, mask, config["num_attention_heads"], width)
        row = normal(graph, tensors, f"{name}.attention.output.LayerNorm", graph.node("Add", row, taken), epsilon)
        wide = gelu(graph, linear(graph, tensors, f"{name}.intermediate.dense", row))
        narrow = linear(graph, tensors, f"{name}.output.dense", wide)
        row = normal(graph, tensors, f"{name}.output.LayerNorm", graph.node("Add", row, narrow), epsilon)
    graph.nodes.append(helper.make_node("Identity", [row], ["last_hidden_state"]))
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"]) for name in names]
    rows = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "sequence", width])
    whole = helper.make_graph(graph.nodes, "bert", inputs, [rows], list(graph.constants.values()))
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main():
    folder = pathlib.Path(sys.argv[1])
    save(model(folder), str(folder / "model.onnx"))


if __name__ == "__main__":
    main()
