"""A network that embeds texts, small enough to be written here: a row of four numbers for each of eight words.

Usage: embedder.py FOLDER, which is made; `assay model add` takes it. A text's vector is the mean of the rows of its words, with one
before and one behind them, one long: `clients.py` and `clients.mjs` say so too, and see the same.
"""

import json
import pathlib
import struct
import sys

WORDS = ["[UNK]", "[CLS]", "[SEP]", "a", "cat", "sat", "##s", "."]
# One number is another in each: the row of the first word is 1 0 0 0, of the fifth 2 0 0 0.
ROWS = [[float(word // 4 + 1) if word % 4 == place else 0.0 for place in range(4)] for word in range(len(WORDS))]
FLOAT, INT64 = 1, 7


def varint(number):
    """A number in sevens of bits, the lowest first."""
    written = bytearray()
    while number >= 128:
        written.append(number & 127 | 128)
        number >>= 7
    return bytes([*written, number])


def field(place, value):
    """A field of a message of the format: a number, a text, or a message."""
    if isinstance(value, int):
        return varint(place << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(place << 3 | 2) + varint(len(value)) + value


def tensor(name, kind, axes):
    """What goes in or comes out, with axes that are as long as they say, or of any length and a name."""
    shape = b"".join(field(1, field(1 if isinstance(axis, int) else 2, axis)) for axis in axes)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))


def network():
    """The file: rows are looked up, and nothing else."""
    node = field(1, "table") + field(1, "input_ids") + field(2, "last_hidden_state") + field(3, "rows") + field(4, "Gather")
    numbers = b"".join(struct.pack("<4f", *row) for row in ROWS)
    table = field(1, len(WORDS)) + field(1, 4) + field(2, FLOAT) + field(8, "table") + field(9, numbers)
    graph = field(1, node) + field(2, "graph") + field(5, table)
    graph += field(11, tensor("input_ids", INT64, ["batch", "sequence"]))
    graph += field(12, tensor("last_hidden_state", FLOAT, ["batch", "sequence", 4]))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 17))


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir()
    (folder / "model.onnx").write_bytes(network())
    tokenizer = {
        "normalizer": {"type": "BertNormalizer", "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": {word: token for token, word in enumerate(WORDS)}},
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 16}')


if __name__ == "__main__":
    main()
