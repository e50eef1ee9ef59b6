"""Reads Parquet as pyarrow does, and compares it with what it should be: read.py GOLDEN FOLDER..."""

import csv
import sys

import pyarrow.parquet

golden, *folders = sys.argv[1:]


def columns(path):
    return pyarrow.parquet.read_table(path).to_pydict()


rows = range(20)
expected = {
    "whole": [row * 1000 - 3 for row in rows],
    'words, "é"': [f"é {row}" for row in rows],
    "some": [row / 7 if row % 3 and row < 12 else None for row in rows],
    "none": [None for _ in rows],
}
expected.update({f"all {number}": [-float(row) for row in rows] for number in range(16)})
assert columns(golden) == expected, columns(golden)
print(f"{golden}: {len(expected)} columns as they should be")

for folder in folders:
    found = columns(f"{folder}/runs.parquet")
    with open(f"{folder}/runs.csv", newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert list(found) == list(lines[0]), (list(found), list(lines[0]))
    for name, values in found.items():
        assert len(values) == len(lines), name
        for value, line in zip(values, lines):
            text = line[name]
            same = value is None if text == "" else text == value if isinstance(value, str) else float(text) == value
            assert same, (folder, name, value, text)
    print(f"{folder}: {len(found)} columns of {len(lines)} runs as in runs.csv, to the last bit")
