"""Models that nobody here made, out of packages, on the engine of this repository and on ONNX Runtime.

    python3 contrib/onnx/strangers.py FOLDER_OF_PROGRAMS FOLDER_OF_PACKAGES
"""

import pathlib
import sys
import zipfile

import numpy as np
import onnxruntime
from PIL import Image, ImageDraw, ImageFont

from engine import Engine, distance

# As a share of the root mean square of what is true.
DISTANCE_MAX = 1e-4
SILERO = "silero_vad", "silero_vad/data"
RAPID = "rapidocr_onnxruntime", "rapidocr_onnxruntime/models"
MAGIKA = "magika", "magika/models/standard_v3_3"


def sound(dice):
    """A second of something like a voice, in the pieces that the model hears: each with the end of the last before it."""
    time = np.arange(16_000) / 16_000
    pitch = 120 + 30 * np.sin(2 * np.pi * 3 * time)
    voice = sum(np.sin(2 * np.pi * np.cumsum(pitch * tone) / 16_000) / tone for tone in range(1, 20))
    wave = 0.1 * voice * (np.sin(2 * np.pi * 2 * time) > -0.3) + 0.003 * dice.standard_normal(16_000)
    wave = np.concatenate([np.zeros(64), wave]).astype(np.float32)
    return [wave[None, start : start + 576] for start in range(0, 30 * 512, 512)]


def picture(text, height, width):
    """Dark writing on a light ground, as readers of texts want it."""
    page = Image.new("L", (width, height), 235)
    size = max(12, height // 3 if height > 60 else height - 12)
    ImageDraw.Draw(page).multiline_text((6, 4), text, fill=20, font=ImageFont.load_default(size))
    ground = np.asarray(page, np.float32) / 255
    return np.stack([ground] * 3)[None] * 2 - 1


def files():
    """Files of this repository as the first and last bytes that the model reads."""
    root = pathlib.Path(__file__).parents[2]
    for name in ("README.md", "Cargo.toml", "runners/build", "models/digits/digits.onnx", "deny.toml"):
        content = np.frombuffer((root / name).read_bytes().strip(), np.uint8).astype(np.int32)
        both = np.full(2048, 256, np.int32)
        both[: min(1024, len(content))] = content[:1024]
        both[2048 - min(1024, len(content)) :] = content[-1024:]
        yield both[None]


def calls(name, session, dice):
    """The inputs of each call. What a model remembers is what ONNX Runtime says that it does."""
    if name.startswith("silero"):
        state = np.zeros((2, 1, 128), np.float32)
        for piece in sound(dice):
            tensors = {"input": piece, "state": state, "sr": np.array(16_000, np.int64)}
            tensors = {each.name: tensors[each.name] for each in session.get_inputs()}
            yield tensors
            state = session.run(None, tensors)[1]
    elif name.startswith("magika"):
        yield from ({"bytes": both} for both in files())
    else:
        two = "Every answer\ncan be checked"
        pages = {"det": [(two, 160, 320), ("27 + 58", 96, 192)], "cls": [("an answer", 48, 192)],
                 "rec": [("who checks whom?", 48, 320), ("85", 48, 96)]}
        for page in next(pages[kind] for kind in pages if kind in name):
            yield {"x": picture(*page)}


MODELS = [
    ("silero-vad", SILERO, "silero_vad.onnx"),
    ("silero-vad", SILERO, "silero_vad_16k_op15.onnx"),
    ("silero-vad", SILERO, "silero_vad_half.onnx"),
    ("silero-vad", SILERO, "silero_vad_op18_ifless.onnx"),
    ("magika", MAGIKA, "model.onnx"),
    ("rapidocr", RAPID, "ch_PP-OCRv4_det_infer.onnx"),
    ("rapidocr", RAPID, "ch_ppocr_mobile_v2.0_cls_infer.onnx"),
    ("rapidocr", RAPID, "ch_PP-OCRv4_rec_infer.onnx"),
]


def main():
    programs, packages = map(pathlib.Path, sys.argv[1:])
    engine, wrong, refused = Engine(programs), 0, set()
    for owner, (package, folder), file in MODELS:
        archive = zipfile.ZipFile(next(packages.glob(f"{package}-*.whl")))
        model = archive.read(f"{folder}/{file}")
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        asked = list(calls(f"{owner} {file}", session, np.random.default_rng(7)))
        true = [session.run(None, tensors) for tensors in asked]
        names = [each.name for each in session.get_outputs()]
        worst, why = 0.0, None
        for answer, known in zip(engine.run([(model, tensors) for tensors in asked]), true):
            if isinstance(answer, str):
                why = answer
                break
            worst = max([worst] + [distance(answer[name], value) for name, value in zip(names, known)])
        if why:
            refused.add(owner)
            print(f"refused  {owner} {file}: {why}")
        else:
            wrong += worst > DISTANCE_MAX
            verdict = "wrong" if worst > DISTANCE_MAX else "the same"
            print(f"{verdict:8} {owner} {file}: {worst:.1e} of the root mean square, {len(asked)} calls")
    sys.exit(1 if wrong else None)


main()
