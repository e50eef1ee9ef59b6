"""A second reader of receipts, that follows docs/protocol.md, in Python without anything beside it.

    python3 contrib/receipts vectors          every golden message and receipt: its encoding, its signatures, its names
    python3 contrib/receipts read FILE…       whether receipts hold, and at which step they fail
    python3 contrib/receipts stories FILE     whether all the stories and lies in a file, which the tests of
                                              crates/protocol write, are judged as these judge them

Exits with 1 if something differs.
"""

import sys
from pathlib import Path

sys.dont_write_bytecode = True

import names
from blake3 import blake3
from judge import judge
from wire import Malformed

GOLDEN = Path(__file__).resolve().parents[2] / "crates/protocol/tests/golden"
NETWORK = bytes([99]) * 32
"""The network of the golden messages."""


def vectors():
    wrong, read = [], 0
    for line in (GOLDEN / "messages.txt").read_text().splitlines():
        kind, digits = line.split(" ")
        try:
            found, said = names.message(bytes.fromhex(digits))
            if found != kind:
                wrong.append(f"{kind} is read as {found}")
            wrong += [f"{kind}: the signature on {forged}" for forged in names.forged(said, NETWORK)]
        except Malformed as error:
            wrong.append(f"{kind}: {error}")
        read += 1
    for file in sorted(GOLDEN.glob("receipts/*.receipt")):
        step = judge(file.read_bytes())
        if step is not None:
            wrong.append(f"{file.name}: step {step}")
        read += 1
    print(f"{read} vectors", *(wrong or ["nothing differs"]), sep="\n")
    return not wrong


def read(*files):
    steps = {file: judge(Path(file).read_bytes()) for file in files}
    for file, step in steps.items():
        print(f"{file}: {'holds' if step is None else 'fails at ' + step}")
    return not any(steps.values())


def stamped(signer, message, signature):
    """Signatures that anybody can make for anybody: those of the stories that tests tell."""
    return signature == blake3(signer + blake3(message)) + bytes([7]) * 32


def stories(file):
    names.scheme, judged, wrong = stamped, {}, 0
    with Path(file).open("rb") as source:
        while size := source.read(4):
            expected = source.read(int.from_bytes(size, "little")).decode() or None
            story = source.read(int.from_bytes(source.read(4), "little"))
            found = judge(story)
            judged[expected] = judged.get(expected, 0) + 1
            if found != expected:
                wrong += 1
                print(f"story {sum(judged.values())}: {found or 'holds'}, where {expected or 'it holds'} is expected")
    for step, many in sorted(judged.items(), key=lambda item: item[0] or ""):
        print(f"{many:6} {step or 'true'}")
    return bool(judged) and not wrong


if __name__ == "__main__":
    verbs = {"vectors": vectors, "read": read, "stories": stories}
    if len(sys.argv) < 2 or sys.argv[1] not in verbs:
        sys.exit(__doc__)
    sys.exit(0 if verbs[sys.argv[1]](*sys.argv[2:]) else 1)
