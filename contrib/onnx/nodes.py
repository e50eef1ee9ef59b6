"""The tests of operators that come with the package `onnx`, on the engine of this repository.

    python3 contrib/onnx/nodes.py FOLDER_OF_PROGRAMS

Says which are answered rightly, which are refused and by what words, and which are answered wrongly: there must be none. An
answer is right within the test's own tolerance, and where ONNX Runtime gives it and the test has another.
"""

import collections
import pathlib
import re
import sys
import warnings

import numpy as np
import onnxruntime
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

from engine import Engine, distance

# As a share of the root mean square of what is true.
DISTANCE_MAX = 1e-4


def tensor(value):
    """A value of a test as an array, if it is one."""
    if hasattr(value, "data_type"):
        value = numpy_helper.to_array(value)
    array = value if isinstance(value, (np.ndarray, np.generic)) else None
    return None if array is None or array.dtype == object else np.asarray(array)


def cases():
    """Each test, and if its inputs and outputs are tensors its model, inputs and outputs by name."""
    for test in load_model_tests(kind="node"):
        graph = test.model.graph
        for inputs, outputs in test.data_sets:
            given, wanted = [tensor(value) for value in inputs], [tensor(value) for value in outputs]
            if any(value is None for value in given + wanted):
                yield test, None, None, None
                continue
            # An input without a name is one that is left out.
            names = [each.name for each in graph.input]
            yield (
                test,
                test.model.SerializeToString(),
                dict(zip(names, given)),
                dict(zip((each.name for each in graph.output), wanted)),
            )


def is_right(test, found, true):
    """Whether a tensor is what a test wants. Of whole numbers that stand for others each may be a step apart."""
    if found is None or found.shape != true.shape:
        return False
    if distance(found, true) <= DISTANCE_MAX or np.allclose(found, true, test.rtol, test.atol, equal_nan=True):
        return True
    steps = true.dtype == np.uint8 and "quantize" in test.name
    return steps and np.abs(found.astype(int) - true.astype(int)).max() <= 1


def as_elsewhere(model, inputs, answer):
    """Whether ONNX Runtime gives the same."""
    try:
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        names = [each.name for each in session.get_outputs()]
        known = dict(zip(names, session.run(None, inputs)))
    except Exception:  # It lacks an operator, which each of its exceptions may say.
        return False
    return all(distance(answer[name], true) <= DISTANCE_MAX for name, true in known.items())


def reason(words):
    """The words of a refusal, without what is of one test alone."""
    words = re.sub(r"^the (runner|model)[^:]*: ", "", words)
    words = re.sub(r"\[[^\]]*\]|\(-?\d[^)]*\)", "…", words)
    return re.sub(r"\"[^\"]*\"|`[^`]*`", lambda name: name[0] if len(name[0]) < 40 else "…", words)[:110]


def main():
    warnings.filterwarnings("ignore")
    engine = Engine(pathlib.Path(sys.argv[1]))
    refused, wrong, right, others = collections.defaultdict(list), [], [], []
    jobs = []
    for test, model, inputs, outputs in cases():
        if model is None:
            refused["sequences, optional values and texts are no tensors of a job"].append(test.name)
        else:
            jobs.append((test, model, inputs, outputs))
    answers = engine.run([(model, inputs) for _, model, inputs, _ in jobs])
    for (test, model, inputs, outputs), answer in zip(jobs, answers):
        if isinstance(answer, str):
            refused[reason(answer)].append(test.name)
        elif all(is_right(test, answer.get(each), true) for each, true in outputs.items()):
            right.append(test.name)
        elif as_elsewhere(model, inputs, answer):
            others.append(test.name)
        else:
            apart = {each: distance(answer.get(each, np.nan), true) for each, true in outputs.items()}
            wrong.append((test.name, apart))
    for words, names in sorted(refused.items(), key=lambda item: -len(item[1])):
        shown = ", ".join(name.removeprefix("test_") for name in sorted(names)[:3])
        print(f"refused {len(names):5}  {words}: {shown}{', …' if len(names) > 3 else ''}")
    for name, apart in wrong:
        print(f"wrong          {name}: {', '.join(f'{each} {value:.1e}' for each, value in apart.items())}")
    if others:
        print(f"as ONNX Runtime gives it, which is not what the test has: {', '.join(others)}")
    print(f"supported {len(right) + len(others)}, refused {sum(map(len, refused.values()))}, wrong {len(wrong)}")
    sys.exit(1 if wrong else None)


main()
