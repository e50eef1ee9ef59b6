"""Writes a random model of the shape of Llama 3 8B, or of another: for speed, and for the bits of shapes that are in use.

python3 large.py OUT [LAYERS WIDTH FEED HEADS KEY_HEADS TOKENS [q4_0 | q8_0 | q4_K]] [--experts COUNT USED]
    [--vocabulary FILE.gguf]

With experts it is of the family gpt-oss: their weights are four-bit floats (mxfp4). It has no vocabulary, or that of a file,
whose number of tokens it has then.
"""
import argparse
import random
import struct

# The number of a format, weights and bytes of a block, where scales of sixteen bits lie in it, and the greatest of what
# they are multiplied with, for weights about as large as those of 4 bits.
FORMATS = {"q4_0": (2, 32, 18, [0], 8), "q8_0": (8, 32, 34, [0], 128), "q4_K": (12, 256, 144, [0, 2], 500)}
# Four-bit floats: a power of two behind each block's first byte, of weights that are 6 at most.
FLOATS = (39, 32, 17)
POOL = 1 << 20  # blocks that are written over and over, each time from another one on

parser = argparse.ArgumentParser()
parser.add_argument("out")
parser.add_argument("sizes", nargs="*", type=int, default=[32, 4096, 14336, 32, 8, 128256])
parser.add_argument("--format", default="q4_0", choices=FORMATS)
parser.add_argument("--experts", nargs=2, type=int)
parser.add_argument("--vocabulary")
given = parser.parse_args()
layers, width, feed, heads, key_heads, tokens = given.sizes
head = 64 if given.experts else width // heads
family = "gpt-oss" if given.experts else "llama"


def text(s):
    return struct.pack("<Q", len(s)) + s.encode()


def whole(n):
    return struct.pack("<II", 4, n)


def real(x):
    return struct.pack("<If", 6, x)


def string(s):
    return struct.pack("<I", 8) + text(s)


def vocabulary(path):
    """The keys of a file that tell of its vocabulary, with their values as they stand, and how many tokens it has."""
    data = open(path, "rb").read()
    sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
    count, at, keys, found = struct.unpack_from("<Q", data, 16)[0], 24, {}, 0

    def behind(kind, at):
        if kind == 8:
            return at + 8 + struct.unpack_from("<Q", data, at)[0]
        if kind != 9:
            return at + sizes[kind]
        item, length = struct.unpack_from("<IQ", data, at)
        if item in sizes:
            return at + 12 + length * sizes[item]
        at += 12
        for _ in range(length):
            at = behind(item, at)
        return at

    for _ in range(count):
        name_end = at + 8 + struct.unpack_from("<Q", data, at)[0]
        name = data[at + 8:name_end].decode()
        at = behind(struct.unpack_from("<I", data, name_end)[0], name_end + 4)
        if name.startswith("tokenizer."):
            keys[name] = data[name_end:at]
        if name == "tokenizer.ggml.tokens":
            found = struct.unpack_from("<Q", data, name_end + 8)[0]
    return keys, found


names, tokens = vocabulary(given.vocabulary) if given.vocabulary else ({"tokenizer.ggml.model": string("no_vocab")}, tokens)
keys = {
    "general.architecture": string(family),
    "general.name": string("random"),
    f"{family}.block_count": whole(layers),
    f"{family}.context_length": whole(4096),
    f"{family}.embedding_length": whole(width),
    f"{family}.feed_forward_length": whole(feed),
    f"{family}.attention.head_count": whole(heads),
    f"{family}.attention.head_count_kv": whole(key_heads),
    f"{family}.attention.layer_norm_rms_epsilon": real(1e-5),
    f"{family}.rope.dimension_count": whole(head),
    f"{family}.rope.freq_base": real(500000.0),
    f"{family}.vocab_size": whole(tokens),
    "general.file_type": whole(2),
    **names,
}
if given.experts:
    keys |= {
        f"{family}.attention.key_length": whole(head),
        f"{family}.attention.value_length": whole(head),
        f"{family}.attention.sliding_window": whole(128),
        f"{family}.expert_count": whole(given.experts[0]),
        f"{family}.expert_used_count": whole(given.experts[1]),
        f"{family}.expert_feed_forward_length": whole(feed),
        f"{family}.rope.scaling.type": string("yarn"),
        f"{family}.rope.scaling.factor": real(32.0),
        f"{family}.rope.scaling.original_context_length": whole(4096),
    }

MATRIX = FORMATS[given.format][:3]
NUMBERS = (0, 1, 4)
# Name, format, lengths, columns of a row, and the value where all numbers are the same one.
tensors = [("token_embd.weight", MATRIX, [width, tokens], None)]
for layer in range(layers):
    block = f"blk.{layer}."

    def matrix(name, columns, rows, is_biased=False):
        tensors.append((f"{block}{name}.weight", MATRIX, [columns, rows], None))
        if is_biased:
            tensors.append((f"{block}{name}.bias", NUMBERS, [rows], 0.1))

    def norm(name):
        tensors.append((f"{block}{name}.weight", NUMBERS, [width], 1.0))

    biased = bool(given.experts)
    norm("attn_norm")
    matrix("attn_q", width, heads * head, biased)
    matrix("attn_k", width, key_heads * head, biased)
    matrix("attn_v", width, key_heads * head, biased)
    matrix("attn_output", heads * head, width, biased)
    if given.experts:
        count = given.experts[0]
        norm("post_attention_norm")
        tensors.append((f"{block}attn_sinks.weight", NUMBERS, [heads], 0.5))
        tensors.append((f"{block}ffn_gate_inp.weight", NUMBERS, [width, count], None))
        tensors.append((f"{block}ffn_gate_inp.bias", NUMBERS, [count], 0.1))
        for part, columns, rows in [("gate", width, feed), ("up", width, feed), ("down", feed, width)]:
            tensors.append((f"{block}ffn_{part}_exps.weight", FLOATS, [columns, rows, count], None))
            tensors.append((f"{block}ffn_{part}_exps.bias", NUMBERS, [rows, count], 0.1))
    else:
        norm("ffn_norm")
        matrix("ffn_gate", width, feed)
        matrix("ffn_up", width, feed)
        matrix("ffn_down", feed, width)
tensors.append(("output_norm.weight", NUMBERS, [width], 1.0))
if given.experts:
    tensors.append(("output.weight", MATRIX, [width, tokens], None))


def size(form, lengths):
    rows = 1
    for length in lengths[1:]:
        rows *= length
    return lengths[0] // form[1] * rows * form[2] if form[1] > 1 else lengths[0] * rows * 4


header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
header += b"".join(text(key) + value for key, value in keys.items())
at = 0
for name, form, lengths, _ in tensors:
    header += text(name) + struct.pack(f"<I{len(lengths)}Q", len(lengths), *lengths) + struct.pack("<IQ", form[0], at)
    at += (size(form, lengths) + 31) // 32 * 32

chance = random.Random(1)
pools = {form[2]: bytearray(chance.randbytes(form[2] * POOL)) for form in (MATRIX, FLOATS)}
_, _, BLOCK, scales, greatest = FORMATS[given.format]


def pool_of(form, columns):
    """Blocks with scales that make what comes out about as large as what went in."""
    pool = pools[form[2]]
    if form == FLOATS:
        power = 127 + round(-1.3 - columns.bit_length() / 2)
        pool[0::form[2]] = bytes([power]) * POOL
        return pool
    high = struct.pack("<e", 1.74 / (greatest * columns ** 0.5))[1]
    signs = bytes(high | byte & 128 for byte in range(256))
    for scale in scales:
        pool[scale + 1::BLOCK] = pool[scale + 7::BLOCK].translate(signs)
    return pool


with open(given.out, "wb") as out:
    out.write(header + bytes(-len(header) % 32))
    for number, (name, form, lengths, value) in enumerate(tensors):
        length = size(form, lengths)
        if form != NUMBERS:
            pool = pool_of(form, lengths[0])
            turn = number * 7919 % 4096 * form[2]
            piece = bytes(pool[turn:] + pool[:turn])
            for start in range(0, length, len(piece)):
                out.write(piece[:length - start])
        elif value is None:
            spread = lengths[0] ** -0.5
            out.write(struct.pack(f"<{length // 4}f", *(chance.gauss(0, spread) for _ in range(length // 4))))
        else:
            out.write(struct.pack("<f", value) * (length // 4))
        out.write(bytes(-length % 32))
