"""Prints the lines of `contrib/table/check` as a table: table.py LINES. Ends with 1 if two digests of a model differ."""

import sys
from pathlib import Path

# How others call what the driver calls so.
NAMES = {"llvmpipe": "lavapipe"}
ORDER = ["scalar", "avx2", "avxvnni", "avx512vnni", "amx", "neon", "neondot", "simd128", "lavapipe"]

well = True
models = {}
for line in Path(sys.argv[1]).read_text().splitlines():
    name, device, positions, digest, ways, _ = line.split("\t")
    found = models.setdefault((name, positions), {"digests": {}, "devices": {}})
    count = ways if ways.endswith("runs") else ways.count(", ") + 1
    found["digests"].setdefault(digest, []).append(device)
    found["devices"].setdefault(NAMES.get(device.split(" ")[0], device), []).append(str(count))
columns = dict.fromkeys(device for found in models.values() for device in found["devices"])
columns = sorted(columns, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
print("| model | positions | digest |", " | ".join(columns), "|")
print("|---" * (len(columns) + 3) + "|")
for (name, positions), found in models.items():
    digest = " ≠ ".join(found["digests"])
    well &= len(found["digests"]) == 1 and "≠" not in digest
    cells = [", ".join(found["devices"].get(column, [])) for column in columns]
    print(f"| {name} | {positions} | `{digest}` |", " | ".join(cells), "|")
sys.exit(not well)
