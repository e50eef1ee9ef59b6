"""The vocabulary of `sums`: bytes as GPT-2 writes them, merges that make each of a few words one token, a begin and an end.

Digits stay single, so a number is read and written figure by figure.
"""

import math
import re

BEGIN, END = "<s>", "</s>"


class Vocabulary:
    """Every piece has its place as its id; `words` are one token each, with a space before them and without."""

    def __init__(self, words):
        self.merges = learn_merges([lead + word for word in words for lead in ("", " ")])
        self.pieces = [printable(bytes([byte])) for byte in range(256)]
        self.pieces += [left + right for left, right in self.merges]
        self.begin, self.end = len(self.pieces), len(self.pieces) + 1
        self.pieces += [BEGIN, END]
        self.ids = {piece: id for id, piece in enumerate(self.pieces)}
        self.ranks = {pair: rank for rank, pair in enumerate(self.merges)}

    def tokens(self, text):
        """The tokens of plain ASCII text, split as GPT-2 splits it."""
        split = re.findall(r"'(?:[sdmt]|ll|ve|re)| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+", text)
        return [self.ids[piece] for part in split for piece in merged(list(printable(part.encode())), self.ranks)]


def printable(data):
    """Bytes as GPT-2 writes them in its tables: each one a character that shows."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return "".join(chr(byte) if byte in shown else chr(256 + hidden.index(byte)) for byte in data)


def merged(pieces, ranks):
    """Joins the neighbours of the lowest rank, the leftmost first, until none is left to join."""
    while True:
        best = min(zip(pieces, pieces[1:]), key=lambda pair: ranks.get(pair, math.inf), default=None)
        if best not in ranks:
            return pieces
        pieces = joined(pieces, best)


def joined(pieces, pair):
    out, at = [], 0
    while at < len(pieces):
        step = 2 if tuple(pieces[at : at + 2]) == pair else 1
        out.append("".join(pieces[at : at + step]))
        at += step
    return out


def learn_merges(texts):
    """The most frequent neighbours first, ties by their text, until every text is one piece."""
    split = [list(printable(text.encode())) for text in texts]
    merges = []
    while any(len(pieces) > 1 for pieces in split):
        counts = {}
        for pieces in split:
            for pair in zip(pieces, pieces[1:]):
                counts[pair] = counts.get(pair, 0) + 1
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        split = [joined(pieces, best) for pieces in split]
    return merges
