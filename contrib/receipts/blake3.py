"""BLAKE3, which Python does not bring along: the plain hash of some bytes, by whole numbers alone."""

START = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8
CHUNK, BLOCK = 1024, 64
MASK = 0xFFFFFFFF


def mix(s, a, b, c, d, one, two):
    """The quarter of a round, on four words of the state."""
    x = (s[a] + s[b] + one) & MASK
    z = s[d] ^ x
    z = (z >> 16 | z << 16) & MASK
    y = (s[c] + z) & MASK
    w = s[b] ^ y
    w = (w >> 12 | w << 20) & MASK
    x = (x + w + two) & MASK
    z ^= x
    z = (z >> 8 | z << 24) & MASK
    y = (y + z) & MASK
    w ^= y
    s[a], s[b], s[c], s[d] = x, (w >> 7 | w << 25) & MASK, y, z


def compress(chain, block, counter, flags):
    """The first half of the result; `block` has at most 64 bytes."""
    padded = block + bytes(BLOCK - len(block))
    words = [int.from_bytes(padded[at : at + 4], "little") for at in range(0, BLOCK, 4)]
    s = [*chain, *START[:4], counter & MASK, counter >> 32, len(block), flags]
    for turn in range(7):
        mix(s, 0, 4, 8, 12, words[0], words[1])
        mix(s, 1, 5, 9, 13, words[2], words[3])
        mix(s, 2, 6, 10, 14, words[4], words[5])
        mix(s, 3, 7, 11, 15, words[6], words[7])
        mix(s, 0, 5, 10, 15, words[8], words[9])
        mix(s, 1, 6, 11, 12, words[10], words[11])
        mix(s, 2, 7, 8, 13, words[12], words[13])
        mix(s, 3, 4, 9, 14, words[14], words[15])
        if turn < 6:
            words = [words[at] for at in ORDER]
    return [one ^ other for one, other in zip(s[:8], s[8:])]


def chunk(data, counter, last):
    """The chaining value of up to 1,024 bytes; `last` are the flags of a root that is a single chunk."""
    chain, blocks = START, range(0, max(len(data), 1), BLOCK)
    for at in blocks:
        flags = (CHUNK_START if at == 0 else 0) | (CHUNK_END | last if at == blocks[-1] else 0)
        chain = compress(chain, data[at : at + BLOCK], counter, flags)
    return chain


def tree(data, counter, last):
    """The chaining value of any bytes; of more than a chunk, the left part is the largest power of two chunks."""
    if len(data) <= CHUNK:
        return chunk(data, counter, last)
    left = 1 << ((len(data) - 1) // CHUNK).bit_length() - 1
    halves = tree(data[: left * CHUNK], counter, 0) + tree(data[left * CHUNK :], counter + left, 0)
    return compress(START, b"".join(word.to_bytes(4, "little") for word in halves), 0, PARENT | last)


def blake3(data):
    """The digest: 32 bytes."""
    return b"".join(word.to_bytes(4, "little") for word in tree(bytes(data), 0, ROOT))
