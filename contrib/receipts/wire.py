"""The encoding of docs/protocol.md, section 1: shapes that read values from bytes and write them again.

A structure is read as a dictionary, a variant as (name, content), an option as None or the value.
"""


class Malformed(Exception):
    """Bytes that are not the one encoding of a value."""


class Bytes:
    """What is left to read."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if count > len(self.data) - self.at:
            raise Malformed("too few bytes")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, bits):
        first = self.take(1)[0]
        size = {251: 2, 252: 4, 253: 8}.get(first, 0)
        if first > 253 or size * 8 > bits:
            raise Malformed("a number of another size")
        value = int.from_bytes(self.take(size), "little") if size else first
        if value >> bits or number(value)[0] != first:
            raise Malformed("a number that is longer than it need be")
        return value


def number(value):
    """The variable form of a number."""
    if value <= 250:
        return bytes([value])
    for mark, size in ((251, 2), (252, 4), (253, 8)):
        if value < 1 << 8 * size:
            return bytes([mark]) + value.to_bytes(size, "little")
    raise Malformed("a number that no type holds")


class Number:
    def __init__(self, bits):
        self.bits = bits

    def read(self, source):
        return source.number(self.bits)

    def write(self, value):
        return number(value)


class Byte:
    """A number of 8 bits: that byte."""

    def read(self, source):
        return source.take(1)[0]

    def write(self, value):
        return bytes([value])


class Bool:
    def read(self, source):
        byte = source.take(1)[0]
        if byte > 1:
            raise Malformed("neither true nor false")
        return bool(byte)

    def write(self, value):
        return bytes([value])


class Plain:
    """An array of bytes without a length."""

    def __init__(self, length):
        self.length = length

    def read(self, source):
        return source.take(self.length)

    def write(self, value):
        return value


class Sized:
    """Bytes behind their length: of one length only, or of any up to a bound."""

    def __init__(self, most, least=None):
        self.least, self.most = most if least is None else least, most

    def read(self, source):
        length = source.number(64)
        if not self.least <= length <= self.most:
            raise Malformed("bytes of a length that is not allowed")
        return source.take(length)

    def write(self, value):
        return number(len(value)) + value


class Text:
    def __init__(self, most):
        self.bytes = Sized(most, 0)

    def read(self, source):
        try:
            return self.bytes.read(source).decode()
        except UnicodeDecodeError as error:
            raise Malformed("a text that is none") from error

    def write(self, value):
        return self.bytes.write(value.encode())


class Vector:
    def __init__(self, of, most=None):
        self.of, self.most = of, most

    def read(self, source):
        count = source.number(64)
        if self.most is not None and count > self.most or count > len(source.data):
            raise Malformed("more items than are allowed")
        return [self.of.read(source) for _ in range(count)]

    def write(self, value):
        return number(len(value)) + b"".join(self.of.write(item) for item in value)


class Tuple:
    def __init__(self, *parts):
        self.parts = parts

    def read(self, source):
        return tuple(part.read(source) for part in self.parts)

    def write(self, value):
        return b"".join(part.write(item) for part, item in zip(self.parts, value, strict=True))


class Option:
    def __init__(self, of):
        self.of = of

    def read(self, source):
        return self.of.read(source) if Bool().read(source) else None

    def write(self, value):
        return b"\0" if value is None else b"\1" + self.of.write(value)


class Structure:
    def __init__(self, **fields):
        self.fields = fields

    def read(self, source):
        return {name: shape.read(source) for name, shape in self.fields.items()}

    def write(self, value):
        return b"".join(shape.write(value[name]) for name, shape in self.fields.items())


class Enumeration:
    """Variants in order, each with the shape of its content, or None."""

    def __init__(self, *names, **variants):
        self.variants = [(name, None) for name in names] + list(variants.items())

    def read(self, source):
        place = source.number(32)
        if place >= len(self.variants):
            raise Malformed("a variant that is not known")
        name, shape = self.variants[place]
        return name, None if shape is None else shape.read(source)

    def write(self, value):
        place = next(at for at, (name, _) in enumerate(self.variants) if name == value[0])
        shape = self.variants[place][1]
        return number(place) + (b"" if shape is None else shape.write(value[1]))


def decode(shape, data):
    """The value that all of these bytes are the one encoding of."""
    source = Bytes(data)
    value = shape.read(source)
    if source.at != len(data):
        raise Malformed("bytes left over")
    if shape.write(value) != data:
        raise Malformed("another encoding than the one")
    return value
