"""Joins models in several GGUF files as docs/guide/author.md says, from that page alone, and cuts them as others do.

    python3 contrib/parts.py join PARTS... OUT     makes one file of parts, named in any order
    python3 contrib/parts.py cut FILE N FOLDER     makes N parts, laid out as llama.cpp's gguf-split lays them out
    python3 contrib/parts.py                       compares crates/engine/tests/golden/parts, and names what differs
    python3 contrib/parts.py write                 makes those anew

With `--no-tensor-first-split`, `cut` leaves the first part without tensors. Python without anything beside.
Exits with 1 if something differs or is no part.
"""

import itertools
import math
import mmap
import struct
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "receipts"))

from blake3 import blake3

GOLDEN = HERE.parent / "crates/engine/tests/golden/parts"
JOINED = GOLDEN / "joined.txt"
NAMES = "tiny", "bare"
SUMS = HERE.parent / "models/sums/sums.gguf"
LONE_FIRST = "--no-tensor-first-split"
NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}
TEXT, ARRAY, U16, U32, I32 = 8, 9, 2, 4, 5
ALIGNMENT = 32
BLOCKS = {  # type: (weights of a block, its bytes)
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
    23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
    34: (256, 54), 35: (256, 66), 39: (32, 17),
}


def padded(length, alignment):
    return -(-length // alignment) * alignment


class File:
    """A GGUF file: its keys and tensors as they are written, and where the bytes of the tensors lie."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.at = 0
        magic, self.version, tensors, keys = self.take("4sIQQ")
        if magic != b"GGUF" or self.version not in (2, 3):
            raise ValueError(f"{path} is no GGUF file of version 2 or 3")
        self.keys, self.values = [], {}  # (name, bytes of name and value); the values by name
        for _ in range(keys):
            began = self.at
            name = self.text()
            self.values[name] = self.value(self.take("I")[0])
            self.keys.append((name, self.data[began : self.at]))
        self.tensors = []  # (bytes of name, lengths and type; offset; bytes of its weights)
        for _ in range(tensors):
            began = self.at
            self.text()
            count = math.prod(self.take(f"{self.take('I')[0]}Q"))
            weights, size = BLOCKS[self.take("I")[0]]
            written = self.data[began : self.at]
            self.tensors.append((written, self.take("Q")[0], count // weights * size))
        self.alignment = self.values.get(b"general.alignment", ALIGNMENT)
        self.start = padded(self.at, self.alignment)

    def take(self, layout):
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def text(self):
        return self.take(f"{self.take('Q')[0]}s")[0]

    def value(self, kind):
        if kind == TEXT:
            return self.text()
        if kind == ARRAY:
            kind, count = self.take("IQ")
            return [self.value(kind) for _ in range(count)]
        return self.take(NUMBERS[kind])[0]

    def bytes_of(self, tensor):
        _, offset, size = tensor
        data = self.data[self.start + offset : self.start + offset + size]
        if len(data) != size:
            raise ValueError(f"{self.path} ends within a tensor")
        return data


def key(name, kind, value):
    """A key with a number."""
    return struct.pack("<Q", len(name)) + name + struct.pack("<I" + NUMBERS[kind], kind, value)


def write_file(out, version, keys, tensors, alignment, fill=b"\0"):
    """`keys` as they are written, `tensors` as (file, tensor)."""
    out.write(struct.pack("<4sIQQ", b"GGUF", version, len(tensors), len(keys)))
    out.write(b"".join(keys))
    offset = 0
    for _, (written, _, size) in tensors:
        out.write(written + struct.pack("<Q", offset))
        offset += padded(size, alignment)
    out.write(fill * (padded(out.tell(), alignment) - out.tell()))
    for file, tensor in tensors:
        data = file.bytes_of(tensor)
        out.write(data)
        out.write(fill * (padded(len(data), alignment) - len(data)))


def join(paths, path):
    parts = sorted((File(path) for path in paths), key=lambda part: part.values.get(b"split.no", -1))
    numbers = [part.values.get(b"split.no") for part in parts]
    counts = {part.values.get(b"split.count") for part in parts}
    if numbers != list(range(len(parts))) or counts != {len(parts)}:
        raise ValueError(f"these are parts {numbers} of {counts}, counted from 0")
    first = parts[0]
    keys = [written for name, written in first.keys if not name.startswith(b"split.")]
    tensors = [(part, tensor) for part in parts for tensor in part.tensors]
    if (promised := first.values.get(b"split.tensors.count", len(tensors))) != len(tensors):
        raise ValueError(f"{len(tensors)} tensors are here, and {promised} were cut")
    with open(path, "wb") as out:
        write_file(out, first.version, keys, tensors, first.alignment)


def part_keys(file, number, count):
    """Those of llama.cpp's tool, in its order and types."""
    tensors = len(file.tensors)
    about = [(b"split.no", U16, number), (b"split.count", U16, count), (b"split.tensors.count", I32, tensors)]
    names = [name for name, _, _ in about]
    kept = [written for name, written in file.keys if number == 0 and name not in names]
    return kept + [key(*one) for one in about]


def part_tensors(file, number, count, lone_first):
    place, holders = number - lone_first, count - lone_first
    begin, end = (max(at, 0) * len(file.tensors) // holders for at in (place, place + 1))
    return [(file, tensor) for tensor in file.tensors[begin:end]]


def part_name(path, number, count):
    return f"{Path(path).stem}-{number + 1:05}-of-{count:05}.gguf"


def cut(path, count, folder, lone_first=False):
    """Where llama.cpp's tool fills up to 32 whatever a file says, this keeps to what it says."""
    file = File(path)
    if not 0 < count - lone_first <= min(len(file.tensors), 65535):
        raise ValueError(f"{len(file.tensors)} tensors do not make {count} parts")
    for number in range(count):
        keys, tensors = part_keys(file, number, count), part_tensors(file, number, count, lone_first)
        with open(Path(folder) / part_name(path, number, count), "wb") as out:
            write_file(out, file.version, keys, tensors, ALIGNMENT if number else file.alignment)


def text(of):
    return struct.pack("<Q", len(of)) + of


WORDS = (b"", b"a", "ü".encode(), b"\xff")


def tiny(path, *more):
    """Values of all types, tensors that end at no multiple of the alignment and one that does."""
    keys = [
        text(b"general.architecture") + struct.pack("<I", TEXT) + text(b"tiny"),
        key(b"split", U32, 1),  # has no dot
        key(b"general.alignment", U32, 64),
        *more,
        text(b"tiny.words") + struct.pack("<IIQ", ARRAY, TEXT, 4) + b"".join(map(text, WORDS)),
        text(b"tiny.scales") + struct.pack("<IIQ3f", ARRAY, 6, 3, 1, -2, 0.5),
        text(b"tiny.nothing") + struct.pack("<IIQ", ARRAY, TEXT, 0),
        *(key(b"tiny.%d" % kind, kind, 1) for kind in NUMBERS),
        key(b"splitter.kept", U16, 3),
    ]
    shapes = [
        (b"a", 0, (3,)), (b"b", 1, (5, 3)), (b"c", 8, (32, 3)), (b"d", 0, (2, 1, 1, 3)), (b"e", 0, (16,)),
        (b"f", 12, (256,)), (b"g", 30, (7,)),
    ]
    out = bytearray(struct.pack("<4sIQQ", b"GGUF", 3, len(shapes), len(keys)) + b"".join(keys))
    data = bytearray()
    for name, kind, lengths in shapes:
        weights, size = BLOCKS[kind]
        out += text(name) + struct.pack(f"<I{len(lengths)}QIQ", len(lengths), *lengths, kind, len(data))
        data += bytes((len(data) + 7 * at) % 251 + 1 for at in range(math.prod(lengths) // weights * size))
        data += bytes(-len(data) % 64)
    Path(path).write_bytes(out + bytes(-len(out) % 64) + data)


def bare(path):
    """Tensors alone."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "tiny.gguf"
        tiny(whole)
        with open(path, "wb") as out:
            write_file(out, 2, [], [(File(whole), tensor) for tensor in File(whole).tensors], ALIGNMENT)


def write():
    """Of tiny, the second part has an alignment of its own and no zeros behind its last tensor, the third none between."""
    GOLDEN.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        whole, other = Path(folder) / "tiny.gguf", Path(folder) / "bare.gguf"
        tiny(whole, key(b"split.by", U32, 7))
        bare(other)
        cut(whole, 3, GOLDEN)
        cut(other, 2, GOLDEN, lone_first=True)
        file, own = File(whole), key(b"general.alignment", U32, 512)
        for number, alignment, more, fill in ((1, 512, [own], b"\0"), (2, ALIGNMENT, [], b"\xaa")):
            with open(GOLDEN / part_name(whole, number, 3), "wb") as out:
                keys, tensors = part_keys(file, number, 3), part_tensors(file, number, 3, False)
                write_file(out, file.version, keys + more, tensors, alignment, fill)
    second = GOLDEN / part_name(whole, 1, 3)
    second.write_bytes(second.read_bytes().rstrip(b"\0"))
    JOINED.write_text("".join(f"{name}: {digest_of(name)}\n" for name in NAMES))
    return True


def joined(folder, name):
    """What all parts in a folder give."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "joined.gguf"
        join(sorted(folder.glob(f"{name}-*.gguf"), reverse=True), out)
        return out.read_bytes()


def digest_of(name):
    return blake3(joined(GOLDEN, name)).hex()


def check():
    """The parts that are there; and what was laid out like this is itself again, however it was cut."""
    well = True
    for line in JOINED.read_text().splitlines():
        name, expected = line.split(": ")
        found = digest_of(name)
        well &= found == expected
        print(f"the parts of {name}: {found}" + ("" if found == expected else f", where {expected} was expected"))
    with tempfile.TemporaryDirectory() as folder:
        wholes = SUMS, Path(folder) / "tiny.gguf", Path(folder) / "bare.gguf"
        tiny(wholes[1])
        bare(wholes[2])
        for path, count, lone_first in itertools.product(wholes, (2, 3, 7), (False, True)):
            with tempfile.TemporaryDirectory() as place:
                cut(path, count, place, lone_first)
                if joined(Path(place), path.stem) != path.read_bytes():
                    well = False
                    how = "none" if lone_first else "some"
                    print(f"{path.name} in {count} parts, {how} of its tensors in the first, is another file")
    return well


def main(words):
    lone_first = LONE_FIRST in words
    match [word for word in words if word != LONE_FIRST]:
        case []:
            return check()
        case ["write"]:
            return write()
        case ["join", first, *parts, out]:
            return done(join, [first, *parts], out)
        case ["cut", path, count, folder] if count.isdecimal():
            return done(cut, path, int(count), folder, lone_first)
    print(__doc__, file=sys.stderr)
    return False


def done(work, *words):
    try:
        work(*words)
    except (OSError, ValueError, KeyError, struct.error) as error:
        print(error, file=sys.stderr)
        return False
    return True


sys.exit(not main(sys.argv[1:]))
