"""Writes GGUF files, version 3: values, then matrices in q8_0 and everything else as plain floats."""

import struct

import numpy as np

U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
"""Kinds of values; an array is the pair of `ARRAY` and the kind of what is in it."""
FORMAT_F32, FORMAT_Q8_0, FILE_TYPE_Q8_0, NORMAL, CONTROL = 0, 8, 7, 1, 3
BLOCK = 32
ALIGNMENT = 32


def pack(matrix):
    """q8_0: for each 32 values of a row a scale, f16, and 32 signed bytes."""
    blocks = matrix.reshape(-1, BLOCK).astype(np.float32)
    scale = (np.abs(blocks).max(axis=1, keepdims=True) / 127).astype(np.float16)
    wide = scale.astype(np.float32)
    whole = np.rint(np.divide(blocks, wide, out=np.zeros_like(blocks), where=wide > 0)).clip(-127, 127).astype(np.int8)
    return scale, whole, matrix.shape


def unpack(packed):
    scale, whole, shape = packed
    return (scale.astype(np.float32) * whole).reshape(shape)


def write(path, values, tensors):
    """`values` are (name, kind, content), `tensors` arrays by name."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values))
    head += b"".join(value(STRING, name) + kind_of(kind) + value(kind, content) for name, kind, content in values)
    body = b""
    for name, tensor in tensors.items():
        data, kind = tensor.astype("<f4").tobytes(), FORMAT_F32
        if tensor.ndim == 2:
            scale, whole, _ = pack(tensor)
            data, kind = np.concatenate([scale.view(np.int8), whole], axis=1).tobytes(), FORMAT_Q8_0
        sizes = tensor.shape[::-1]
        head += value(STRING, name) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, kind, len(body))
        body += data + bytes(-len(data) % ALIGNMENT)
    path.write_bytes(head + bytes(-len(head) % ALIGNMENT) + body)


def kind_of(kind):
    return struct.pack("<I", ARRAY if isinstance(kind, tuple) else kind)


def value(kind, content):
    if kind == STRING:
        data = content.encode()
        return struct.pack("<Q", len(data)) + data
    if isinstance(kind, tuple):
        return struct.pack("<IQ", kind[1], len(content)) + b"".join(value(kind[1], item) for item in content)
    return struct.pack({U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}[kind], content)
