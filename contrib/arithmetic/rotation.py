"""Section 8 of docs/arithmetic.md: how far each pair of a head is turned.

Frequencies are exact: they come of whole numbers. Of cos, sin and log the page asks for those of `libm` 0.2.16; Python has
those of its C library, which may differ in the last of 53 bits. Of a cosine 24 are left: section 13 says how often it shows.
"""

import math

import numpy as np

from functions import F32, door


DIGITS = 160
"""Bits behind the point of a root: more than a hundred of them count, and what lies below is remembered as one bit."""


def root(number, degree, found):
    """The greatest whole number whose power is not above `number`, by Newton's steps down from `found`."""
    while (better := ((degree - 1) * found + number // found ** (degree - 1)) // degree) < found:
        found = better
    return found


def frequency(base, pair, pairs):
    """The nearest f64 to base^(-pair/pairs): the root of (1/base)^pair, whose last bit says whether anything was cut."""
    above, below = base.as_integer_ratio()
    number, remainder = divmod(below**pair << DIGITS * pairs, above**pair)
    whole = root(number, pairs, int(math.ldexp(math.pow(base, -pair / pairs) * (1 + 2**-40), DIGITS)) + 1)
    exact = remainder == 0 and whole**pairs == number
    return math.ldexp(float(2 * whole + (not exact)), -DIGITS - 1)


class Rotary:
    def __init__(self, width, base):
        self.width, self.base, self.magnitude = width, float(base), 1.0
        self.turns = [frequency(self.base, i, width // 2) for i in range(width // 2)]

    def linear(self, factor):
        self.turns = [f / factor for f in self.turns]
        return self

    def divided(self, divisors):
        self.turns = [f / float(divisor) for f, divisor in zip(self.turns, divisors)]
        return self

    def yarn(self, factor, original, fast=32.0, slow=1.0, attn_factor=1.0):
        pair = lambda t: self.width * math.log(original / (t * (2.0 * math.pi))) / (2.0 * math.log(self.base))
        low, high = max(math.floor(pair(fast)), 0), min(math.ceil(pair(slow)), self.width - 1)
        ramps = [min(max((i - low) / max(high - low, 0.001), 0.0), 1.0) for i in range(len(self.turns))]
        self.turns = [(f / factor) * ramp + f * (1.0 - ramp) for f, ramp in zip(self.turns, ramps)]
        self.magnitude = attn_factor * (1.0 + 0.1 * math.log(factor))
        return self

    def magnified(self, magnitude):
        self.magnitude = magnitude
        return self

    def tables(self, positions):
        """Cosines and sines, a row each position."""
        angles = [[p * f for f in self.turns] for p in positions]
        table = lambda function: door(np.array([[function(a) * self.magnitude for a in row] for row in angles]).astype(F32))
        return table(math.cos), table(math.sin)


def turn(heads, cosines, sines, neighbours):
    """Turns the pairs of every head; `heads` are (tokens, heads, numbers)."""
    n = cosines.shape[-1]
    first, second = (slice(0, 2 * n, 2), slice(1, 2 * n, 2)) if neighbours else (slice(0, n), slice(n, 2 * n))
    a, b = door(heads[..., first]), door(heads[..., second])
    cosines, sines = cosines[:, None], sines[:, None]
    turned = heads.copy()
    turned[..., first] = a * cosines - b * sines
    turned[..., second] = a * sines + b * cosines
    return turned
