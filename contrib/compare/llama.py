"""libllama, loaded at run time: the logits of all positions, and models written in other formats."""

import ctypes
import sys

import numpy as np

# What the library's enums call the types of a cache, and an attention that is not the fused one.
F32 = 0
PLAIN_ATTENTION = 0
# Where these stand among the 32-bit words of its parameters; their usual values are looked at before they are changed.
CONTEXT, BATCH, THREADS, THREADS_BATCH, ATTENTION, KEYS, VALUES = 0, 1, 7, 8, 13, 26, 27
USUAL = {CONTEXT: 512, BATCH: 2048, THREADS: 4, THREADS_BATCH: 4, ATTENTION: 0xFFFFFFFF, KEYS: 1, VALUES: 1}


class Parameters(ctypes.Structure):
    """Larger than the library's own, which are passed in memory: what is beyond them is never looked at."""

    _fields_ = [("words", ctypes.c_uint32 * 128)]


class Batch(ctypes.Structure):
    _fields_ = [("count", ctypes.c_int32)] + [
        (name, ctypes.c_void_p) for name in ("tokens", "embeddings", "positions", "counts", "sequences", "wanted")
    ]


class Llama:
    def __init__(self, folder):
        find = lambda name: ctypes.CDLL(str(next(folder.glob(name))), mode=ctypes.RTLD_GLOBAL)
        find("libggml-base*.so")
        ggml, self.library = find("libggml.*so"), find("libllama.*so")
        self.silence = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)
        self.library.llama_log_set(self.silence, None)
        ggml.ggml_backend_load_all_from_path(str(folder).encode())
        self.system = self.function("llama_print_system_info", ctypes.c_char_p)().decode()

    def function(self, name, result, *arguments):
        function = self.library[name]
        function.restype, function.argtypes = result, arguments
        return function

    def load(self, path):
        load = self.function("llama_model_load_from_file", ctypes.c_void_p, ctypes.c_char_p, Parameters)
        model = load(str(path).encode(), self.function("llama_model_default_params", Parameters)())
        if not model:
            sys.exit(f"llama.cpp does not load {path}")
        return model

    def tokens(self, path, text):
        model = self.load(path)
        vocabulary = self.function("llama_model_get_vocab", ctypes.c_void_p, ctypes.c_void_p)(model)
        data = text.encode()
        ids = (ctypes.c_int32 * (len(data) + 8))()
        kinds = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_int32, ctypes.c_bool, ctypes.c_bool]
        count = self.function("llama_tokenize", ctypes.c_int32, *kinds)(vocabulary, data, len(data), ids, len(ids), True, False)
        self.function("llama_model_free", None, ctypes.c_void_p)(model)
        return list(ids[:count])

    def logits(self, path, tokens, exact=False):
        """A row for each token, read at once. `exact` keeps keys and values as f32 and takes the plain attention."""
        pointer = ctypes.c_void_p
        model = self.load(path)
        given = self.function("llama_context_default_params", Parameters)()
        if any(given.words[at] != usual for at, usual in USUAL.items()):
            sys.exit("this libllama orders its parameters in another way")
        count = len(tokens)
        change = {CONTEXT: count, BATCH: count, THREADS: 1, THREADS_BATCH: 1}
        if exact:
            change |= {ATTENTION: PLAIN_ATTENTION, KEYS: F32, VALUES: F32}
        for at, word in change.items():
            given.words[at] = word
        context = self.function("llama_init_from_model", pointer, pointer, Parameters)(model, given)
        ids, wanted = (ctypes.c_int32 * count)(*tokens), (ctypes.c_int8 * count)(*[1] * count)
        address = lambda array: ctypes.cast(array, pointer)
        batch = Batch(count, address(ids), None, None, None, None, address(wanted))
        if not context or self.function("llama_decode", ctypes.c_int32, pointer, Batch)(context, batch):
            sys.exit(f"llama.cpp fails to decode {path}")
        vocabulary = self.function("llama_model_get_vocab", pointer, pointer)(model)
        size = self.function("llama_vocab_n_tokens", ctypes.c_int32, pointer)(vocabulary)
        rows = self.function("llama_get_logits", ctypes.POINTER(ctypes.c_float), pointer)(context)
        logits = np.ctypeslib.as_array(rows, (count, size)).copy()
        self.function("llama_free", None, pointer)(context)
        self.function("llama_model_free", None, pointer)(model)
        return logits

    def quantize(self, source, target, kind):
        """Writes every matrix of a file as `kind`, a number of the library's list of files, or what is nearest to it."""
        given = self.function("llama_model_quantize_default_params", Parameters)()
        flags = bytes(given)[16:20]
        if flags != b"\0\1\0\0":
            sys.exit("this libllama orders its parameters in another way")
        given.words[0], given.words[1] = 1, kind
        # May it requantise; the output matrix too; copy alone; every matrix alike.
        given.words[4] = int.from_bytes(b"\1\1\0\1", "little")
        quantize = self.function(
            "llama_model_quantize", ctypes.c_uint32, ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(Parameters)
        )
        if quantize(str(source).encode(), str(target).encode(), given):
            sys.exit(f"llama.cpp does not quantise {source}")
