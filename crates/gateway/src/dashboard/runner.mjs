// A runner in a page: the component that an order names, and what it asks of its host. The host itself, its model and its
// counts are `recompute.wasm`; here words and numbers are only carried from the memory of one to that of the other.
//
// A runner is a stranger's program. It can ask for what stands below, for nothing else, and for that as often as it likes;
// whoever began it ends it.

const RUN = "assay:runner/running@2.0.0#run";
const MODEL = "model";
/** Resources that a runner holds at once. */
const HANDLES_MAX = 1_024;
const [FP32, I32] = [1, 5];
/** What the errors of an engine are called. */
const [RUNTIME_ERROR, NOT_FOUND] = [3, 6];
/** What fails a runner, in the order of its variants. */
const FAILURES = ["the runner refuses the input", "the runner refuses the parameters", "the runner does not do this", "the runner fails"];

const writer = new TextEncoder();
const reader = new TextDecoder();

/** The module of a component that a runner is: the one that has a run. */
export async function runnerOf(component) {
  let at = 8;
  const length = () => {
    let [number, shift, byte] = [0, 0, 0];
    do {
      if (at >= component.length || shift > 28) throw new Error("the runner’s file is cut");
      byte = component[at++];
      number += (byte & 127) * 2 ** shift;
      shift += 7;
    } while (byte > 127);
    return number;
  };
  while (at < component.length) {
    const section = component[at++];
    const bytes = length();
    if (section === 1) {
      const module = await WebAssembly.compile(component.subarray(at, at + bytes));
      if (WebAssembly.Module.exports(module).some(({ name }) => name === RUN)) return module;
    }
    at += bytes;
  }
  throw new Error("the runner’s file is none");
}

/** What a runner holds of its host: models, contexts, tensors, errors. */
class Handles {
  #kept = new Map();
  #next = 1;

  add(value) {
    if (this.#kept.size >= HANDLES_MAX) throw new Error(`the runner holds more than ${HANDLES_MAX} things`);
    this.#kept.set(this.#next, value);
    return this.#next++;
  }

  get(handle) {
    const value = this.#kept.get(handle);
    if (value === undefined) throw new Error("the runner holds no such thing");
    return value;
  }

  take(handle) {
    const value = this.get(handle);
    this.#kept.delete(handle);
    return value;
  }
}

/** The memory of a runner, as what is handed over lies in it. */
class RunnerMemory {
  exports = null;

  get view() {
    return new DataView(this.exports.memory.buffer);
  }

  bytes(at, count) {
    return new Uint8Array(this.exports.memory.buffer, at >>> 0, count >>> 0);
  }

  copy(at, count) {
    return this.bytes(at, count).slice();
  }

  text(at, count) {
    return reader.decode(this.bytes(at, count));
  }

  /** Puts bytes where the runner has room for them; says where. */
  put(bytes, alignment = 1) {
    if (bytes.length === 0) return alignment;
    const at = this.exports.cabi_realloc(0, 0, alignment, bytes.length) >>> 0;
    this.bytes(at, bytes.length).set(bytes);
    return at;
  }

  /** Writes a list, or a text, as its place and its length. */
  list(to, bytes, width = 1) {
    const at = this.put(bytes, width);
    this.view.setUint32(to, at, true);
    this.view.setUint32(to + 4, bytes.length / width, true);
  }

  /** Writes a result whose value, or whose failure, is a list or a text. */
  result(to, { said, failed }, width = 1) {
    this.view.setUint8(to, failed ? 1 : 0);
    this.list(to + 4, said, failed ? 1 : width);
  }

  /** Writes a result whose value, or whose failure, is a handle. */
  handle(to, handle, failed) {
    this.view.setUint8(to, failed ? 1 : 0);
    this.view.setUint32(to + 4, handle, true);
  }
}

/** The numbers of a tensor of one dimension that a context reads. */
function numbers({ type, data }) {
  if (type !== I32 || data.length % 4) throw new Error("a context reads whole numbers");
  return new Int32Array(data.buffer, data.byteOffset, data.length / 4);
}

/** What a context is asked to read: tokens, the first whose row is wanted, and how many of those before stay. */
function step(inputs) {
  const known = { tokens: null, rows: null, keep: null };
  for (const [name, tensor] of inputs) {
    if (!Object.hasOwn(known, name) || known[name]) throw new Error(`a language model has no input ${name}, or not twice`);
    known[name] = numbers(tensor);
  }
  if (!known.tokens) throw new Error("the tokens are missing");
  return { tokens: known.tokens, first: known.rows?.[0] ?? -1, keep: known.keep?.[0] ?? -1 };
}

/** What a runner may ask for. `written` hears of tokens as they are written, and may end the run by what it throws. */
function asked(memory, host, log, written) {
  const handles = new Handles();
  const failed = (code, words) => handles.add({ code, words });
  const isModel = (at, length) => [MODEL, host.name].includes(memory.text(at, length));
  const none = () => ({ failed: true, said: writer.encode("no model is called so") });
  return {
    "assay:runner/session@2.0.0": {
      emit: () => {
        throw new Error("the runner writes bytes, and answers of tokens alone are compared");
      },
      "emit-tokens": (tokens, count, text, length) => {
        const isWanted = host.emit(memory.copy(tokens, count * 4), memory.copy(text, length));
        written();
        return isWanted;
      },
      log: (at, length) => log(memory.text(at, length)),
    },
    "assay:runner/text@2.0.0": {
      tokenize: (name, names, at, length, special, to) =>
        memory.result(to, isModel(name, names) ? host.tokenize(memory.copy(at, length), special) : none(), 4),
      detokenize: (name, names, at, count, to) =>
        memory.result(to, isModel(name, names) ? host.detokenize(memory.copy(at, count * 4)) : none()),
      special: (name, names, to) => {
        const ends = isModel(name, names) ? host.ends() : none();
        if (ends.failed) return memory.result(to, ends);
        memory.view.setUint8(to, 0);
        memory.view.setUint8(to + 4, ends.begin === null ? 0 : 1);
        memory.view.setUint32(to + 8, ends.begin ?? 0, true);
        memory.view.setUint8(to + 12, ends.leads ? 1 : 0);
        memory.list(to + 16, ends.end, 4);
      },
      "chat-template": (name, names, to) => {
        const template = isModel(name, names) ? host.template() : none();
        memory.view.setUint8(to, template.failed ? 0 : 1);
        if (!template.failed) memory.list(to + 4, template.said);
      },
    },
    "wasi:nn/graph@0.2.0-rc-2024-10-28": {
      load: (_builder, _length, _encoding, _target, to) => memory.handle(to, failed(NOT_FOUND, "a model comes by its name alone"), true),
      "load-by-name": (name, names, to) =>
        isModel(name, names) ? memory.handle(to, handles.add("graph"), false) : memory.handle(to, failed(NOT_FOUND, "no graph is called so"), true),
      "[method]graph.init-execution-context": (graph, to) => {
        handles.get(graph);
        const opened = host.open();
        if (opened.failed) memory.handle(to, failed(RUNTIME_ERROR, opened.said), true);
        else memory.handle(to, handles.add("context"), false);
      },
      "[resource-drop]graph": (handle) => void handles.take(handle),
    },
    "wasi:nn/inference@0.2.0-rc-2024-10-28": {
      "[method]graph-execution-context.compute": (context, at, count, to) => {
        handles.get(context);
        // The inputs are the host's from here on, whatever comes of them.
        const inputs = Array.from({ length: count }, (_, place) => {
          const [name, length, tensor] = [0, 4, 8].map((field) => memory.view.getUint32(at + 12 * place + field, true));
          return [memory.text(name, length), handles.take(tensor)];
        });
        let rows;
        try {
          rows = host.read(step(inputs));
        } catch (failure) {
          if (failure instanceof WebAssembly.RuntimeError) throw failure;
          rows = { failed: true, said: writer.encode(failure.message) };
        }
        if (rows.failed) return memory.handle(to, failed(RUNTIME_ERROR, rows.said), true);
        const dimensions = new Uint32Array([rows.said.length / 4 / host.vocabulary, host.vocabulary]);
        const tensor = handles.add({ type: FP32, dimensions: new Uint8Array(dimensions.buffer), data: rows.said });
        const entry = memory.put(new Uint8Array(12), 4);
        memory.list(entry, writer.encode("logits"));
        memory.view.setUint32(entry + 8, tensor, true);
        memory.view.setUint8(to, 0);
        memory.view.setUint32(to + 4, entry, true);
        memory.view.setUint32(to + 8, 1, true);
      },
      "[resource-drop]graph-execution-context": (handle) => void handles.take(handle),
    },
    "wasi:nn/tensor@0.2.0-rc-2024-10-28": {
      "[constructor]tensor": (dimensions, count, type, data, length) =>
        handles.add({ type, dimensions: memory.copy(dimensions, count * 4), data: memory.copy(data, length) }),
      "[method]tensor.dimensions": (handle, to) => memory.list(to, handles.get(handle).dimensions, 4),
      "[method]tensor.ty": (handle) => handles.get(handle).type,
      "[method]tensor.data": (handle, to) => memory.list(to, handles.get(handle).data),
      "[resource-drop]tensor": (handle) => void handles.take(handle),
    },
    "wasi:nn/errors@0.2.0-rc-2024-10-28": {
      "[method]error.code": (handle) => handles.get(handle).code,
      "[method]error.data": (handle, to) => {
        const { words } = handles.get(handle);
        memory.list(to, typeof words === "string" ? writer.encode(words) : words);
      },
      "[resource-drop]error": (handle) => void handles.take(handle),
    },
  };
}

/** Runs a job; gives why it ended, as the runner says. */
export async function runs(module, { params, seed, input }, host, { log, written }) {
  const memory = new RunnerMemory();
  const { exports } = await WebAssembly.instantiate(module, asked(memory, host, log, written));
  memory.exports = exports;
  const [words, chance, said] = [writer.encode(params), seed, input].map((bytes) => [memory.put(bytes), bytes.length]);
  // One that writes tokens is told of no ceiling: what is paid for is counted by its host.
  const at = exports[RUN](...words, ...chance, -1n, ...said);
  const { view } = memory;
  if (view.getUint8(at) === 0) {
    if (view.getUint32(at + 8, true) > 0) throw new Error("the runner gives bytes, and answers of tokens alone are compared");
    return view.getUint8(at + 12);
  }
  const [why, length] = [8, 12].map((field) => view.getUint32(at + field, true));
  throw new Error(`${FAILURES[view.getUint8(at + 4)] ?? "the runner fails"}: ${memory.text(why, length)}`);
}
