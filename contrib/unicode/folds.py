#!/usr/bin/env python3
"""Writes crates/engine/src/wordpiece/folds.txt: what becomes of characters before a text is cut into pieces of words.

The version of Unicode is part of what a model reads, as that of table.py is. With --check, says whether the file is what
this writes.

    pip install unicodedata2==15.1.0
    contrib/unicode/folds.py [--check]
"""

import pathlib
import sys

import unicodedata2 as unicodedata

VERSION = "15.1.0"
TARGET = pathlib.Path(__file__).parents[2] / "crates/engine/src/wordpiece/folds.txt"
HEADER = f"""\
# Unicode {VERSION}, by contrib/unicode/folds.py. Code points in hexadecimal.
# - FIRST LAST: no part of any text
# m FIRST LAST: marks, which a text without case loses
# = CHARACTER CHARACTERS: what it is without marks and case
"""
# What is told apart as white space, and what stands for bytes that are no text.
SPACES, REPLACEMENT = {0x9, 0xA, 0xD}, 0xFFFD
HANGUL = range(0xAC00, 0xD7A4)
SURROGATES = range(0xD800, 0xE000)


def lower(character):
    # The interpreter may know a later version, in which more characters have a lower case.
    return character if unicodedata.category(character) == "Cn" else character.lower()


def folded(character):
    apart = unicodedata.normalize("NFD", character)
    return "".join(lower(each) for each in apart if unicodedata.category(each) != "Mn")


def is_removed(point):
    kind = unicodedata.category(chr(point))
    return point == REPLACEMENT or (kind in ("Cc", "Cf", "Co") and point not in SPACES)


def is_mark(point):
    return unicodedata.category(chr(point)) == "Mn"


def runs(letter, belongs):
    first = None
    for point in range(0x110001):
        inside = point < 0x110000 and point not in SURROGATES and belongs(point)
        if inside and first is None:
            first = point
        elif not inside and first is not None:
            yield f"{letter} {first:x} {point - 1:x}\n"
            first = None


def lines():
    yield HEADER
    yield from runs("-", is_removed)
    yield from runs("m", is_mark)
    for point in range(0x110000):
        if point in SURROGATES or point in HANGUL or is_mark(point):
            continue
        becomes = folded(chr(point))
        if becomes != chr(point):
            yield f"= {point:x} {' '.join(f'{ord(each):x}' for each in becomes)}\n"


def main():
    if unicodedata.unidata_version != VERSION:
        sys.exit(f"this is Unicode {unicodedata.unidata_version}, and {VERSION} is needed")
    text = "".join(lines())
    if "--check" in sys.argv:
        sys.exit(None if TARGET.read_text(encoding="ascii") == text else f"{TARGET} is not what this writes")
    TARGET.write_text(text, encoding="ascii")


main()
