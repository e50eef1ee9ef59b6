"""Runs notebooks as they are committed, without outputs, each against a run of the scenario that it is named after:
notebooks.py PROGRAM NOTEBOOK..."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

program, *notebooks = sys.argv[1:]

for path in map(Path, notebooks):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code), f"{path} is committed with outputs"
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        subprocess.run([program, "sim", "run", path.stem, "--out", run], check=True, stdout=subprocess.DEVNULL)
        os.environ["ASSAY_RUN"] = str(run)
        NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": scratch}}).execute()
    outputs = [output for cell in code for output in cell.outputs]
    said = [output.text.strip() for output in outputs if output.output_type == "stream" and output.name == "stdout"]
    plots = sum("image/png" in output.get("data", {}) for output in outputs)
    assert plots > 0, f"{path} draws nothing"
    print(f"{path}: {len(code)} cells, plots: {plots}; {said[-1]}")
