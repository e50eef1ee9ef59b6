// The answer of a receipt, computed again here: the model that the order names, by the runner that it names, on what was asked.
//
// The files come from this home or from whoever looks; each is known by its digest, which the module checks. The work is done
// beside the page, which stays as it is meanwhile, and can be stopped at any token.

import { bytes, count, make, name, pairs, part, result, seen } from "./build.mjs";
import { ask, held } from "./daemon.mjs";

/** Bytes of the longest file that is computed with. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;
/** What is needed, and what it is called. */
const KINDS = [["model", "Model"], ["runner", "Runner"], ["input", "What was asked"], ["answer", "Answer"]];

/** What is computed, or was, of the receipt that is shown. */
let course = null;

/** The part of a page that computes the answer of this verdict again. */
export function again(verdict, show) {
  if (course?.verdict !== verdict) {
    stop();
    course = { verdict, state: "idle", chosen: new Map(), missing: [] };
  }
  const { run } = verdict;
  if (run.policy !== "replay" || !run.meter.tokens) {
    return part("Compute the answer again", make("p", { class: "quiet" }, "Only answers of language models are computed again in a page."));
  }
  const goes = course.state === "fetching" || course.state === "going";
  return part("Compute the answer again",
    make("p", {}, "The model answers once more, in this page, by the same runner and the same arithmetic. What it writes is laid beside the answer, token by token. Nothing is sent anywhere; a model may have 64 MiB."),
    make("div", { class: "files" }, KINDS.map(([kind, title]) => file(kind, title, digests(run)[kind], goes, show))),
    make("p", {},
      goes
        ? make("button", { type: "button", class: "act", "data-key": "stop", onclick: () => { stop(); show(); } }, "Stop")
        : make("button", { type: "button", class: "act", "data-key": "start", onclick: () => start(show) }, "Compute it again")),
    goes ? make("div", { "data-key": "how-far" }, howFar(course)) : null,
    // What is there before it says something is read to whoever listens to a page.
    make("div", { role: "status", "data-key": "found" }, course.state === "over" ? outcome(course) : note(course)));
}

/** Ends what is computed, or was to be. */
function stop() {
  if (!course || (course.state !== "fetching" && course.state !== "going")) return;
  course.getting.abort();
  course.worker?.terminate();
  Object.assign(course, { state: "idle", worker: null, why: "It was stopped." });
}

/** What a receipt calls the files. */
function digests(run) {
  return { model: run.model, runner: run.runner, input: run.input_commit, answer: run.claimed?.written.blob ?? null };
}

function file(kind, title, digest, goes, show) {
  const chosen = course.chosen.get(kind);
  const isMissing = course.missing.includes(kind);
  const where = chosen ? `your file ${chosen.name}` : isMissing ? "not in this home: choose the file" : "from this home, or choose a file";
  const choose = (event) => {
    const [one] = event.target.files;
    if (one) course.chosen.set(kind, one);
    else course.chosen.delete(kind);
    course.missing = course.missing.filter((other) => other !== kind);
    show();
  };
  return make("div", { class: isMissing ? "file missing" : "file", "data-key": kind },
    make("label", { for: `${kind}-file` }, title),
    make("span", {}, digest ? name(digest) : "as this home has it", " ", make("span", { class: "quiet" }, where)),
    make("input", { id: `${kind}-file`, type: "file", disabled: goes, onchange: choose }));
}

async function start(show) {
  const own = course;
  const getting = new AbortController();
  Object.assign(own, { state: "fetching", getting, missing: [], why: null, needs: null, far: null, found: null });
  show();
  try {
    const files = await gather(own);
    if (getting.signal.aborted) return;
    if (own.missing.length === 0) work(own, files, show);
    else Object.assign(own, { state: "idle", why: "Not every file is in this home." });
  } catch (failure) {
    if (getting.signal.aborted) return;
    Object.assign(own, { state: "failed", why: failure.message || "a key is needed" });
  }
  show();
}

/** The bytes of all files; those that cannot be had are noted as missing. */
async function gather(own) {
  const { run, receipt } = own.verdict;
  const named = digests(run);
  named.answer ??= await answerOf(receipt.job);
  const files = {};
  for (const [kind] of KINDS) {
    const chosen = own.chosen.get(kind);
    if (chosen && chosen.size > FILE_BYTES_MAX) throw new Error(`${chosen.name} is longer than anything that is computed in a page`);
    const found = chosen ? new Uint8Array(await chosen.arrayBuffer()) : named[kind] && (await held(named[kind], own.getting.signal));
    if (found) files[kind] = found;
    // Where the receipt names the output, that is enough to compare with.
    else if (kind !== "answer" || !run.claimed) own.missing.push(kind);
  }
  return files;
}

/** The digest of the answer of a job that this home ordered, if it did. */
async function answerOf(job) {
  const story = await ask(`jobs/${job}`);
  return story.attempts?.find((attempt) => attempt.job === job)?.output ?? null;
}

function work(own, files, show) {
  const worker = (own.worker = new Worker("/dashboard/rerun-worker.mjs", { type: "module" }));
  own.state = "going";
  const end = (state, more) => {
    worker.terminate();
    if (own.worker !== worker) return;
    Object.assign(own, { state, worker: null, ...more });
    show();
  };
  worker.onmessage = ({ data }) => {
    if (data.found) return end("over", { found: data.found });
    if (data.failed) return end("failed", { why: data.failed });
    if (own.worker !== worker) return;
    Object.assign(own, data.needs ? { needs: data.needs } : { far: data });
    show();
  };
  worker.onerror = (event) => end("failed", { why: event.message || "the work beside this page could not begin" });
  worker.postMessage({ order: own.verdict.run, files }, Object.values(files).map(({ buffer }) => buffer));
}

const pace = (tokens, ms) => `${(tokens / Math.max(ms, 1) * 1000).toPrecision(3)} a second`;

function howFar({ state, needs, far }) {
  if (state === "fetching") return make("p", {}, "Getting the files…");
  const written = far?.course.written ?? 0;
  const most = far?.course.claimed ?? null;
  return [
    make("progress", { "aria-label": "tokens computed", max: most, value: most === null ? null : Math.min(written, most) }),
    make("p", {},
      far ? `${most === null ? count(written, "token") : `${written} of ${count(most, "token")}`}, ${pace(written, far.ms)}` : "Reading the model…",
      needs ? `; it needs ${bytes(needs.memory_bytes)} of memory` : null),
  ];
}

/** Why nothing was computed, where nothing was. */
function note({ state, why, missing }) {
  if (!why) return null;
  const titles = KINDS.filter(([kind]) => missing.includes(kind)).map(([, title]) => title.toLowerCase());
  return make("p", { class: "note" }, state === "failed" ? `It was not computed: ${why}` : why, titles.length ? ` Missing: ${titles.join(", ")}.` : null);
}

/** What was found, in words: how good it is, its headline, what it means. */
function judged({ parting, ...found }) {
  if (parting) return { tone: "bad", head: "It is not the same", said: partsAt(parting) };
  if (found.is_claimed_output === false) return { tone: "bad", head: "It is not the same", said: "The receipt names another output than the one that is computed." };
  if (found.are_claimed_rows === false) return { tone: "bad", head: "It is not the same", said: "The words are those that are computed, but the rows of scores that the receipt names are not." };
  if (found.is_claimed_bill === false) return { tone: "bad", head: "It is not the same", said: "The words are those that are computed, but not what was billed for them, or why they ended." };
  if (found.is_claimed_output) return { tone: "good", head: "It is the same", said: "The output has the digest that the receipt names, and so have the rows of scores that each token was chosen from." };
  return { tone: "good", head: "It is the same", said: "Nobody was drawn to check this job, so its receipt does not show what was claimed. The answer that was compared is the one that is computed." };
}

const quoted = ({ token, text }) => `“${seen(text)}” (token ${token})`;

function partsAt({ tokens_same: same, claimed, computed, is_in_words: isInWords }) {
  const place = `At place ${same + 1}`;
  if (isInWords) return `${place} the tokens agree, and how they are written does not.`;
  if (!claimed) return `${place} the answer ends, or is none, where ${computed ? quoted(computed) : "more"} is computed.`;
  if (!computed) return `${place} the answer has ${quoted(claimed)}, where what is computed ends.`;
  return `${place} the answer has ${quoted(claimed)}, where ${quoted(computed)} is computed.`;
}

/** Whose answer it was that was compared, where that is not plain. */
function whose({ parting, is_claimed_answer: isClaimed }) {
  if (isClaimed === false) return "The answer that was compared is not the one that the receipt names.";
  if (parting && isClaimed) return "The receipt names this answer: its provider claimed what is not computed.";
  return null;
}

const whole = (text) => make("span", { class: "whole" }, result(text));

function outcome({ found }) {
  const { tone, head, said } = judged(found);
  const { parting } = found;
  return make("section", { class: `outcome ${tone}`, "data-key": "outcome", "aria-label": "What was computed" },
    make("h3", {}, head),
    make("p", { class: "lead" }, said),
    [whose(found), found.is_asked ? null : "What was asked was taken as it stands in your file: the receipt names it only with its salt."].map((words) => words && make("p", {}, words)),
    pairs([
      ["the same until there", parting?.text_same ? whole(parting.text_same) : null],
      ["answer", parting ? null : whole(found.text)],
      ["tokens computed", `${found.tokens}, ${pace(found.tokens, found.ms)}, by ${found.needs.instructions}`],
      ["digest", parting ? null : make("code", { class: "whole" }, found.written.blob)],
      ["memory", bytes(found.needs.memory_bytes)],
    ]));
}
