"""Awkward texts, made from a seed."""

import random

# Characters that word patterns tell apart: kinds, scripts, joiners, and neighbours of every border they have.
ALPHABETS = [
    "abcdefghijklmnopqrstuvwxyz", "ABCXYZ", "aAbBzZ", "0123456789", "  \t", "\n\r\n ", " \n\t\r\x0b\x0c",
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "'sStTmMdDrReEvVlL", "éèêëàâäîïôöùûüçñßÉÀÖ", "ſKİıǅǈʰªº", "абвгдАБВГД",
    "αβγΑΒΓ", "אבגדה", "ابتثجح", "हिन्दीक्ष", "ไทยภาษา", "中文字符漢字", "ひらがなカタカナー", "한국어조선", "㐀䶵龥龦鿿豈",
    "ႠაᲐᏣꭰ", "\u0301\u0308\u200d\ufe0f\u20dd", "🙂🚀👨‍👩‍👧🇩🇪❤️", "①²½Ⅷ٣४", "€£¥₿°©®™", "…—–“”‘’„«»，。、！？；：（）",
    "\u00a0\u2003\u3000\u2028\u0085\u1680", "\u200b\u00ad\ufeff\u2060", "\x01\x1b\x7f\x1c\x1f", "\U000e0001\U0010ffff\ue000",
    "\u0378\U0001fae9\u2fff\u31ef\U0002ebf0", "𝔸𝒷𝟙𠀀", "▁", "<|>", "/",
]
PIECES = [
    "the", " the", "Hello", " world", "I'm", "we'll", "DON'T", "can't've", " 's", "'S", "camelCase", "HTTPServer", "XMLéABC",
    "123", "1234567", "3.14159", "0x7f", "http://a.b/c?d=e", "user@example.org", "\r\n", "\n\n\n", "    ", "\t\t", "...",
    "!!!", "//", "/*", "*/", "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<unk>", "<0x0A>",
    "<bos>", "<eos>", "<fim_prefix>", "<|end|>", "[INST]", "Ġ", "▁", "<|user|>\n", "�", "ﬁ", "Ⅷ", "e\u0301", "ñ", "ö",
]


def texts(seed, count):
    dice = random.Random(seed)
    made = []
    while len(made) < count:
        parts = []
        for _ in range(dice.randint(1, 12)):
            kind = dice.random()
            if kind < 0.3:
                parts.append(dice.choice(PIECES))
            elif kind < 0.4:
                parts.append(" " * dice.randint(1, 9))
            elif kind < 0.45:
                parts.append(dice.choice(dice.choice(ALPHABETS)) * dice.randint(1, 40))
            elif kind < 0.5:
                parts.append("".join(chr(character(dice)) for _ in range(dice.randint(1, 6))))
            else:
                alphabet = dice.choice(ALPHABETS)
                parts.append("".join(dice.choice(alphabet) for _ in range(dice.randint(1, 8))))
        made.append("".join(parts))
    return made


def character(dice):
    """Any code point that can stand in a text, but zero."""
    while True:
        point = dice.randint(1, dice.choice([0x7F, 0x7FF, 0xFFFF, 0x10FFFF]))
        if not 0xD800 <= point < 0xE000:
            return point
