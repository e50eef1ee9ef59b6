"""The golden vectors of section 12 of docs/arithmetic.md, computed anew."""

import struct
from pathlib import Path

import numpy as np

import functions as f
import weights
from functions import F32
from model import attend, seen
from rotation import Rotary, turn

GOLDEN = Path(__file__).resolve().parents[2] / "crates/engine/tests/golden"
ONE_ARGUMENT = {
    "door": f.door, "reciprocal": f.reciprocal, "inverse_root": f.inverse_root, "exp": f.exp, "silu": f.silu,
    "tanh": f.tanh, "gelu": f.gelu,
}  # fmt: skip

TWO_ARGUMENTS = {
    "silu_gate": f.silu_gate,
    "gelu_gate": f.gelu_gate,
    "clamped_gate": f.clamped_gate,
    "add": lambda x, y: f.door(x + y),
    "scale": lambda x, by: f.door(x * by),
    "cap": lambda x, limit: f.cap(x, np.abs(limit)),
}


class Random:
    """The numbers that sums.txt is made of, which it does not repeat."""

    MASK = (1 << 64) - 1

    def __init__(self, seed):
        self.state = seed * 0x9E3779B97F4A7C15 & self.MASK | 1

    def word(self):
        self.state ^= self.state << 13 & self.MASK
        self.state ^= self.state >> 7
        self.state ^= self.state << 17 & self.MASK
        return self.state * 0x2545F4914F6CDD1D & self.MASK

    def normals(self, count):
        sums = [sum(self.word() >> 40 for _ in range(12)) for _ in range(count)]
        return np.array([F32(x - 6 * 2**24) / F32(2**24) for x in sums], F32)


def hexadecimal(numbers):
    return [f"{word:08x}" for word in f.bits(numbers).ravel()]


def read(text):
    return f.number(np.array([int(word, 16) for word in text], np.int64))


def lines(name):
    return [line.split() for line in (GOLDEN / f"{name}.txt").read_text().splitlines()]


def functions():
    """Yields name, expected words and found words, like the ones below."""
    for name, argument, expected in lines("functions"):
        if name == "f16":
            found = hexadecimal(f.f16([int(argument, 16)]))
        elif name in ("keep", "nearest_f16"):
            word = f"{(f.keep if name == 'keep' else f.nearest_f16)(read([argument]))[0]:04x}"
            found = ["none" if word == "7c00" else word]
        else:
            found = hexadecimal(ONE_ARGUMENT[name](read([argument])))
        yield name, [expected], found


def steps():
    cosines, sines = np.array([[0.8, -0.28]], F32), np.array([[0.6, 0.96]], F32)
    for name, *words in lines("steps"):
        if name in TWO_ARGUMENTS:
            given, expected = read(words[:2]), words[2:]
            found = TWO_ARGUMENTS[name](*given)
        else:
            given, expected = read(words[:6]), words[6:]
            found = turn(given[None, None], cosines, sines, name == "turn_neighbours")
        yield name, expected, hexadecimal(found)


def sums():
    """Each line of attention comes twice: without a cap, then with one, over the same numbers."""
    random, capped = Random(8), True
    for name, what, *expected in lines("sums"):
        if name == "sum":
            row = random.normals(int(what))
            found = [f.row_sum(row), f.row_sum(row * row)]
        elif name == "norm":
            found = f.norm(row, random.normals(int(what)), 1e-5)[:8]
        else:
            start, end = map(int, what.split(".."))
            capped = not capped
            if not capped:
                query = random.normals(32)
                keys, values = (random.normals(end * 32).reshape(end, 32) for _ in range(2))
            found = attend(query[None], keys, values, seen(end, end - start)[-1:], 3.0 if capped else None)
        yield name, expected, hexadecimal(np.array(found))


def formats():
    taken = {}
    for name, *words in lines("formats"):
        name, _, what = name.partition("-")
        if not what:
            data = bytes.fromhex(words[0])
            taken["blocks"] = weights.decode(name, data, 1)
        elif what == "activations":
            taken["x"] = read(words)[None]
        elif what == "weights":
            yield f"{name} weights", words, hexadecimal(weights.numbers(taken["blocks"]))
        else:
            yield f"{name} product", words, hexadecimal(weights.products(taken["blocks"], taken["x"]))


def frequencies():
    for what, *expected in lines("frequencies"):
        width, base = what.split("/")
        found = [struct.pack(">d", turn).hex() for turn in Rotary(int(width), int(base)).turns]
        yield "frequencies", expected, found


def rotary():
    tables = {
        "plain": Rotary(64, 10000),
        "far": Rotary(128, 1000000),
        "slowed": Rotary(64, 10000).linear(4.0),
        "each": Rotary(64, 10000).divided([1 + i / 4 for i in range(32)]),
        "yarn": Rotary(64, 10000).yarn(4.0, 2048.0, 32.0, 1.0),
        "magnified": Rotary(64, 10000).magnified(1.19),
    }
    for name, position, *expected in lines("rotary"):
        yield f"rotary {name}", expected, hexadecimal(np.stack(tables[name].tables([int(position)])))


def check():
    """Prints what was compared, and what differs; whether nothing does."""
    counts, wrong = {}, {}
    for maker in (functions, steps, sums, formats, frequencies, rotary):
        for name, expected, found in maker():
            differ = sum(a != b for a, b in zip(expected, found)) + abs(len(expected) - len(found))
            counts[name] = counts.get(name, 0) + len(expected)
            wrong[name] = wrong.get(name, 0) + differ
    for name, count in counts.items():
        print(f"{name}: {count} words" + (f", {wrong[name]} differ" if wrong[name] else ""))
    return not any(wrong.values())
