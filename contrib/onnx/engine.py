"""The networks of others on the engine of this repository, as jobs run them: in a sandbox, by a runner."""

import json
import os
import pathlib
import subprocess
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).parents[2]
RUNNER = ROOT / "runners/tensors/tensors.wasm"
TYPES = {"f16": np.float16, "f32": np.float32, "f64": np.float64, "u8": np.uint8, "i32": np.int32, "i64": np.int64}
NAMES = {np.dtype(kind): name for name, kind in TYPES.items()} | {np.dtype(bool): "i32"}


class Nameless(Exception):
    """A type that tensors of jobs cannot have."""


def written(tensors):
    """Tensors as the runner reads them."""
    listed, numbers = [], []
    for name, tensor in tensors.items():
        kind = NAMES.get(np.asarray(tensor).dtype)
        if kind is None:
            raise Nameless(f"no tensor of a job is of {np.asarray(tensor).dtype}")
        tensor = np.asarray(tensor).astype(TYPES[kind])
        listed.append({"name": name, "type": kind, "shape": list(tensor.shape)})
        numbers.append(tensor.tobytes())
    return json.dumps(listed).encode() + b"\n" + b"".join(numbers)


def read(output):
    """Tensors as the runner writes them."""
    line, _, numbers = output.partition(b"\n")
    tensors, start = {}, 0
    for listed in json.loads(line):
        kind, shape = np.dtype(TYPES[listed["type"]]), listed["shape"]
        end = start + kind.itemsize * int(np.prod(shape, dtype=np.int64))
        tensors[listed["name"]] = np.frombuffer(numbers[start:end], kind).reshape(shape)
        start = end
    return tensors


class Engine:
    """The built programs, a runner and its parameters; with a library, ONNX Runtime runs what rten does not."""

    def __init__(self, folder, runner=RUNNER, params="{}", library=None):
        self.command = [folder / "examples/networks", folder / "assay-worker", runner, params]
        self.environment = {name: value for name, value in os.environ.items() if name != "ORT_DYLIB_PATH"}
        if library is not None:
            self.environment["ORT_DYLIB_PATH"] = str(library)

    def answers(self, jobs):
        """The output of each of these jobs, a model (its file or bytes) and an input; or why there is none."""
        with tempfile.TemporaryDirectory() as folder:
            folder, lines, outputs = pathlib.Path(folder), [], []
            for place, (model, given) in enumerate(jobs):
                files = [folder / f"{place}.{kind}" for kind in ("onnx", "in", "out")]
                files[1].write_bytes(given)
                if isinstance(model, bytes):
                    files[0].write_bytes(model)
                else:
                    files[0] = model
                lines.append("\t".join(map(str, files)))
                outputs.append(files[2])
            said = subprocess.run(
                self.command, input="\n".join(lines), stdout=subprocess.PIPE, text=True, check=True, env=self.environment
            )
            said = said.stdout.splitlines()
            assert len(said) == len(jobs), "a line for each job"
            return [file.read_bytes() if word == "done" else word for file, word in zip(outputs, said)]

    def run(self, jobs):
        """What each of these models gives for these tensors: tensors by name, or why it gives none."""
        answers, given, places = [None] * len(jobs), [], []
        for place, (model, tensors) in enumerate(jobs):
            try:
                given.append((model, written(tensors)))
                places.append(place)
            except Nameless as why:
                answers[place] = str(why)
        for place, output in zip(places, self.answers(given)):
            answers[place] = output if isinstance(output, str) else read(output)
        return answers


def distance(found, true):
    """The root mean square of the differences, as a share of that of what is true; endless if they cannot be compared."""
    found, true = np.asarray(found, np.float64), np.asarray(true, np.float64)
    if found.shape != true.shape:
        return np.inf
    alike = (found == true) | (np.isnan(found) & np.isnan(true))
    if alike.all():
        return 0.0
    if not (np.isfinite(found) | alike).all() or not (np.isfinite(true) | alike).all():
        return np.inf
    apart = np.sqrt(np.mean(np.where(alike, 0, found - true) ** 2))
    scale = np.sqrt(np.mean(np.where(np.isfinite(true), true, 0) ** 2))
    return apart / scale if scale else apart
