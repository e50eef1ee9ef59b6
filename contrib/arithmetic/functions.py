"""The functions of sections 2 to 5 of docs/arithmetic.md, on numpy arrays of float32.

Each + − × of numpy on float32 rounds once, to nearest, and is never fused with another: that is all this relies on.
What numpy adds up by itself (`sum`, `dot`) has an order of its own and is used on integers alone.
"""

import numpy as np

F32 = np.float32
BLOCK, LANES = 32, 64
np.seterr(all="ignore")  # What overflows or vanishes on the way is replaced by the page's own rules.


def bits(x):
    return np.asarray(x, F32).view(np.uint32)


def number(word):
    """The f32 of 32 bits; integers outside u32 wrap."""
    return (np.asarray(word, np.int64) & 0xFFFFFFFF).astype(np.uint32).view(F32)


LEAST, MOST, SHIFT = number(0x2B800000), number(0x53800000), number(0x4B400000)


def signed_like(x, size):
    """`size`, which has no sign, with the sign of `x`."""
    return number(bits(size).astype(np.int64) | (bits(x) & 0x80000000))


def greater(a, b):
    return np.where(a > b, a, b)


def door(x):
    x = np.asarray(x, F32)
    size = np.abs(x)
    size = np.where(size > MOST, MOST, size)
    return np.where(size < LEAST, F32(0), signed_like(x, size))


def reciprocal(a):
    a = np.asarray(a, F32)
    r = number(0x7EF311C7 - bits(a).astype(np.int64))
    for _ in range(2):
        r = r * (F32(2) - a * r)
    return r + r * (F32(1) - a * r)


def inverse_root(a):
    a = np.asarray(a, F32)
    h = a * F32(0.5)
    r = number(0x5F3759DF - (bits(a) >> 1).astype(np.int64))
    for _ in range(2):
        r = r * (F32(1.5) - (h * r) * r)
    return r + r * (F32(0.5) - (h * r) * r)


def exp(x):
    x = np.asarray(x, F32)
    c = greater(x, F32(-41))
    t = c * number(0x3FB8AA3B) + SHIFT
    n = t - SHIFT
    r = (c - n * number(0x3F318000)) - n * number(0xB95E8083)
    p = number(0x39506967)
    for k in (0x3AB743CE, 0x3C088908, 0x3D2AA9C1, 0x3E2AAAAA, 0x3F000000):
        p = p * r + number(k)
    y = (p * (r * r) + r) + F32(1)
    scaled = number(bits(y).astype(np.int64) + (bits(t).astype(np.int64) << 23))
    return np.where(x < F32(-40), F32(0), scaled)


def sigmoid(x):
    x = np.asarray(x, F32)
    e = exp(-np.abs(x))
    r = reciprocal(F32(1) + e)
    return np.where(x >= 0, r, e * r)


def silu(x):
    return np.asarray(x, F32) * sigmoid(x)


def tanh(x):
    x = np.asarray(x, F32)
    a = np.abs(x)
    z = a * a
    p = number(0xBBBAF0EA)
    for k in (0x3CA9134E, 0xBD5C1E2D, 0x3E088393, 0xBEAAAA99):
        p = p * z + number(k)
    near = (p * z) * a + a
    e = exp(a * F32(-2))
    far = (F32(1) - e) * reciprocal(F32(1) + e)
    return signed_like(x, np.where(a < F32(0.625), near, far))


def gelu(x):
    x = np.asarray(x, F32)
    cube = (x * x) * x
    inner = number(0x3F4C422A) * (x + number(0x3D372713) * cube)
    return (x * F32(0.5)) * (F32(1) + tanh(door(inner)))


def silu_gate(gate, up):
    return silu(door(gate)) * door(up)


def gelu_gate(gate, up):
    return gelu(door(gate)) * door(up)


def clamped_gate(gate, up):
    """The gate of gpt-oss."""
    g, u = door(gate), door(up)
    g, u = np.where(g > 7, F32(7), g), np.clip(u, F32(-7), F32(7))
    return (g * sigmoid(g * number(0x3FD9DB23))) * (u + F32(1))


def cap(x, c):
    return tanh(door(x) * reciprocal(F32(c))) * F32(c)


def nearest(x):
    return bits(np.asarray(x, F32) + SHIFT).astype(np.int64) - 0x4B400000


def f16(h):
    """The f32 of the 16 bits of an f16: numpy's conversion to more digits is exact."""
    return np.asarray(h, np.uint16).view(np.float16).astype(F32)


def nearest_f16(x):
    """The bits of the nearest f16, ties to even, subnormals too; `7C00` where the nearest is none."""
    return np.asarray(x, F32).astype(np.float16).view(np.uint16)


def keep(x):
    """The bits of the f16 that the cache holds of a number."""
    word = bits(x).astype(np.int64)
    m = word & 0x7FFFFFFF
    h = np.clip(((m + 4095 + ((m >> 13) & 1)) >> 13) - 114688, 0, 0x7BFF)
    return np.where(h < 0x400, 0, h | (word >> 16 & 0x8000)).astype(np.uint16)


def row_sum(rows):
    """sum(row) of section 4 over the last axis. What fills the last lanes up is +0, which changes no sum."""
    rows = np.asarray(rows, F32)
    fill = [(0, 0)] * (rows.ndim - 1) + [(0, -rows.shape[-1] % LANES)]
    turns = np.pad(rows, fill).reshape(*rows.shape[:-1], -1, LANES)
    lanes = np.zeros((*rows.shape[:-1], LANES), F32)
    for turn in range(turns.shape[-2]):
        lanes = lanes + turns[..., turn, :]
    half = LANES // 2
    while half:
        lanes = lanes[..., :half] + lanes[..., half : 2 * half]
        half //= 2
    return lanes[..., 0]


def norm(rows, weights, epsilon):
    rows = np.asarray(rows, F32)
    q = row_sum(rows * rows) * F32(1.0 / rows.shape[-1]) + F32(epsilon)
    return (rows * inverse_root(q)[..., None]) * weights


def as_integers(rows):
    """Section 5: of each block of 32 its integers and its scale."""
    blocks = np.asarray(rows, F32).reshape(*rows.shape[:-1], -1, BLOCK)
    g = np.abs(blocks).max(axis=-1)
    tiny = g < LEAST
    d = np.where(tiny, F32(0), g * number(0x3C010204))
    inverse = F32(127) * reciprocal(np.where(tiny, F32(1), g))
    q = nearest(blocks * inverse[..., None])
    return np.where(tiny[..., None], 0, q), d
