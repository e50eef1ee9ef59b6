#!/usr/bin/env python3
"""Writes crates/engine/src/vocabulary/unicode/table.rs: what kind of character each code point is.

The version of Unicode is part of the arithmetic: another one moves the tokens of a text. It is asked for here and
checked, so that the table is the same whoever makes it. With --check, says whether the file is what this writes.

    pip install unicodedata2==15.1.0
    contrib/unicode/table.py [--check]
"""

import pathlib
import sys

import unicodedata2 as unicodedata

VERSION = "15.1.0"
TARGET = pathlib.Path(__file__).parents[2] / "crates/engine/src/vocabulary/unicode/table.rs"

# The property White_Space, which no category states.
SPACES = {*range(0x9, 0xE), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}
OTHER, LETTER, MARK, NUMBER, PUNCTUATION, SYMBOL, SPACE = range(7)
BY_CATEGORY = {"L": LETTER, "M": MARK, "N": NUMBER, "P": PUNCTUATION, "S": SYMBOL}

HEADER = f"""\
//! What kind of character each code point is, by Unicode {VERSION}. Written by `contrib/unicode/table.py`.
//!
//! **Invariant:** each entry is the first code point of a run, shifted left by three, with the kind of the whole run in
//! the lower bits; the entries ascend and the first run begins at 0.

#[rustfmt::skip]
pub(super) const RUNS: &[u32] = &[
"""


def kind(point):
    if point in SPACES:
        return SPACE
    return BY_CATEGORY.get(unicodedata.category(chr(point))[0], OTHER)


def table():
    runs = []
    for point in range(0x110000):
        if not runs or runs[-1] & 7 != kind(point):
            runs.append(point << 3 | kind(point))
    out, line = [HEADER], "   "
    for run in runs:
        entry = f" {run:#x},"
        if len(line) + len(entry) > 110:
            out.append(line + "\n")
            line = "   "
        line += entry
    out.append(line + "\n];\n")
    return "".join(out)


def main():
    if unicodedata.unidata_version != VERSION:
        sys.exit(f"this is Unicode {unicodedata.unidata_version}, and {VERSION} is needed")
    if "--check" in sys.argv:
        same = TARGET.read_text(encoding="utf-8") == table()
        sys.exit(None if same else f"{TARGET} is not what this writes")
    TARGET.write_text(table(), encoding="utf-8")


main()
