// Receipts, judged here: the law of the network runs in this page, on the file alone.

import { LABELS, label, make, moment, money, name, pairs, part, table, when } from "./build.mjs";
import { KeyNeeded, keysGiven, receipt as fetched } from "./daemon.mjs";
import { again } from "./recompute.mjs";

export const changesAlone = false;

export function needs() {
  return ["receipts", "status"];
}

/** Bytes of a file that is read at most: no receipt is as long. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;

/** What was judged last, and what it was called. */
let verdict = null;
let asked = null;

/** The module is loaded once, when the first receipt is to be judged. */
let judge = null;

async function judged(bytes) {
  judge ??= WebAssembly.instantiateStreaming(fetch("/dashboard/judge.wasm"));
  try {
    return decided(bytes, (await judge).instance.exports);
  } catch (failure) {
    // One that did not come, or broke off, judges nothing more.
    judge = null;
    throw failure;
  }
}

function decided(bytes, exports) {
  const { room, judge: decide, said, memory } = exports;
  const at = room(bytes.length);
  if (at === 0 && bytes.length > 0) return { holds: false, step: "encoding", name: "encoding", expected: "a receipt; no receipt is as long as this" };
  new Uint8Array(memory.buffer, at, bytes.length).set(bytes);
  const length = decide();
  return JSON.parse(new TextDecoder().decode(new Uint8Array(memory.buffer, said(), length)));
}

async function judgeFile(title, read, show) {
  const own = (verdict = { title, waits: true });
  show();
  let found;
  try {
    found = { title, ...(await judged(await read())) };
  } catch (failure) {
    // Once there is a key it is asked for again.
    if (failure instanceof KeyNeeded) asked = null;
    found = failure instanceof KeyNeeded ? null : { title, failed: failure.message };
  }
  // Another was named meanwhile.
  if (verdict !== own) return;
  verdict = found;
  if (found) show();
  document.getElementById("verdict")?.focus();
}

const dropped = (file, show) => {
  if (!file) return;
  const read = async () => {
    if (file.size > FILE_BYTES_MAX) throw new Error("the file is far longer than any receipt");
    return new Uint8Array(await file.arrayBuffer());
  };
  judgeFile(file.name, read, show);
};

export function page(known, job, { show }) {
  // With another key it is asked for again: one that opens only its own jobs hears of no other.
  const wanted = job && `${keysGiven()} ${job}`;
  if (job && asked !== wanted) {
    asked = wanted;
    judgeFile(`the receipt of ${job.slice(0, 12)}`, () => fetched(job), show);
    return page(known, job, { show });
  }
  if (!job) asked = null;
  const status = known.get("status");
  const built = [
    part("Judge a receipt",
      make("p", {}, "Every signature, the draw, the checks and each payment are computed again in this page. The file is sent nowhere."),
      drop(show)),
    verdict ? found(verdict, status) : null,
    verdict?.holds ? again(verdict, show) : null,
    part("Kept here", when(known.get("receipts"), (receipts) => kept(receipts))),
  ];
  return { title: "Receipts", built };
}

function drop(show) {
  const over = (event) => {
    event.preventDefault();
    event.currentTarget.classList.toggle("over", event.type === "dragover");
  };
  return make("div", {
    class: "drop",
    ondragover: over,
    ondragleave: over,
    ondrop: (event) => {
      over(event);
      dropped(event.dataTransfer.files[0], show);
    },
  },
  make("label", { for: "file" }, "Drop a receipt file here, or choose one"),
  make("input", { id: "file", type: "file", onchange: (event) => dropped(event.target.files[0], show) }));
}

function found(verdict, status) {
  const section = (tone, ...children) =>
    make("section", { class: `verdict ${tone}`, id: "verdict", tabindex: -1, "aria-label": "Verdict", "data-key": "verdict" }, ...children);
  if (verdict.waits) return section("plain", make("p", {}, `Judging ${verdict.title}…`));
  if (verdict.failed) return section("warn", make("p", {}, `${verdict.title} was not judged: ${verdict.failed}`));
  if (!verdict.holds) {
    return section("bad",
      make("h2", {}, "It does not hold"),
      make("p", { class: "lead" }, `Step “${verdict.name}” fails.`),
      pairs([["file", verdict.title], ["expected", verdict.expected]]),
      make("p", {}, verdict.step === "encoding"
        ? "This is no receipt, or not a whole one."
        : "Somebody changed this file, or its notary is false. Ask the other party or the notary for the original."));
  }
  // Red is for what does not hold: a receipt of a cheat that was caught is a good receipt.
  const tone = LABELS[verdict.receipt.label]?.[0] ?? "plain";
  return section(tone === "bad" ? "warn" : tone, holds(verdict, status));
}

function holds({ title, receipt }, status) {
  const { settlement } = receipt;
  const home = status && !status.error ? status.network : null;
  const payments = [
    ["client gets back", receipt.client, settlement.to_client],
    ["provider is paid", receipt.provider, settlement.to_provider],
    Number(settlement.slashed.amount) ? ["provider loses of its stake", receipt.provider, settlement.slashed] : null,
    ...settlement.fees.map(({ peer, sum }) => ["verifier earns", peer, sum]),
    ...settlement.fines.map(({ peer, sum }) => [peer === receipt.provider ? "provider pays" : "verifier pays", peer, sum]),
  ].filter(Boolean);
  return [
    make("h2", {}, "It holds"),
    make("p", { class: "lead" }, label(receipt.label), ` ${receipt.meaning}`),
    make("p", {}, home === receipt.network
      ? "Its network and notary are those of this home."
      : `It rests on a network and a notary ${home ? "that this home does not know" : "of which cannot be told now whether they are those of this home"}: anyone can invent one.`),
    pairs([
      ["file", title],
      ["model", receipt.model],
      ["job", make("code", { class: "whole" }, receipt.job)],
      ["chance of a check", receipt.check_rate.per_cent],
      ["checks", `${receipt.checks}, of which ${receipt.agreeing} agree`],
      ["network", make("span", {}, `${receipt.network_name} `, name(receipt.network))],
      ["notary", name(receipt.notary)],
      ["client", name(receipt.client)],
      ["provider", name(receipt.provider)],
      ["verifiers", receipt.verifiers.length ? make("span", {}, receipt.verifiers.map((peer) => [name(peer), " "])) : null],
    ]),
    table("Who is paid what", ["What", "Who", "How much"], payments.map(([what, who, sum], at) => ({ key: `${at}`, cells: [what, name(who), money(sum)] }))),
  ];
}

function kept({ kept, hidden }) {
  if (kept.length === 0) return make("p", { class: "quiet" }, "No job was closed yet; each leaves a receipt.");
  return [
    table("The latest receipts of this home", ["Receipt", "Closed", "As", "Model", "Result", "Paid"], kept.map((one) => ({
      key: one.receipt,
      cells: [make("a", { class: "name", href: `#receipts/${one.job}`, "aria-label": `judge the receipt ${one.receipt.slice(0, 12)}` }, one.receipt.slice(0, 12)), moment(one.closed_at), one.role, one.model, label(one.label), money(one.paid)],
    }))),
    hidden > 0 ? make("p", { class: "quiet" }, `${hidden} older receipts are not shown; `, make("code", {}, "assay receipt ls --all"), " lists them.") : null,
  ];
}
