"""Models of scikit-learn, learnt and exported here, on ONNX Runtime as jobs run them; and refused by their names without it.

    python3 contrib/onnx/learnt.py FOLDER_OF_PROGRAMS LIBRARY
"""

import pathlib
import re
import sys

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from engine import Engine, distance

# As a share of the root mean square of what is true.
DISTANCE_MAX = 1e-4
NEEDED = re.compile(r"needs ONNX Runtime: rten does not run ai\.onnx\.ml\.\w+")
PLAIN = {"zipmap": False}


def models():
    """Each model as a file, and rows to ask it of."""
    flowers, kinds = load_iris(return_X_y=True)
    people, courses = load_diabetes(return_X_y=True)
    forest = RandomForestClassifier(n_estimators=50, random_state=7).fit(flowers, kinds)
    line = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(flowers, kinds)
    boosted = GradientBoostingRegressor(random_state=7).fit(people, courses)
    for name, model, rows, options in (
        ("random forest", forest, flowers, PLAIN),
        ("scaler and logistic regression", line, flowers, PLAIN),
        ("gradient boosting", boosted, people, None),
    ):
        rows = rows.astype(np.float32)
        yield name, to_onnx(model, rows[:1], options=options).SerializeToString(), rows


def refused():
    """Exports that are refused, and the words for it."""
    flowers, kinds = load_iris(return_X_y=True)
    named = np.array(["setosa", "versicolor", "virginica"])[kinds]
    row = flowers[:1].astype(np.float32)
    learnt = LogisticRegression(max_iter=500)
    yield "maps", to_onnx(learnt.fit(flowers, kinds), row).SerializeToString(), "zipmap=False"
    yield "texts", to_onnx(learnt.fit(flowers, named), row, options=PLAIN).SerializeToString(), "is of texts"


def main():
    programs, library = sys.argv[1:]
    without, engine, failed = Engine(pathlib.Path(programs)), Engine(pathlib.Path(programs), library=library), 0
    for name, model, rows in models():
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        (given,) = session.get_inputs()
        true = dict(zip((each.name for each in session.get_outputs()), session.run(None, {given.name: rows})))
        (answer,) = engine.run([(model, {given.name: rows})])
        (refusal,) = without.run([(model, {given.name: rows})])
        if isinstance(answer, str):
            failed += 1
            print(f"refused  {name}: {answer}")
            continue
        worst = max(distance(answer.get(each, np.nan), value) for each, value in true.items())
        is_named = isinstance(refusal, str) and NEEDED.search(refusal)
        failed += worst > DISTANCE_MAX or not is_named
        verdict = "wrong" if worst > DISTANCE_MAX else "the same"
        print(f"{verdict:8} {name}: {worst:.1e} of the root mean square, {len(rows)} rows; without the library: {refusal}")
    row = {"X": load_iris().data[:1].astype(np.float32)}
    for name, model, words in refused():
        (answer,) = engine.run([(model, row)])
        is_named = isinstance(answer, str) and words in answer
        failed += not is_named
        print(f"{'refused' if is_named else 'wrong':8} {name}: {answer}")
    sys.exit(1 if failed else None)


main()
