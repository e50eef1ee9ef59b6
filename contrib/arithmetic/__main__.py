"""A second implementation of docs/arithmetic.md, written from that page alone: slow, plain, Python with numpy.

    python3 contrib/arithmetic vectors                      every golden vector; names what differs
    python3 contrib/arithmetic rows FILE.gguf [TOKENS]      the digest of all rows, like `rows` of the engine's examples
    python3 contrib/arithmetic models FOLDER                small models of every family, against golden/models.txt

TOKENS are numbers with commas, or how many positions (40): then they are 13, 7932, 15851 and so on by 7919, modulo
49,000 or the vocabulary. Exits with 1 if something differs.
"""

import sys
from pathlib import Path

sys.dont_write_bytecode = True

from digest import blake3
from gguf import File
from model import Model
from vectors import GOLDEN, check

SHOWN = 16
"""Digits of a digest that are printed: the first eight bytes."""


def digest(model, tokens):
    return blake3(model.rows(tokens).astype("<f4").tobytes())[:SHOWN]


def rows(path, wish="40"):
    model = Model(File(path))
    if "," in wish:
        tokens = [int(word) for word in wish.split(",") if word]
    else:
        tokens = [(i * 7919 + 13) % min(model.vocabulary, 49000) for i in range(int(wish))]
    print(f"{model.family}, {len(tokens)} positions: {digest(model, tokens)}")
    return True


def models(folder):
    """Each NAME.gguf of a folder, with the tokens in NAME.tokens, against its line of models.txt."""
    well = True
    for line in (GOLDEN / "models.txt").read_text().splitlines():
        name, _, expected = line.rpartition(": ")
        tokens = [int(word) for word in (Path(folder) / f"{name}.tokens").read_text().split()]
        found = digest(Model(File(Path(folder) / f"{name}.gguf")), tokens)
        print(f"{name}: {found}" + ("" if found == expected else f", where {expected} was expected"), flush=True)
        well &= found == expected
    return well


def main(words):
    match words:
        case ["vectors"]:
            return check()
        case ["rows", path, *wish] if len(wish) <= 1:
            return rows(path, *wish)
        case ["models", folder]:
            return models(folder)
    print(__doc__, file=sys.stderr)
    return False


sys.exit(not main(sys.argv[1:]))
