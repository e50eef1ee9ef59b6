"""Sections 6 and 7 of docs/arithmetic.md: the blocks of a file's matrices, and products with them."""

from dataclasses import dataclass

import numpy as np

from functions import BLOCK, F32, as_integers, f16, nearest, nearest_f16, number, reciprocal

LEVELS = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113])
TWICE = np.array([0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12])
FORMATS = {
    # The code in a GGUF file: name, weights of a unit, bytes of a unit.
    0: ("f32", 32, 128), 1: ("f16", 32, 64), 30: ("bf16", 32, 64), 2: ("q4_0", 32, 18), 3: ("q4_1", 32, 20),
    6: ("q5_0", 32, 22), 7: ("q5_1", 32, 24), 8: ("q8_0", 32, 34), 10: ("q2_K", 256, 84), 11: ("q3_K", 256, 110),
    12: ("q4_K", 256, 144), 13: ("q5_K", 256, 176), 14: ("q6_K", 256, 210), 20: ("iq4_nl", 32, 18),
    23: ("iq4_xs", 256, 136), 39: ("mxfp4", 32, 17),
}  # fmt: skip
UNITS = {name: (weights, size) for name, weights, size in FORMATS.values()}
FLOATS = ("f32", "f16", "bf16")


class Refused(Exception):
    """A file that no model can be of."""


@dataclass
class Blocks:
    """Blocks of 32 weights; two multipliers each, of its first and its second half."""

    q: np.ndarray
    scale: np.ndarray
    multipliers: np.ndarray | None = None
    low: np.ndarray | None = None
    """The scale of the minimum."""
    low_multipliers: np.ndarray | None = None

    def shaped(self, *shape):
        fields = (self.q, self.scale, self.multipliers, self.low, self.low_multipliers)
        ends = ((BLOCK,), (), (2,), (), (2,))
        return Blocks(*(None if x is None else x.reshape(*shape, -1, *end) for x, end in zip(fields, ends)))

    def __getitem__(self, key):
        fields = (self.q, self.scale, self.multipliers, self.low, self.low_multipliers)
        return Blocks(*(None if x is None else x[key] for x in fields))


def half(units, at):
    """The f16 at a byte of every unit, as f32."""
    scale = f16(np.ascontiguousarray(units[:, at : at + 2]).view("<u2")[:, 0])
    if not np.isfinite(scale).all():
        raise Refused("a scale that is not finite")
    return scale


def nibbles(units, at):
    codes = units[:, at : at + 16].astype(np.int64)
    return np.concatenate([codes & 15, codes >> 4], axis=1)


def fifth_bits(units, at):
    word = np.ascontiguousarray(units[:, at : at + 4]).view("<u4").astype(np.int64)
    return (word >> np.arange(BLOCK) & 1) << 4


def of_floats(rows):
    """What becomes of weights that are floats when a model is added: q8_0."""
    if not np.isfinite(rows).all():
        raise Refused("a weight that is not finite")
    g = np.abs(rows).max(axis=-1)
    d = f16(nearest_f16(g * number(0x3C010204)))
    if not np.isfinite(d).all():
        raise Refused("a weight too large")
    q = np.clip(nearest(rows * reciprocal(np.where(d == 0, F32(1), d))[:, None]), -127, 127)
    return Blocks(np.where(d[:, None] == 0, 0, q), d)


def plain(name, units):
    """Formats whose units are blocks."""
    if name == "q4_0":
        return Blocks(nibbles(units, 2) - 8, half(units, 0))
    if name == "q4_1":
        return Blocks(nibbles(units, 4), half(units, 0), low=half(units, 2))
    if name == "q5_0":
        return Blocks((nibbles(units, 6) | fifth_bits(units, 2)) - 16, half(units, 0))
    if name == "q5_1":
        return Blocks(nibbles(units, 8) | fifth_bits(units, 4), half(units, 0), low=half(units, 2))
    if name == "q8_0":
        return Blocks(np.ascontiguousarray(units[:, 2:]).view(np.int8).astype(np.int64), half(units, 0))
    if name == "iq4_nl":
        return Blocks(LEVELS[nibbles(units, 2)], half(units, 0))
    assert name == "mxfp4"
    e = units[:, 0].astype(np.int64)
    if (e > 144).any():
        raise Refused("a scale too large")
    return Blocks(TWICE[nibbles(units, 1)], np.where(e < 88, F32(0), number((e - 128 + 127) << 23)))


def six_bits(S, b):
    """Scale and minimum of block b of q4_K and q5_K."""
    if b < 4:
        return S[:, b] & 63, S[:, b + 4] & 63
    return (S[:, b + 4] & 15) | (S[:, b - 4] >> 6) << 4, (S[:, b + 4] >> 4) | (S[:, b] >> 6) << 4


def super_block(name, units, b):
    """Block b of every super-block: integers, then what its scales are made of."""
    B = units.astype(np.int64)
    low_two = lambda at: B[:, at + 32 * (b // 4) :][:, :32] >> 2 * (b % 4) & 3
    if name in ("q4_K", "q5_K"):
        s, t = six_bits(B[:, 4:16], b)
        codes = B[:, (16 if name == "q4_K" else 48) + 32 * (b // 2) :][:, :32] >> 4 * (b % 2) & 15
        if name == "q5_K":
            codes = codes + ((B[:, 16:48] >> b & 1) << 4)
        return Blocks(codes, half(units, 0) * s.astype(F32), None, half(units, 2) * -t.astype(F32))
    if name == "q6_K":
        h, r = b // 4, b % 4
        low = B[:, 64 * h + 32 * (r % 2) :][:, :32] >> 4 * (r // 2) & 15
        high = B[:, 128 + 32 * h :][:, :32] >> 2 * r & 3
        s = np.ascontiguousarray(units[:, 192 + 2 * b :][:, :2]).view(np.int8).astype(np.int64)
        return Blocks((low | high << 4) - 32, half(units, 208), s)
    if name == "q3_K":
        codes = low_two(32) | (B[:, :32] >> b & 1) << 2
        S = B[:, 96:108]
        scale = lambda j: ((S[:, j] & 15 if j < 8 else S[:, j - 8] >> 4) | (S[:, 8 + j % 4] >> 2 * (j // 4) & 3) << 4) - 32
        return Blocks(codes - 4, half(units, 108), np.stack([scale(2 * b), scale(2 * b + 1)], axis=1))
    if name == "q2_K":
        pair = B[:, 2 * b : 2 * b + 2]
        return Blocks(low_two(16), half(units, 80), pair & 15, -half(units, 82), pair >> 4)
    assert name == "iq4_xs"
    H = B[:, 2] | B[:, 3] << 8
    s = ((B[:, 4 + b // 2] >> 4 * (b % 2) & 15) | (H >> 2 * b & 3) << 4) - 32
    return Blocks(LEVELS[nibbles(units, 8 + 16 * b)], half(units, 0) * s.astype(F32))


def floats(name, data):
    """The numbers of a tensor of floats."""
    if name == "f32":
        return np.frombuffer(data, "<f4").astype(F32)
    words = np.frombuffer(data, "<u2")
    return f16(words) if name == "f16" else number(words.astype(np.int64) << 16)


def decode(name, data, *shape):
    """The blocks of a matrix, by its rows."""
    if name in FLOATS:
        return of_floats(floats(name, data).reshape(-1, BLOCK)).shaped(*shape)
    weights, size = UNITS[name]
    units = np.frombuffer(data, np.uint8).reshape(-1, size)
    if weights == BLOCK:
        return plain(name, units).shaped(*shape)
    each = [super_block(name, units, b) for b in range(8)]
    field = lambda key: None if getattr(each[0], key) is None else np.stack([getattr(x, key) for x in each], axis=1)
    return Blocks(*map(field, ("q", "scale", "multipliers", "low", "low_multipliers"))).shaped(*shape)


def numbers(blocks):
    """The weights of rows as numbers."""
    halves = np.ones((*blocks.scale.shape, 2), np.int64)
    wide = lambda m: np.repeat(halves if m is None else m, BLOCK // 2, axis=-1)
    w = blocks.scale[..., None] * (wide(blocks.multipliers) * blocks.q).astype(F32)
    if blocks.low is not None:
        w = w + blocks.low[..., None] * wide(blocks.low_multipliers).astype(F32)
    return w.reshape(*w.shape[:-2], -1)


def weighed(first, second, multipliers):
    """The two halves of a block, each with its multiplier, one row of a matrix a column."""
    if multipliers is None:
        return first + second
    return first * multipliers[:, 0] + second * multipliers[:, 1]


def products(blocks, rows):
    """Every row of a matrix with every row of activations."""
    q, d = as_integers(rows)
    total = np.zeros((len(rows), len(blocks.q)), F32)
    for first in range(0, d.shape[-1], 8):
        group = np.zeros_like(total)
        for b in range(first, min(first + 8, d.shape[-1])):
            w, x, mine = blocks.q[:, b], q[:, b], blocks[:, b]
            P = weighed(x[:, :16] @ w[:, :16].T, x[:, 16:] @ w[:, 16:].T, mine.multipliers)
            v = (mine.scale[None] * d[:, b, None]) * P.astype(F32)
            if mine.low is not None:
                S = weighed(x[:, :16].sum(axis=1)[:, None], x[:, 16:].sum(axis=1)[:, None], ones(mine))
                v = v + mine.low[None] * (d[:, b, None] * S.astype(F32))
            group = group + v
        total = total + group
    return total


def ones(blocks):
    m = blocks.low_multipliers
    return np.ones((len(blocks.q), 2), np.int64) if m is None else m
