"""A second implementation of docs/sampling.md, from that page alone: slow, plain, Python without anything beside.

    python3 contrib/sampling.py          compares runners/sampling/vectors.txt, and names what differs
    python3 contrib/sampling.py write    makes that file anew

Exits with 1 if something differs.
"""

import json
import math
import struct
import sys
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "receipts"))

from blake3 import blake3

VECTORS = HERE.parent / "runners/sampling/vectors.txt"
DEFAULT = {
    "temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05,
    "repeat_penalty": 1, "presence_penalty": 0, "frequency_penalty": 0, "penalty_last_n": 64, "logit_bias": {},
}


def bits(number):
    return struct.unpack("<Q", struct.pack("<d", number))[0]


def number(of):
    return struct.unpack("<d", struct.pack("<Q", of))[0]


def number32(of):
    return struct.unpack("<f", struct.pack("<I", of))[0]


P = [number(of) for of in (0x3FC555555555553E, 0xBF66C16C16BEBD93, 0x3F11566AAF25DE2C, 0xBEBBBD41C5D26BF1, 0x3E66376972BEA4D0)]
L = [number(of) for of in (
    0x3FE5555555555593, 0x3FD999999997FA04, 0x3FD2492494229359, 0x3FCC71C51D8E78AF,
    0x3FC7466496CB03DE, 0x3FC39A09D078C69F, 0x3FC2F112DF3E5244,
)]
LN2_HIGH, LN2_LOW, PER_LN2 = number(0x3FE62E42FEE00000), number(0x3DEA39EF35793C76), number(0x3FF71547652B82FE)


def exp(x):
    if x < -700:
        return 0.0
    m = bits(abs(x)) >> 32
    if m <= 0x3E300000:
        return 1 + x
    k, hi, lo = 0, x, 0.0
    if m > 0x3FD62E42:
        k = -1 if m < 0x3FF0A2B2 else int(PER_LN2 * x - 0.5)
        hi = x - k * LN2_HIGH
        lo = k * LN2_LOW
        x = hi - lo
    z = x * x
    c = x - z * (P[0] + z * (P[1] + z * (P[2] + z * (P[3] + z * P[4]))))
    y = 1 + (x * c / (2 - c) - lo + hi)
    return y * 2.0**k


def ln(x):
    if x == 1:
        return 0.0
    t = (bits(x) >> 32) + (0x3FF00000 - 0x3FE6A09E)
    k = (t >> 20) - 1023
    y = number(((t & 0xFFFFF) + 0x3FE6A09E) << 32 | bits(x) & 0xFFFFFFFF)
    f = y - 1
    q = 0.5 * f * f
    s = f / (2 + f)
    z = s * s
    w = z * z
    a = w * (L[1] + w * (L[3] + w * L[5]))
    b = z * (L[0] + w * (L[2] + w * (L[4] + w * L[6])))
    return s * (q + (b + a)) + k * LN2_LOW - q + f + k * LN2_HIGH


def uniform(d):
    u = (d + 0.5) * 2.0**-53
    return u if u < 1 - 2.0**-53 else 1 - 2.0**-53


def gumbel(seed, index, token):
    first = blake3(seed + struct.pack("<II", index, token))[:8]
    return -ln(-ln(uniform(int.from_bytes(first, "little") >> 11)))


def seed_of(stated):
    return blake3(b"sample" + struct.pack("<Q", stated))


def adjusted(row, rule, written):
    """The row after bias and penalties."""
    last = written[-rule["penalty_last_n"]:] if rule["penalty_last_n"] else []
    for token, x in enumerate(row):
        if str(token) in rule["logit_bias"]:
            x = x + float(rule["logit_bias"][str(token)])
        c = last.count(token)
        if c > 0:
            x = x / rule["repeat_penalty"] if x > 0 else x * rule["repeat_penalty"]
            x = x - c * float(rule["frequency_penalty"])
            x = x - rule["presence_penalty"]
        yield token, x


def choose(row, rule, written, index, seed, masked):
    """The candidates left, each with its logit, share and key, and the token."""
    rule = DEFAULT | rule
    t = float(rule["temperature"])
    open_ = [(token, x) for token, x in adjusted(row, rule, written) if token not in masked and math.isfinite(x)]
    greatest = sorted(open_, key=lambda each: (-each[1], each[0]))[: rule["top_k"]]
    if not greatest:
        return [], None
    if t == 0:
        token, x = greatest[0]
        return [(token, x, 1.0, x)], token
    w = [exp((x - greatest[0][1]) / t) for _, x in greatest]
    s = 0.0
    for each in w:
        s = s + each
    p = [each / s for each in w]
    stay = [at for at in range(len(p)) if p[at] >= rule["min_p"] * p[0]]
    total, left = 0.0, []
    for at in stay:
        left.append(at)
        total = total + p[at]
        if total >= rule["top_p"]:
            break
    result = [(greatest[at][0], greatest[at][1], p[at], greatest[at][1] + t * gumbel(seed, index, greatest[at][0])) for at in left]
    best = max(key for *_, key in result)
    return result, min(token for token, _, _, key in result if key == best)


def made(count, wide):
    """A row that nobody needs to write down."""
    word = lambda token: int.from_bytes(blake3(struct.pack("<I", token))[:4], "little", signed=True)
    return [(word(token) >> (32 - wide)) / 64 for token in range(count)]


def row_of(case):
    if "made" in case:
        return made(*case["made"])
    return [number32(int(of, 16)) for of in case["row"]]


def result_of(case):
    """What a line's fields come to."""
    match case["kind"]:
        case "exp":
            return {"y": f"{bits(exp(number(int(case['x'], 16)))):016x}"}
        case "ln":
            return {"y": f"{bits(ln(number(int(case['x'], 16)))):016x}"}
        case "uniform":
            return {"u": f"{bits(uniform(case['d'])):016x}"}
        case "seed":
            return {"seed": seed_of(case["number"]).hex()}
        case "choice":
            seed = bytes.fromhex(case["seed"])
            written, masked = case.get("written", []), set(case.get("masked", []))
            left, token = choose(row_of(case), case.get("rule", {}), written, case["index"], seed, masked)
            shown = [[each[0], *(f"{bits(value):016x}" for value in each[1:])] for each in left]
            return {"left": shown, "token": token}


def functions():
    """Edges of exp, ln and what they are asked of."""
    edges = [0.0, -0.0, -1e-300, -(2.0**-28), -(2.0**-28.001), -0.25, -0.34, -0.3465735, -0.35, -1.0, -1.03, -1.04, -1.5]
    edges += [-2.0794415, -10.1, -36.9, -300.3, -699.999, -700.0, -700.1, -1e300, float("-inf")]
    edges += [number(0xBFD62E42FFFFFFFF), number(0xBFD62E4300000000), number(0xBFF0A2B1FFFFFFFF), number(0xBFF0A2B200000000)]
    for x in edges:
        yield {"kind": "exp", "name": f"exp of {x!r}", "x": f"{bits(x):016x}"}
    edges = [2.0**-54, 2.0**-53, 1 - 2.0**-53, 1 - 2.0**-52, 1.0, 0.5, 0.70710678, 0.7071068, 0.9, 1.41421, 1.41422, 2.0, 36.7, 37.4]
    edges += [number(0x3FE6A09DFFFFFFFF), number(0x3FE6A09E00000000), 2.0**-53 * 1.5, 1e-9, 3.0, 0.3333333333333333]
    for x in edges:
        yield {"kind": "ln", "name": f"ln of {x!r}", "x": f"{bits(x):016x}"}
    for d in (0, 1, 2**52 - 1, 2**52, 2**52 + 1, 2**53 - 3, 2**53 - 2, 2**53 - 1):
        yield {"kind": "uniform", "name": f"uniform {d}", "d": d}
    for stated in (0, 1, 42, 2**64 - 1):
        yield {"kind": "seed", "name": f"seed {stated}", "number": stated}


def floats(*values):
    return [f"{struct.unpack('<I', struct.pack('<f', value))[0]:08x}" for value in values]


def choices():
    """One case for each thing that the rule says."""
    one, nan, infinite = "01" * 32, float("nan"), float("inf")

    def case(name, row, rule=None, **more):
        given = {"kind": "choice", "name": name, **({"made": row} if isinstance(row, tuple) else {"row": row})}
        return given | ({"rule": rule} if rule else {}) | {"seed": one, "index": 0} | more

    all_ = {"temperature": 1, "top_p": 1, "min_p": 0}
    greedy = {"temperature": 0}
    row = floats(1.0, 3.0, -2.0, 2.5, 2.75, 0.0, 2.9375, -1.5)
    yield case("the defaults", row)
    for index in (1, 2, 3, 7, 255, 256, 65536, 2**32 - 1):
        yield case(f"the place is part of it, {index}", row, all_, index=index)
    for seed in ("00" * 32, "ff" * 32, "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"):
        yield case(f"the seed is part of it, {seed[:4]}", row, all_, seed=seed)
    yield case("no temperature takes the greatest", row, greedy)
    yield case("equal logits: the smaller token", floats(1, 2, 2, 2), greedy)
    yield case("zeros of both signs are equal", floats(-0.0, 0.0, -1.0), greedy)
    yield case("equal logits at the last place of the greatest", floats(5, 3, 3, 3, 1), all_ | {"top_k": 2})
    yield case("an equal one that comes later does not push an earlier one out", floats(3, 5, 3, 4, 3), all_ | {"top_k": 3})
    yield case("one candidate", row, all_ | {"top_k": 1})
    for temperature in (0.1, 0.7, 1.5, 100, 1e-9, 1e-300):
        yield case(f"temperature {temperature}", row, all_ | {"temperature": temperature})
    yield case("a bias lifts", row, greedy | {"logit_bias": {"2": 5.5}})
    yield case("a bias sinks", row, all_ | {"logit_bias": {"1": -1000, "6": -100}})
    yield case("a bias comes before a penalty", row, all_ | {"logit_bias": {"2": 3, "1": -4}, "repeat_penalty": 1.3}, written=[2, 1])
    yield case("a penalty divides above zero and multiplies below", row, all_ | {"repeat_penalty": 1.7}, written=[1, 2, 5, 7, 1])
    yield case("a penalty below 1 prefers", row, all_ | {"repeat_penalty": 0.5}, written=[3, 7])
    yield case("presence counts once", row, all_ | {"presence_penalty": 0.3}, written=[1, 1, 1, 4])
    yield case("frequency counts each", row, all_ | {"frequency_penalty": 0.3}, written=[1, 1, 1, 4])
    yield case("all penalties, in order", row, all_ | {"repeat_penalty": 1.1, "frequency_penalty": 0.7, "presence_penalty": -0.3}, written=[1, 1, 4, 2, 1, 2])
    yield case("penalties look at the last n", row, all_ | {"frequency_penalty": 0.9, "penalty_last_n": 2}, written=[1, 1, 6, 4, 4])
    yield case("penalties that look at nothing", row, all_ | {"frequency_penalty": 9, "penalty_last_n": 0}, written=[1, 1, 6, 4, 4])
    yield case("a penalty makes room for another among the greatest", row, all_ | {"top_k": 2, "presence_penalty": 2}, written=[1])
    yield case("written tokens that do not exist count nothing", row, all_ | {"presence_penalty": 2}, written=[99, 8])
    yield case("what is not allowed is no candidate", row, all_ | {"top_k": 3}, masked=[1, 6])
    yield case("what is not allowed has no share", row, {"top_p": 0.5}, masked=[1, 6, 4])
    yield case("nothing is allowed", floats(1, 2), masked=[0, 1])
    yield case("what is not finite is out", floats(nan, 1.0, infinite, 0.5, -infinite), all_)
    yield case("nothing is finite", floats(nan, infinite, -infinite))
    yield case("a bias does not help what is not finite", floats(infinite, 1.0, nan), all_ | {"logit_bias": {"0": -5, "2": 5}})
    for least in (0.3, 0.5, 0.8, 1):
        yield case(f"min_p {least}", row, all_ | {"min_p": least})
    yield case("min_p keeps equals of the first", floats(2, 2, 1.9375), all_ | {"min_p": 1})
    for share in (0, 0.2, 0.5, 0.9, 0.999):
        yield case(f"top_p {share}", row, all_ | {"top_p": share})
    yield case("top_p takes the one with which it is reached", floats(0, 0, 0, 0), all_ | {"top_p": 0.5})
    yield case("top_p of 1 cuts behind a sum of 1", floats(0, -40, -41), all_)
    yield case("top_p is of shares before min_p", floats(1, 1, 0.5, -1, -1, -1, -1, -1, -1), all_ | {"min_p": 0.5, "top_p": 0.7})
    yield case("what is far below has no share and is no candidate", floats(0, -701, -1), all_ | {"min_p": 1e-9})
    yield case("what is far below stays at no min_p, and top_p is never reached", floats(0, 0, -701, -709), all_ | {"top_k": 64})
    yield case("great logits", floats(3e38, -3e38, 2.9999e38), all_ | {"temperature": 100})
    yield case("smallest logits", floats(1e-45, -1e-45, 0), all_)
    yield case("decimals are the nearest f64", row, {"temperature": 0.7000000000000001, "top_p": 0.9500000000000001, "min_p": 0.049999999999999996})
    for index in range(8):
        yield case(f"a large vocabulary, {index}", (3000, 11), index=index)
        yield case(f"a large vocabulary, 64 candidates, {index}", (3000, 10), all_ | {"top_k": 64, "temperature": 1.3}, index=index)
        yield case(f"many equal logits, {index}", (2000, 3), all_ | {"top_k": 64, "temperature": 0.5}, index=index)


def write():
    lines = [json.dumps(case | result_of(case)) for case in (*functions(), *choices())]
    VECTORS.write_text("\n".join(lines) + "\n")
    print(f"{len(lines)} vectors")
    return True


def check():
    well, count = True, 0
    for line in VECTORS.read_text().splitlines():
        case = json.loads(line)
        for field, value in result_of(case).items():
            if case[field] != value:
                well = False
                print(f"{case['name']}: {field} is {value}, where {case[field]} was expected")
        count += 1
    print(f"{count} vectors" + ("" if well else ", and not all as expected"))
    return well


match sys.argv[1:]:
    case []:
        sys.exit(not check())
    case ["write"]:
        sys.exit(not write())
print(__doc__, file=sys.stderr)
sys.exit(1)
