"""Whether two found the same, and how a jury weighs: docs/protocol.md, section 8."""

import math
import struct

MATCH, GREY, MISMATCH = range(3)
NO_NUMBER = 0x7FF8000000000000


def floats(data):
    whole = len(data) // 4
    values = list(struct.unpack(f"<{whole}f", data[: 4 * whole]))
    return values + [math.nan] * (len(data) % 4 > 0)


def rms(policy, data):
    """The measure of an output, as the bits of a float."""
    values = floats(data)
    if policy[0] != "tensor" or not values:
        return 0
    squares = 0.0
    for value in values:
        squares += value * value
    measure = math.sqrt(squares / len(values))
    return NO_NUMBER if math.isnan(measure) else struct.unpack("<Q", struct.pack("<d", measure))[0]


def scale(one, other):
    measures = [struct.unpack("<d", struct.pack("<Q", side["rms"]))[0] for side in (one, other)]
    return min(measures) if all(math.isfinite(measure) and measure > 0 for measure in measures) else None


def record(threshold, one, other, measure):
    if one == other:
        return MATCH
    if measure is None or len(one) != len(other) or len(one) % 4:
        return MISMATCH
    apart = [abs(a - b) for a, b in zip(floats(one), floats(other))]
    if not all(math.isfinite(distance) for distance in apart):
        return MISMATCH
    furthest = max(apart, default=0.0)
    ok, bad = (measure * float(threshold[name]) / float(1 << 32) for name in ("ok", "bad"))
    return MATCH if furthest <= ok else GREY if furthest < bad else MISMATCH


def empty(found):
    """True if nothing was written, or nothing shows it."""
    return not found["records"] or not found["written"]["records"]


def compare(policy, threshold, claimed, found):
    if empty(claimed) or empty(found):
        return MISMATCH
    if claimed["end"] != found["end"] and claimed["end"][0] != "cancelled":
        return MISMATCH
    if policy[0] != "tensor":
        names = ["written", "records", "work", "units"]
        names += ["evidence_root", "check_work"] if policy[0] == "replay" else []
        same = all(claimed[name] == found[name] for name in names)
        return MATCH if same else MISMATCH
    units = [claimed["units"], found["units"]]
    shown = claimed["shown"]
    if (
        threshold is None
        or claimed["records"] != found["records"]
        or max(units) - min(units) > max(units) // 100
        or not shown
        or sorted(shown) != sorted(found["shown"])
    ):
        return MISMATCH
    measure = scale(claimed, found)
    return max(record(threshold, shown[at], found["shown"][at], measure) for at in sorted(shown))


def agree(policy, threshold, one, other):
    if empty(one) and empty(other):
        return True
    return all(
        compare(policy, threshold, *pair) == MATCH for pair in ((one, other), (other, one))
    )


def stands(policy, threshold, claimed, voices):
    """How each voice, of what it found and how often it was drawn, stands. One that was not served found None."""
    stood = []
    for found, _ in voices:
        if found is None:
            stood.append("unserved")
            continue
        agreed = MISMATCH if claimed is None else compare(policy, threshold, claimed, found)
        stood.append({MATCH: "with", GREY: "apart", MISMATCH: "against"}[agreed])
    if policy[0] != "tensor":
        return stood
    opposed = [at for at, stand in enumerate(stood) if stand == "against"]
    often = lambda group: sum(voices[at][1] for at in group)
    largest = []
    for first in opposed:
        group = [first]
        for other in opposed:
            if other != first and all(
                agree(policy, threshold, voices[member][0], voices[other][0]) for member in group
            ):
                group.append(other)
        if often(group) > often(largest):
            largest = group
    return ["apart" if stand == "against" and at not in largest else stand for at, stand in enumerate(stood)]
