"""ed25519 as receipts want it: strict, so that nobody makes another signature out of one. Only verification."""

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)
BASE_Y = 4 * pow(5, -1, P) % P
ZERO = (0, 1, 1, 0)


def add(one, other):
    """The sum of two points, in extended coordinates."""
    a, b = (one[1] - one[0]) * (other[1] - other[0]) % P, (one[1] + one[0]) * (other[1] + other[0]) % P
    c, d = 2 * D * one[3] * other[3] % P, 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(point, scalar):
    total = ZERO
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point, scalar = add(point, point), scalar >> 1
    return total


def equal(one, other):
    return (one[0] * other[2] - other[0] * one[2]) % P == 0 == (one[1] * other[2] - other[1] * one[2]) % P


def point(data):
    """The point that 32 bytes are the canonical form of, if they are that of one."""
    y, sign = int.from_bytes(data, "little") & (1 << 255) - 1, data[31] >> 7
    if y >= P:
        return None
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if (v * x * x - u) % P:
        x = x * ROOT % P
    if (v * x * x - u) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = point(BASE_Y.to_bytes(32, "little"))


def is_small(place):
    """True for the eight points whose eightfold is nothing."""
    return equal(times(place, 8), ZERO)


def verify(signer, message, signature):
    key, commitment, scalar = point(signer), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or scalar >= L or is_small(key) or is_small(commitment):
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + signer + message).digest(), "little") % L
    return equal(times(BASE, scalar), add(commitment, times(key, challenge)))
