"""Reads GGUF files: what they say by key, and where their tensors lie."""

import mmap
import struct

from weights import FLOATS, FORMATS, decode, floats

NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
TEXT, ARRAY, ALIGNMENT = 8, 9, 32


class File:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.at = 0
        magic, version, tensors, keys = self.take("4sIQQ")
        assert magic == b"GGUF" and version in (2, 3), f"{path} is no GGUF file"
        self.keys = {}
        for _ in range(keys):
            name = self.text()
            self.keys[name] = self.value(self.take("I")[0])
        self.tensors = {}
        for _ in range(tensors):
            name = self.text()
            lengths = self.take(f"{self.take('I')[0]}Q")
            self.tensors[name] = (lengths, *self.take("IQ"))
        alignment = self.keys.get("general.alignment", ALIGNMENT)
        self.start = -(-self.at // alignment) * alignment

    def take(self, layout):
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def text(self):
        return self.take(f"{self.take('Q')[0]}s")[0].decode(errors="replace")

    def value(self, kind):
        if kind == TEXT:
            return self.text()
        if kind == ARRAY:
            kind, count = self.take("IQ")
            return [self.value(kind) for _ in range(count)]
        return self.take(NUMBERS[kind])[0]

    def bytes_of(self, name):
        """Name of the format, lengths with the rows' last, and the bytes of a tensor."""
        lengths, code, offset = self.tensors[name]
        kind, weights, size = FORMATS[code]
        count = 1
        for length in lengths:
            count *= length
        begin = self.start + offset
        return kind, lengths[::-1], self.data[begin : begin + count * size // weights]

    def numbers(self, name):
        """A tensor of floats, or None where there is none of this name."""
        if name not in self.tensors:
            return None
        kind, lengths, data = self.bytes_of(name)
        assert kind in FLOATS, f"{name} is {kind}"
        return floats(kind, data).reshape(lengths)

    def matrix(self, name):
        kind, lengths, data = self.bytes_of(name)
        return decode(kind, data, *lengths[:-1])
