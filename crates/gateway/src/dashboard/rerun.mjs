// An answer computed again: the host of `recompute.wasm`, with the files that a receipt names.

import { runnerOf, runs } from "./runner.mjs";

const writer = new TextEncoder();
const reader = new TextDecoder();
/** Between two words on how far it is. */
const TELL_MS = 100;

/** The answer has parted from what is computed: there is nothing to go on for. */
class HasParted extends Error {}

/** The module, as a host of runners. */
export class RunHost {
  #exports;
  /** What the model is called beside its part in the order. */
  name = null;
  vocabulary = 0;
  /** When the model began to read. */
  began = null;

  constructor({ exports }) {
    this.#exports = exports;
  }

  /** Puts bytes into the module’s room. */
  #give(...parts) {
    const length = parts.reduce((sum, { length }) => sum + length, 0);
    const at = this.#exports.room(length);
    if (at === 0) throw new Error("that is more than is computed in a page");
    let to = at;
    for (const part of parts) {
      new Uint8Array(this.#exports.memory.buffer, to, part.length).set(part);
      to += part.length;
    }
  }

  /** What the module says to a call. */
  #hear(call, ...with_) {
    const length = this.#exports[call](...with_);
    const said = new Uint8Array(this.#exports.memory.buffer, this.#exports.said(), length).slice();
    return { said, failed: Boolean(this.#exports.failed()) };
  }

  /** The same, where what is refused ends everything. */
  #must(call, ...with_) {
    const { said, failed } = this.#hear(call, ...with_);
    if (failed) throw new Error(reader.decode(said));
    return said;
  }

  #json(call, ...with_) {
    return JSON.parse(reader.decode(this.#must(call, ...with_)));
  }

  digest(file) {
    this.#give(file);
    return reader.decode(this.#must("digest"));
  }

  takeOrder(order) {
    this.#give(writer.encode(JSON.stringify(order)));
    this.#must("take_order");
    this.name = order.model;
  }

  takeAnswer(answer) {
    this.#give(answer);
    this.#must("take_answer");
  }

  checkRunner(runner) {
    this.#give(runner);
    this.#must("check_runner");
  }

  /** What was asked, without its salt, and whether it is what the order names; what is not is taken as it stands. */
  input(file) {
    this.#give(file);
    const { said, failed } = this.#hear("check_input");
    return { input: failed ? file : said, isAsked: !failed };
  }

  takeModel(model) {
    this.#give(model);
    const told = this.#json("take_model");
    this.vocabulary = told.vocabulary;
    return told;
  }

  tokenize(text, special) {
    this.#give(text);
    return this.#hear("tokenize", special);
  }

  detokenize(tokens) {
    this.#give(tokens);
    return this.#hear("detokenize");
  }

  ends() {
    const { said, failed } = this.#hear("end_tokens");
    if (failed) return { said, failed };
    const [has, begin, leads] = new Uint32Array(said.buffer, 0, 3);
    return { begin: has ? begin : null, leads, end: said.subarray(12) };
  }

  template() {
    return this.#hear("chat_template");
  }

  open() {
    this.began = performance.now();
    return this.#hear("open_session");
  }

  read({ tokens, first, keep }) {
    this.#give(new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength));
    return this.#hear("read_tokens", first, keep);
  }

  emit(tokens, text) {
    this.#give(tokens, text);
    return this.#exports.emit_tokens(tokens.length / 4);
  }

  course() {
    return this.#json("course");
  }

  compare(end) {
    return this.#json("compare", end);
  }
}

const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (digits) => parseInt(digits, 16));

/**
 * Computes an answer again. `files` are the bytes of `runner` and `model`, `input` with its salt, and `answer`, which may be
 * missing; `tell` hears how far it is. Gives what came of it beside what was claimed.
 */
export async function rerun(instance, order, files, tell) {
  const host = new RunHost(instance);
  host.takeOrder(order);
  host.checkRunner(files.runner);
  const { input, isAsked } = host.input(files.input);
  if (files.answer) host.takeAnswer(files.answer);
  const needs = host.takeModel(files.model);
  tell({ needs });
  const module = await runnerOf(files.runner);
  let line = null;
  let told = 0;
  const written = () => {
    const now = performance.now();
    const course = host.course();
    if (now - told >= TELL_MS) {
      told = now;
      tell({ course, ms: now - host.began });
    }
    if (course.parted) throw new HasParted();
  };
  let end = 0;
  try {
    end = await runs(module, { params: order.params, seed: unhex(order.seed), input }, host, { log: (last) => (line = last), written });
  } catch (failure) {
    if (!(failure instanceof HasParted)) throw new Error(line ? `${failure.message} (${line})` : failure.message);
  }
  return { needs, ms: performance.now() - host.began, is_asked: isAsked, ...host.compare(end) };
}
