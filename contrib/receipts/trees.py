"""Trees of records and of weights, and what is drawn from them: docs/protocol.md, sections 6 and 7."""

from blake3 import blake3
from names import digest, name
from shapes import LISTING, NODE, TRY
from wire import number

NOTHING = bytes(32)
LEAF = TRY.fields["leaf"]


def u64(value):
    return number(value)


def reduced(value, below):
    return int.from_bytes(value[:16], "big") % below


def depth(count, position):
    """For each sibling from the top down, whether it stands on the left; none if there is no such position."""
    if position >= count:
        return None
    sides = []
    while count > 1:
        left = 1 << (count - 1).bit_length() - 1
        sides.append(position >= left)
        position, count = (position - left, count - left) if position >= left else (position, left)
    return sides


def shows(root, count, position, record, path):
    """True if this path shows the record at its position under a root of so many."""
    sides = depth(count, position)
    if sides is None or len(sides) != len(path) or len(path) > 32:
        return False
    node = blake3(b"\0" + record)
    for sibling, left in zip(path, reversed(sides)):
        node = blake3(b"\1" + (sibling + node if left else node + sibling))
    return blake3(b"\2" + count.to_bytes(8, "big") + node) == root


def lists(listing, rosters, kind):
    """True if the listing stands among all rosters as that of a kind."""
    roster = listing["roster"]
    entry = name(kind[0]) + name(kind[1]) + u64(kind[2]) + LISTING.fields["roster"].write(roster)
    return shows(rosters, listing["count"], listing["position"], entry, listing["path"])


def reach(tried, top):
    """Where the positions of a leaf begin that its path shows; none if it does not."""
    leaf, before = tried["leaf"], 0
    node = {"digest": digest("roster leaf", LEAF.write(leaf)), "sum": leaf["stake"]}
    for sibling in tried["path"]:
        pair = (sibling["node"], node) if sibling["left"] else (node, sibling["node"])
        before += sibling["node"]["sum"] if sibling["left"] else 0
        both = {"digest": digest("roster node", b"".join(map(NODE.write, pair))), "sum": sum(n["sum"] for n in pair)}
        if both["sum"] >= 1 << 64:
            return None
        node = both
    return before if node == top else None


def lies_at(tried, top, position):
    """True if the path of a try shows its leaf as the one that a position belongs to."""
    before = reach(tried, top)
    return before is not None and before <= position < before + tried["leaf"]["stake"]


def place(job, secret, beacon, seat, attempt, total):
    drawn = digest("verifier", name(job) + name(secret) + name(beacon) + u64(seat) + u64(attempt))
    return reduced(drawn, total)


def is_drawn(job, claim, secret, beacon, rate):
    drawn = digest("draw", name(job) + name(claim) + name(secret) + name(beacon))
    return int.from_bytes(drawn[:4], "big") < rate


def is_second(job, secret, beacon, chance):
    """Whether somebody looks again."""
    drawn = digest("second", name(job) + name(secret) + name(beacon))
    return int.from_bytes(drawn[:4], "big") < chance


def positions(job, count, beacon):
    """Which of so many records are opened; none while their value is awaited."""
    if count <= 16:
        return list(range(count))
    if beacon is None:
        return None
    drawn = (digest("position", name(job) + name(beacon) + u64(at)) for at in range(16))
    return sorted({reduced(value, count) for value in drawn})
