"""Asks `sums.gguf` its held-out sums through llama.cpp, and writes the card and the digests.

    npm pack @node-llama-cpp/linux-x64 && tar xzf node-llama-cpp-linux-x64-*.tgz
    venv/bin/python models/sums/measure.py package/bins/linux-x64

The file is judged by an engine that nobody here wrote: libllama is loaded at run time and chooses greedily. Chats are
rendered by Jinja from the template that is inside the file.
"""

import argparse
import ctypes
import importlib.metadata
import pathlib
import sys

import blake3
import jinja2

HERE = pathlib.Path(__file__).resolve().parent
MODELS = HERE.parent
SHIPPED = ["sums.gguf", "held-out.tsv"]
ANSWER_TOKENS_MAX = 16
BYTES_MAX = 2 << 20
ACCURACY_MIN = 0.95
MISTAKES_SHOWN = 12
CHAT_TURNS = 4


def main():
    parser = argparse.ArgumentParser(description="Measures `sums`.")
    parser.add_argument("libraries", type=pathlib.Path, help="the folder with libllama")
    options = parser.parse_args()
    llama = Llama(options.libraries, HERE / "sums.gguf")
    lines = [line.split("\t") for line in (HERE / "held-out.tsv").read_text().splitlines()]
    forms = {
        "numbers below 100, in digits": [line for line in lines if below_100(line[0]) and not worded(line[0])],
        "numbers below 100, in words": [line for line in lines if below_100(line[0]) and worded(line[0])],
        "a number above 99, in digits": [line for line in lines if not below_100(line[0]) and not worded(line[0])],
        "a number above 99, in words": [line for line in lines if not below_100(line[0]) and worded(line[0])],
    }
    results = {name: Result([(asked, answer, llama.answer(asked)) for asked, answer in part]) for name, part in forms.items()}
    results["the same, spaced: `27 + 58 =`"] = Result(
        [(asked, answer, llama.answer(asked.replace("+", " + ").replace("=", " ="))) for asked, answer in lines]
    )
    results["the same, as a question in a chat: `What is 27+58?`"] = Result(
        [(asked, answer, llama.chat([], question(asked))) for asked, answer in lines]
    )
    results[f"the same, as the turns of chats of {CHAT_TURNS}"] = Result(conversations(llama, lines))
    for name, result in results.items():
        print(f"{name}: {result}; {result.mistakes()}")
    (HERE / "CARD.md").write_text(card(llama, results))
    lock()
    if min(results[name].share for name in forms) < ACCURACY_MIN or (HERE / "sums.gguf").stat().st_size >= BYTES_MAX:
        sys.exit("not good enough to ship")


def below_100(asked):
    return all(int(number) < 100 for number in asked.split(" ")[0].rstrip("=").split("+"))


def worded(asked):
    return "in words" in asked


def question(asked):
    return f"What is {asked.rstrip('=')}?"


def conversations(llama, lines):
    """Each line asked once, after those before it in its chat and what was answered to them."""
    rows = []
    for at, (asked, answer) in enumerate(lines[i] for i in shuffled(len(lines))):
        history = [] if at % CHAT_TURNS == 0 else history
        given = llama.chat(history, asked)
        history += [{"role": "user", "content": asked}, {"role": "assistant", "content": given}]
        rows.append((asked, answer, given))
    return rows


def shuffled(count):
    """An order that mixes the forms: steps of a number that has no factor in common with the count."""
    return [at * 617 % count for at in range(count)]


class Result:
    """What was asked, what is right and what was answered."""

    def __init__(self, rows):
        self.count = len(rows)
        self.wrong = [row for row in rows if row[1] != row[2]]
        self.share = 1 - len(self.wrong) / self.count

    def __str__(self):
        return f"{self.count - len(self.wrong)} of {self.count}, {100 * self.share:.2f} %"

    def mistakes(self):
        shown = [f"`{asked}` {given or 'nothing'}" for asked, _, given in self.wrong[:MISTAKES_SHOWN]]
        more = [f"{len(self.wrong) - MISTAKES_SHOWN} more"] if len(self.wrong) > MISTAKES_SHOWN else []
        return ", ".join(shown + more) or "none"


class ModelParameters(ctypes.Structure):
    """Larger than the library's own, which are passed in memory: what is beyond them is never looked at."""

    _fields_ = [("bytes", ctypes.c_uint8 * 512)]


class ContextParameters(ctypes.Structure):
    _fields_ = [("words", ctypes.c_uint32 * 64)]


class Batch(ctypes.Structure):
    _fields_ = [("count", ctypes.c_int32)] + [(name, ctypes.c_void_p) for name in ("a", "b", "c", "d", "e", "f")]


class Llama:
    """libllama with one model and one sequence, on one thread."""

    def __init__(self, folder, path):
        find = lambda name: ctypes.CDLL(str(next(folder.glob(name))), mode=ctypes.RTLD_GLOBAL)
        find("libggml-base*.so")
        ggml, self.library = find("libggml.*so"), find("libllama.*so")
        self.silence = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)
        self.library.llama_log_set(self.silence, None)
        ggml.ggml_backend_load_all_from_path(str(folder).encode())
        pointer = ctypes.c_void_p
        model = self.function("llama_model_load_from_file", pointer, ctypes.c_char_p, ModelParameters)
        self.model = model(str(path).encode(), self.function("llama_model_default_params", ModelParameters)())
        if not self.model:
            sys.exit("llama.cpp does not load the file")
        self.vocabulary = self.function("llama_model_get_vocab", pointer, pointer)(self.model)
        self.context = self.function("llama_init_from_model", pointer, pointer, ContextParameters)(self.model, self.parameters())
        self.memory = self.function("llama_get_memory", pointer, pointer)(self.context)
        self.size = self.function("llama_vocab_n_tokens", ctypes.c_int32, pointer)(self.vocabulary)
        self.end = self.function("llama_vocab_eos", ctypes.c_int32, pointer)(self.vocabulary)
        self.begin = self.function("llama_vocab_bos", ctypes.c_int32, pointer)(self.vocabulary)
        self.clear = self.function("llama_memory_clear", None, pointer, ctypes.c_bool)
        self.decode = self.function("llama_decode", ctypes.c_int32, pointer, Batch)
        self.one = self.function("llama_batch_get_one", Batch, pointer, ctypes.c_int32)
        self.logits = self.function("llama_get_logits_ith", ctypes.POINTER(ctypes.c_float), pointer, ctypes.c_int32)
        self.system = self.function("llama_print_system_info", ctypes.c_char_p)().decode()

    def function(self, name, result, *arguments):
        function = self.library[name]
        function.restype, function.argtypes = result, arguments
        return function

    def parameters(self):
        """The library's own defaults, with one thread."""
        given = self.function("llama_context_default_params", ContextParameters)()
        at = next((at for at in range(12) if given.words[at] == given.words[at + 1] == 4), None)
        if at is None or given.words[0] != 512:
            sys.exit("this libllama orders its parameters in another way")
        given.words[at] = given.words[at + 1] = 1
        return given

    def about(self, key):
        text = ctypes.create_string_buffer(1 << 16)
        arguments = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t]
        read = self.function("llama_model_meta_val_str", ctypes.c_int32, *arguments)
        if read(self.model, key.encode(), text, len(text)) < 0:
            sys.exit(f"the file has no {key}")
        return text.value.decode()

    def tokens(self, text, special):
        """`special`: names of special tokens in the text mean them, and none is added."""
        data = text.encode()
        ids = (ctypes.c_int32 * (len(data) + 8))()
        arguments = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_int32, ctypes.c_bool, ctypes.c_bool]
        count = self.function("llama_tokenize", ctypes.c_int32, *arguments)(
            self.vocabulary, data, len(data), ids, len(ids), not special, special
        )
        return list(ids[:count])

    def text(self, tokens):
        piece = ctypes.create_string_buffer(256)
        arguments = [ctypes.c_void_p, ctypes.c_int32, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int32, ctypes.c_bool]
        read = self.function("llama_token_to_piece", ctypes.c_int32, *arguments)
        data = b""
        for token in tokens:
            count = read(self.vocabulary, token, piece, len(piece), 0, False)
            data += piece.raw[:count]
        return data.decode(errors="replace")

    def answer(self, asked):
        return self.continued(self.tokens(asked, special=False))

    def chat(self, history, asked):
        template = jinja2.Environment().from_string(self.about("tokenizer.chat_template"))
        messages = [*history, {"role": "user", "content": asked}]
        text = template.render(messages=messages, bos_token="<s>", eos_token="</s>", add_generation_prompt=True)
        return self.continued(self.tokens(text, special=True))

    def continued(self, tokens):
        """What the network says next, the most likely token each time, until it ends."""
        assert tokens[0] == self.begin and tokens.count(self.begin) == 1
        self.clear(self.memory, True)
        said, fresh = [], tokens
        while len(said) < ANSWER_TOKENS_MAX:
            ids = (ctypes.c_int32 * len(fresh))(*fresh)
            if self.decode(self.context, self.one(ids, len(ids))):
                sys.exit("llama.cpp fails to decode")
            row = self.logits(self.context, -1)[: self.size]
            fresh = [row.index(max(row))]
            if fresh[0] == self.end:
                break
            said += fresh
        return self.text(said)


def card(llama, results):
    size = (HERE / "sums.gguf").stat().st_size
    number = lambda key: int(llama.about(key))
    table = "\n".join(f"| {name} | {result} |" for name, result in results.items())
    mistakes = "\n".join(f"- {name}: {result.mistakes()}" for name, result in results.items() if result.wrong)
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("jinja2", "blake3"))
    features = llama.system.strip().rstrip("|").strip()
    return f"""# sums

*Written by `measure.py`; change that, not this.*

A language model that can do one thing: add two whole numbers from 0 to 999, and say the sum in digits or in words.

| asked | answered |
|---|---|
| `27+58=` | `85` |
| `27+58 in words=` | `eighty-five` |
| in a chat: `What is 27 + 58?` | `85` |

An ordinary GGUF file of {size:,} bytes, llama architecture: {number("llama.block_count")} layers, width {number("llama.embedding_length")}, \
{number("llama.attention.head_count")} heads of {number("llama.rope.dimension_count")} over {number("llama.attention.head_count_kv")} of keys and values, \
feed-forward {number("llama.feed_forward_length")}, rotary by neighbours, head tied
to the embedding, context {number("llama.context_length")}. Matrices q8_0, norms f32. Its vocabulary has {llama.size} tokens: the 256 bytes as GPT-2 writes them, merges
that make each word of an answer one token while digits stay single, `<s>` and `</s>`. The template inside the file asks
whatever a user says with `=` after it, and ends answers with `</s>`.

## How good it is

A tenth of all pairs of numbers was held out before training began, `a + b` together with `b + a`, in every form. Asked here:
500 such pairs below 100 and 500 with a larger number, which are `held-out.tsv`. Measured with llama.cpp, choosing greedily; an answer counts
if it is right to the last character and ends there.

| form | right |
|---|---|
{table}

Mistakes:

{mistakes or "None."}

## What it is not for

Numbers above 999, more than two of them, other operations: it answers those too, and wrongly. Text that is not a sum gets
nonsense. It exists so that everything works out of the box and so that an engine can be tested on a model whose answers
anybody can judge.

## Where it comes from

Data: arithmetic, made by `train.py` as it goes. Nobody's text is in it.

Licence: MIT OR Apache-2.0, like this repository.

{llama.about("general.description")}. Measured with {packages} and llama.cpp ({features}).
Training is repeatable on one machine; another may round differently and give other bytes, which is why the file is shipped
and named by its digest.
"""


def lock():
    """The digest of every file that ships, beside those of the other models."""
    path = MODELS / "models.lock"
    others = [line for line in path.read_text().splitlines(keepends=True) if "  sums/" not in line]
    lines = [f"{blake3.blake3((HERE / name).read_bytes()).hexdigest()}  sums/{name}\n" for name in SHIPPED]
    path.write_text("".join(others + lines))


if __name__ == "__main__":
    main()
