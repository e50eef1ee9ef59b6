"""Writes a random model of the shape of Llama 3 8B, or of another: for speed alone, it has no vocabulary.

python3 large.py OUT [LAYERS WIDTH FEED HEADS KEY_HEADS TOKENS [q4_0 | q8_0 | q4_K]]
"""
import random
import struct
import sys

# The number of a format, weights and bytes of a block, where scales of sixteen bits lie in it, and the greatest of what
# they are multiplied with, for weights about as large as those of 4 bits.
FORMATS = {"q4_0": (2, 32, 18, [0], 8), "q8_0": (8, 32, 34, [0], 128), "q4_K": (12, 256, 144, [0, 2], 500)}
POOL = 1 << 20  # blocks that are written over and over, each time from another one on

layers, width, feed, heads, key_heads, tokens = (
    map(int, sys.argv[2:8]) if len(sys.argv) > 2 else (32, 4096, 14336, 32, 8, 128256))
head = width // heads
number_of, WEIGHTS, BLOCK, scales, greatest = FORMATS[sys.argv[8] if len(sys.argv) > 8 else "q4_0"]


def text(s):
    return struct.pack("<Q", len(s)) + s.encode()


def whole(n):
    return struct.pack("<II", 4, n)


def real(x):
    return struct.pack("<If", 6, x)


def string(s):
    return struct.pack("<I", 8) + text(s)


keys = {
    "general.architecture": string("llama"),
    "llama.block_count": whole(layers),
    "llama.context_length": whole(4096),
    "llama.embedding_length": whole(width),
    "llama.feed_forward_length": whole(feed),
    "llama.attention.head_count": whole(heads),
    "llama.attention.head_count_kv": whole(key_heads),
    "llama.attention.layer_norm_rms_epsilon": real(1e-5),
    "llama.rope.dimension_count": whole(head),
    "llama.rope.freq_base": real(500000.0),
    "llama.vocab_size": whole(tokens),
    "tokenizer.ggml.model": string("no_vocab"),
    "general.file_type": whole(2),
}
tensors = [("token_embd", width, tokens)]
for layer in range(layers):
    for name, columns, rows in (
            ("attn_norm", width, 0), ("attn_q", width, width), ("attn_k", width, key_heads * head),
            ("attn_v", width, key_heads * head), ("attn_output", width, width), ("ffn_norm", width, 0),
            ("ffn_gate", width, feed), ("ffn_up", width, feed), ("ffn_down", feed, width)):
        tensors.append((f"blk.{layer}.{name}", columns, rows))
tensors.append(("output_norm", width, 0))


def size(columns, rows):
    return columns // WEIGHTS * rows * BLOCK if rows else columns * 4


header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
header += b"".join(text(key) + value for key, value in keys.items())
at = 0
for name, columns, rows in tensors:
    lengths = (columns, rows) if rows else (columns,)
    header += text(name + ".weight") + struct.pack(f"<I{len(lengths)}Q", len(lengths), *lengths)
    header += struct.pack("<IQ", number_of if rows else 0, at)
    at += (size(columns, rows) + 31) // 32 * 32

pool = bytearray(random.Random(1).randbytes(BLOCK * POOL))
with open(sys.argv[1], "wb") as out:
    out.write(header + bytes(-len(header) % 32))
    for number, (name, columns, rows) in enumerate(tensors):
        length = size(columns, rows)
        if rows:
            # Scales that make what comes out about as large as what went in, of either sign.
            high = struct.pack("<e", 1.74 / (greatest * columns ** 0.5))[1]
            signs = bytes(high | byte & 128 for byte in range(256))
            for scale in scales:
                pool[scale + 1::BLOCK] = pool[scale + 7::BLOCK].translate(signs)
            turn = number * 7919 % 4096 * BLOCK
            piece = bytes(pool[turn:] + pool[:turn])
            for start in range(0, length, len(piece)):
                out.write(piece[:length - start])
        else:
            out.write(struct.pack("<f", 1.0) * columns)
        out.write(bytes(-length % 32))
