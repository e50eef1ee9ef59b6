"""Trains `sums` and writes it as a GGUF file: llama architecture, q8_0 matrices, a vocabulary of its own.

    python -m venv venv && venv/bin/pip install -r models/sums/requirements.txt
    taskset --cpu-list 0 venv/bin/python models/sums/train.py

Writes `sums.gguf` and `held-out.tsv` into `--folder`, beside this file by default. `measure.py` then asks the file through
llama.cpp and writes the card. Nothing is downloaded: the data is arithmetic. A tenth of all pairs of numbers is held out
before training starts, whichever comes first in the pair, and no form of them is ever shown; another fiftieth is
watched while it learns. Half an hour on one core.
"""

import argparse
import functools
import math
import pathlib
import time

import gguf
import jax
import jax.numpy as jnp
import numpy as np
from gguf import ARRAY, BOOL, F32, I32, STRING, U32
from vocabulary import Vocabulary

SEED = 20_261
LARGEST = 999
HELD_OUT_SHARE = 0.10
VALIDATION_SHARE = 0.02
HELD_OUT_PAIRS = 500
"""Of each size, in `held-out.tsv`."""

DIM, LAYERS, HEADS, KV_HEADS, HEAD, FEED_FORWARD = 256, 4, 4, 2, 64, 256
CONTEXT = 128
ROTARY_BASE = 10_000.0
EPSILON = 1e-5

BATCH_TOKENS = 2_048
RATE, WARMUP_STEPS, DECAY, BETAS = 1e-3, 300, 0.05, (0.9, 0.98)
SHORT, LONG_FROM = 32, 3_000
"""Tokens of a row in the steps before `LONG_FROM`; the whole context after."""
FALL_FROM, STEPS = 5_600, 8_000
STEPS_A_CALL, REPORT_STEPS = 100, 500
ACCURACY_MIN = 0.95

SMALL_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
OTHER_WORDS = "hundred thousand and in words What what is".split()
# Roles have no tokens of their own: what a user says becomes a question by the sign after it, and an answer has an end.
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ message['content'] | replace('=', '') | trim }}="
    "{% elif message['role'] == 'assistant' %}{{ message['content'] | trim }}{{ eos_token }}{% endif %}"
    "{% endfor %}"
)


def main():
    options = arguments()
    vocabulary = Vocabulary(SMALL_NUMBERS + TENS + OTHER_WORDS)
    pairs = Pairs()
    check_assembly(vocabulary, pairs)
    weights = train(vocabulary, pairs)
    rounded = {name: gguf.unpack(gguf.pack(tensor)) if tensor.ndim == 2 else tensor for name, tensor in weights.items()}
    options.folder.mkdir(parents=True, exist_ok=True)
    write_held_out(pairs, options.folder / "held-out.tsv")
    description = (
        f"Adds two whole numbers up to {LARGEST}. Trained on {STEPS * BATCH_TOKENS:,} tokens, on a {jax.default_backend()} with "
        f"jax {jax.__version__}, numpy {np.__version__}"
    )
    gguf.write(options.folder / "sums.gguf", described(vocabulary, description), weights)
    if options.floats:
        np.savez(options.folder / "weights.npz", **weights)
    print(f"{sum(tensor.size for tensor in weights.values()):,} parameters")
    worst = 1.0
    for name, questions in pairs.held_out_questions().items():
        right, before = accuracy(rounded, vocabulary, questions), accuracy(weights, vocabulary, questions)
        print(f"held out, {name}: {right:.4f} of {len(questions)} (before rounding {before:.4f})")
        worst = min(worst, right)
    if worst < ACCURACY_MIN:
        raise SystemExit(f"below {ACCURACY_MIN}: not good enough to ship")


def arguments():
    parser = argparse.ArgumentParser(description="Trains `sums`.")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent)
    parser.add_argument("--floats", action="store_true", help="also write the weights before rounding, weights.npz")
    return parser.parse_args()


# What is asked and answered.


def in_words(number):
    """A number below 2,000 as it is said: "one thousand and five", "eighty-five"."""
    if number >= 1000:
        rest = number % 1000
        joint = " and " if 0 < rest < 100 else " "
        return f"{in_words(number // 1000)} thousand" + (joint + in_words(rest) if rest else "")
    if number >= 100:
        rest = number % 100
        return f"{SMALL_NUMBERS[number // 100]} hundred" + (f" and {in_words(rest)}" if rest else "")
    if number >= 20:
        return TENS[number // 10 - 2] + (f"-{SMALL_NUMBERS[number % 10]}" if number % 10 else "")
    return SMALL_NUMBERS[number]


class Pairs:
    """Every pair of numbers, split before training: a + b and b + a always fall on the same side."""

    def __init__(self):
        random = np.random.default_rng(SEED)
        draw = random.random((LARGEST + 1, LARGEST + 1))
        draw = np.where(np.tri(LARGEST + 1, dtype=bool), draw, draw.T)
        a, b = np.indices(draw.shape)
        code = a * 1000 + b
        small, mixed = (a < 100) & (b < 100), (a < 100) | (b < 100)
        held, validation = draw < HELD_OUT_SHARE, draw >= 1 - VALIDATION_SHARE
        training = ~held & ~validation
        self.training = [code[training & part] for part in (small, mixed, np.ones_like(small))]
        self.validation = random.permutation(code[validation & small])[:150].tolist()
        self.validation += random.permutation(code[validation & ~small])[:850].tolist()
        self.held_out = {
            "numbers below 100": random.permutation(code[held & small])[:HELD_OUT_PAIRS].tolist(),
            "larger numbers": random.permutation(code[held & ~small])[:HELD_OUT_PAIRS].tolist(),
        }

    def held_out_questions(self):
        """The two plain forms of each size."""
        questions = {}
        for name, codes in self.held_out.items():
            questions[f"{name}, in digits"] = [digits_question(code) for code in codes]
            questions[f"{name}, in words"] = [words_question(code) for code in codes]
        return questions

    def validation_questions(self):
        return [form(code) for code in self.validation for form in (digits_question, words_question)]


def digits_question(code):
    a, b = divmod(code, 1000)
    return f"{a}+{b}=", str(a + b)


def words_question(code):
    a, b = divmod(code, 1000)
    return f"{a}+{b} in words=", in_words(a + b)


def write_held_out(pairs, path):
    """A question and its answer on each line, joined by a tab."""
    lines = [f"{asked}\t{answer}\n" for questions in pairs.held_out_questions().values() for asked, answer in questions]
    path.write_text("".join(lines))


# Training rows, made where the training is: turns one after another, as in a conversation.


class Tables:
    """The tokens of every number and word a turn is put together from, -1 where there is none."""

    def __init__(self, vocabulary, pairs):
        tokens = vocabulary.tokens
        sums = range(2 * LARGEST + 1)
        self.digits = padded([tokens(str(number)) for number in sums])
        self.words = padded([tokens(in_words(number)) for number in sums])
        self.prefixes = padded([[], tokens("What is "), tokens("what is ")])
        self.suffixes = padded([[], tokens(" in words")])
        self.mark = {text: tokens(text)[0] for text in " +?="}
        self.begin, self.end = vocabulary.begin, vocabulary.end
        self.training = [jnp.asarray(codes, jnp.int32) for codes in pairs.training]


def padded(rows):
    width = max(map(len, rows))
    return jnp.asarray([row + [-1] * (width - len(row)) for row in rows], jnp.int32)


def turns(key, shape, tables):
    """Questions with their answers, [rows, turns, tokens], -1 where there is nothing; and which tokens are the answer's."""
    keys = iter(jax.random.split(key, 16))
    chance = lambda share: jax.random.uniform(next(keys), shape) < share
    small, mixed, every = (codes[jax.random.randint(next(keys), shape, 0, len(codes))] for codes in tables.training)
    code = jnp.where(chance(0.35), small, jnp.where(chance(0.2), mixed, every))
    return spelled(code, chance(0.5), chance(0.15), chance(0.1), chance(0.1) * (1 + chance(0.5)), tables)


def spelled(code, worded, spaced, gap, polite, tables):
    one = lambda present, text: jnp.where(present, tables.mark[text], -1)[..., None]
    a, b = code // 1000, code % 1000
    width = max(tables.words.shape[1], tables.digits.shape[1])
    widen = lambda table: jnp.pad(table, ((0, 0), (0, width - table.shape[1])), constant_values=-1)
    question = [
        tables.prefixes[polite], tables.digits[a, :3], one(spaced, " "), one(code >= 0, "+"), one(spaced, " "),
        tables.digits[b, :3], tables.suffixes[worded.astype(int)], one(polite > 0, "?"), one(gap, " "), one(code >= 0, "="),
    ]  # fmt: skip
    answer = jnp.where(worded[..., None], widen(tables.words)[a + b], widen(tables.digits)[a + b])
    end = jnp.full((*code.shape, 1), tables.end)
    tokens = jnp.concatenate([*question, answer, end], axis=-1)
    asked = tokens.shape[-1] - width - 1
    return tokens, jnp.broadcast_to(jnp.arange(tokens.shape[-1]) >= asked, tokens.shape)


def rows(key, count, length, tables):
    """Rows of tokens without gaps, and which of them the network has to say."""
    turn_key, begin_key = jax.random.split(key)
    tokens, said = turns(turn_key, (count, length // 8), tables)
    begin = jnp.where(jax.random.uniform(begin_key, (count, 1)) < 0.9, tables.begin, -1)
    tokens = jnp.concatenate([begin, tokens.reshape(count, -1)], axis=1)
    said = jnp.concatenate([jnp.zeros_like(begin, bool), said.reshape(count, -1)], axis=1)
    place = jnp.where(tokens >= 0, jnp.cumsum(tokens >= 0, axis=1) - 1, length)
    at = (jnp.arange(count)[:, None], place)
    fresh = jnp.full((count, length), tables.end), jnp.zeros((count, length), bool)
    return fresh[0].at[at].set(tokens, mode="drop"), fresh[1].at[at].set(said, mode="drop")


def check_assembly(vocabulary, pairs):
    """A row put together from tables is what the tokenizer makes of its text."""
    tables = Tables(vocabulary, pairs)
    flag = lambda value: jnp.asarray([value])
    for polite, prefix in enumerate(("", "What is ", "what is ")):
        tokens, said = spelled(jnp.asarray([27_958]), flag(True), flag(True), flag(True), flag(polite), tables)
        want = vocabulary.tokens(f"{prefix}27 + 958 in words{'?' if polite else ''} =")
        want += vocabulary.tokens("nine hundred and eighty-five") + [vocabulary.end]
        assert [int(token) for token in tokens[0] if token >= 0] == want
        assert int((said & (tokens >= 0)).sum()) == 7


# The network.


def shapes(vocabulary_size):
    """Names and shapes, outputs × inputs, as GGUF has them."""
    layer = {
        "attn_norm": (DIM,), "attn_q": (HEADS * HEAD, DIM), "attn_k": (KV_HEADS * HEAD, DIM), "attn_v": (KV_HEADS * HEAD, DIM),
        "attn_output": (DIM, HEADS * HEAD), "ffn_norm": (DIM,), "ffn_gate": (FEED_FORWARD, DIM), "ffn_up": (FEED_FORWARD, DIM),
        "ffn_down": (DIM, FEED_FORWARD),
    }  # fmt: skip
    named = {"token_embd.weight": (vocabulary_size, DIM)}
    named |= {f"blk.{n}.{name}.weight": shape for n in range(LAYERS) for name, shape in layer.items()}
    return named | {"output_norm.weight": (DIM,)}


def first_weights(vocabulary_size):
    random = np.random.default_rng(SEED)
    weights = {}
    for name, shape in shapes(vocabulary_size).items():
        if len(shape) == 1:
            weights[name] = np.ones(shape, np.float32)
            continue
        into_stream = "attn_output" in name or "ffn_down" in name
        spread = shape[1] ** -0.5 / (math.sqrt(2 * LAYERS) if into_stream else 1)
        weights[name] = (spread * random.standard_normal(shape)).astype(np.float32)
    return weights


def forward(weights, tokens):
    """Logits of every position."""
    x = weights["token_embd.weight"][tokens]
    for n in range(LAYERS):
        part = lambda name: weights[f"blk.{n}.{name}.weight"]
        x = x + attention(part, normal(x, part("attn_norm")))
        h = normal(x, part("ffn_norm"))
        x = x + (jax.nn.silu(h @ part("ffn_gate").T) * (h @ part("ffn_up").T)) @ part("ffn_down").T
    return normal(x, weights["output_norm.weight"]) @ weights["token_embd.weight"].T


def normal(x, scale):
    return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + EPSILON) * scale


def attention(part, h):
    batch, length, _ = h.shape
    q = rotated((h @ part("attn_q").T).reshape(batch, length, KV_HEADS, HEADS // KV_HEADS, HEAD))
    k = rotated((h @ part("attn_k").T).reshape(batch, length, KV_HEADS, 1, HEAD))[:, :, :, 0]
    v = (h @ part("attn_v").T).reshape(batch, length, KV_HEADS, HEAD)
    scores = jnp.einsum("btkgd,bskd->bkgts", q, k) / math.sqrt(HEAD)
    scores = jnp.where(jnp.tri(length, dtype=bool), scores, -jnp.inf)
    seen = jnp.einsum("bkgts,bskd->btkgd", jax.nn.softmax(scores, axis=-1), v)
    return seen.reshape(batch, length, HEADS * HEAD) @ part("attn_output").T


def rotated(x):
    """Turns neighbours, (0, 1), (2, 3), …, by an angle that grows with the position."""
    speed = ROTARY_BASE ** (-2 * np.arange(HEAD // 2) / HEAD)
    angle = (np.arange(x.shape[1])[:, None] * speed)[:, None, None, :].astype(np.float32)
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = even * np.cos(angle) - odd * np.sin(angle), even * np.sin(angle) + odd * np.cos(angle)
    return jnp.stack(turned, axis=-1).reshape(x.shape)


# Training.


def train(vocabulary, pairs):
    """At a constant rate and then with one that falls to nothing; in short rows until those are understood."""
    tables = Tables(vocabulary, pairs)
    weights = {name: jnp.asarray(tensor) for name, tensor in first_weights(len(vocabulary.pieces)).items()}
    mean, square = ({name: jnp.zeros_like(tensor) for name, tensor in weights.items()} for _ in range(2))
    state = weights, mean, square, jnp.zeros((), jnp.int32)
    learn = learner(tables)
    validation = pairs.validation_questions()
    key = jax.random.key(SEED)
    for steps in range(0, STEPS, STEPS_A_CALL):
        at = np.arange(steps, steps + STEPS_A_CALL)
        rate = RATE * np.minimum(1, (at + 1) / WARMUP_STEPS) * np.minimum(1, 1 - (at - FALL_FROM) / (STEPS - FALL_FROM))
        key, call_key = jax.random.split(key)
        length = CONTEXT if steps >= LONG_FROM else SHORT
        state, loss = learn(state, call_key, jnp.asarray(rate, jnp.float32), length)
        done = steps + STEPS_A_CALL
        if done % REPORT_STEPS == 0 or done == STEPS:
            right = accuracy(state[0], vocabulary, validation)
            print(f"{done} steps, {time.process_time():.0f} s, loss {loss:.4f}, validation {right:.4f}", flush=True)
    return {name: np.asarray(tensor) for name, tensor in state[0].items()}


def learner(tables):
    def loss_of(weights, tokens, said):
        likely = jax.nn.log_softmax(forward(weights, tokens[:, :-1]))
        likely = jnp.take_along_axis(likely, tokens[:, 1:, None], axis=-1)[..., 0]
        return -(likely * said[:, 1:]).sum() / said[:, 1:].sum()

    def step(length, state, given):
        weights, mean, square, count = state
        key, rate = given
        loss, slope = jax.value_and_grad(loss_of)(weights, *rows(key, BATCH_TOKENS // length, length, tables))
        size = jnp.sqrt(sum((tensor * tensor).sum() for tensor in slope.values()))
        slope = {name: tensor * jnp.minimum(1, 1 / size) for name, tensor in slope.items()}
        count += 1
        mean = {name: BETAS[0] * mean[name] + (1 - BETAS[0]) * tensor for name, tensor in slope.items()}
        square = {name: BETAS[1] * square[name] + (1 - BETAS[1]) * tensor * tensor for name, tensor in slope.items()}
        mean_scale, square_scale = 1 / (1 - BETAS[0] ** count), 1 / (1 - BETAS[1] ** count)

        def moved(name, tensor):
            decay = DECAY if tensor.ndim == 2 and name != "token_embd.weight" else 0.0
            direction = mean[name] * mean_scale / (jnp.sqrt(square[name] * square_scale) + 1e-8)
            return tensor - rate * (direction + decay * tensor)

        return ({name: moved(name, tensor) for name, tensor in weights.items()}, mean, square, count), loss

    @functools.partial(jax.jit, static_argnums=3, donate_argnums=0)
    def learn(state, key, rates, length):
        keys = jax.random.split(key, len(rates))
        state, losses = jax.lax.scan(functools.partial(step, length), state, (keys, rates))
        return state, losses[-10:].mean()

    return learn


@jax.jit
def choices(weights, tokens):
    with jax.default_matmul_precision("highest"):
        return forward(weights, tokens).argmax(axis=-1)


def accuracy(weights, vocabulary, questions):
    """The share of questions whose whole answer, its end included, is what the network would say: word for word the most
    likely one after the question and the right words so far, which is what choosing greedily comes to when it is right."""
    tokens, said = [], []
    for asked, answer in questions:
        question, reply = [vocabulary.begin, *vocabulary.tokens(asked)], [*vocabulary.tokens(answer), vocabulary.end]
        rest = CONTEXT // 4 - len(question) - len(reply)
        tokens.append(question + reply + [vocabulary.end] * rest)
        said.append([False] * len(question) + [True] * len(reply) + [False] * rest)
    tokens, said = np.asarray(tokens), np.asarray(said)
    right = [np.asarray(choices(weights, part[:, :-1])) == part[:, 1:] for part in np.split(tokens, range(500, len(tokens), 500))]
    return float((np.concatenate(right) | ~said[:, 1:]).all(axis=1).mean())


# The file.


def described(vocabulary, description):
    """What the file says of itself."""
    return [
        ("general.architecture", STRING, "llama"),
        ("general.name", STRING, "sums"),
        ("general.description", STRING, description),
        ("general.license", STRING, "MIT OR Apache-2.0"),
        ("general.file_type", U32, gguf.FILE_TYPE_Q8_0),
        ("general.quantization_version", U32, 2),
        ("llama.vocab_size", U32, len(vocabulary.pieces)),
        ("llama.context_length", U32, CONTEXT),
        ("llama.embedding_length", U32, DIM),
        ("llama.block_count", U32, LAYERS),
        ("llama.feed_forward_length", U32, FEED_FORWARD),
        ("llama.attention.head_count", U32, HEADS),
        ("llama.attention.head_count_kv", U32, KV_HEADS),
        ("llama.attention.layer_norm_rms_epsilon", F32, EPSILON),
        ("llama.rope.dimension_count", U32, HEAD),
        ("llama.rope.freq_base", F32, ROTARY_BASE),
        ("tokenizer.ggml.model", STRING, "gpt2"),
        ("tokenizer.ggml.pre", STRING, "gpt-2"),
        ("tokenizer.ggml.tokens", (ARRAY, STRING), vocabulary.pieces),
        ("tokenizer.ggml.token_type", (ARRAY, I32), [gguf.NORMAL] * (len(vocabulary.pieces) - 2) + [gguf.CONTROL] * 2),
        ("tokenizer.ggml.merges", (ARRAY, STRING), [" ".join(pair) for pair in vocabulary.merges]),
        ("tokenizer.ggml.bos_token_id", U32, vocabulary.begin),
        ("tokenizer.ggml.eos_token_id", U32, vocabulary.end),
        ("tokenizer.ggml.add_bos_token", BOOL, True),
        ("tokenizer.chat_template", STRING, CHAT_TEMPLATE),
    ]


if __name__ == "__main__":
    main()
