"""Names and signatures: docs/protocol.md, sections 1 to 3."""

from blake3 import blake3
from ed25519 import verify
from shapes import BODIES, MESSAGE, RECEIPT
from wire import Malformed, Text, decode

MAGIC, VERSION = 0xA5, 3
MESSAGE_MAX, RECEIPT_MAX = 65_536, 1_048_576
TAG = Text(64)
NAME_LENGTH = b"\x20"


def digest(tag, encoded):
    """The name of a value, from its encoding."""
    return blake3(TAG.write(tag) + encoded)


def name(value):
    """A digest or a peer as it stands in an encoding."""
    return NAME_LENGTH + value


def body(data, most):
    """What follows the header."""
    if len(data) > most:
        raise Malformed("more bytes than are allowed")
    if len(data) < 2 or data[0] != MAGIC or data[1] != VERSION:
        raise Malformed("another format or version")
    return data[2:]


def message(data):
    """The kind of a message and its statement."""
    return decode(MESSAGE, body(data, MESSAGE_MAX))


def receipt(data):
    return decode(RECEIPT, body(data, RECEIPT_MAX))


scheme = verify
"""How signatures are verified: those of real networks; stories that are told to be judged may have others."""


def is_signed(signed, network):
    kind = signed["kind"]
    said = TAG.write("assay/1/") + TAG.write(kind) + name(network) + BODIES[kind].write(signed["body"])
    return scheme(signed["signer"], said, signed["signature"])


def statements(value):
    """All signed statements in a value, the outer ones first."""
    if isinstance(value, dict):
        if "kind" in value and "signature" in value:
            yield value
        for part in value.values():
            yield from statements(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from statements(part)


def forged(value, network):
    """The kinds of the statements in it whose signature does not hold."""
    return [signed["kind"] for signed in statements(value) if not is_signed(signed, network)]
