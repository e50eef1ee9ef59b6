// A gateway that is none: the dashboard as it is served, and a peer that is made up. For whoever works on the pages.
//
//   node mock.mjs [PORT]     --key KEY: nobody is answered without it; --quiet-peer: a home in which nothing happened yet

import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
export const root = path.resolve(here, "../..");
const pages = path.join(root, "crates/gateway/src/dashboard");
const goldens = path.join(root, "crates/protocol/tests/golden/receipts");
const source = fs.readFileSync(path.join(root, "crates/gateway/src/browser_rules.rs"), "utf8");
const policy = /const POLICY: &str = "((?:[^"\\]|\\\s)*)"/s.exec(source)[1].replaceAll(/\\\s+/g, "");
const KINDS = { ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".mjs": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".wasm": "application/wasm" };

const id = (seed) => Array.from({ length: 64 }, (_, at) => ((seed * 7919 + at * at * 31 + at * 17) % 16).toString(16)).join("");
const money = (amount) => ({ amount, unit: "credit" });
const rate = (share) => ({ parts_per_2_32: Math.round(share * 2 ** 32), per_cent: `${(share * 100).toFixed(2)} %` });
const ago = (ms) => new Date(Date.parse("2026-11-28T09:30:00Z") - ms).toISOString();
const MINUTE = 60_000;
const DAY = 86_400_000;

function attempt(seed, state, words, more = {}) {
  return {
    job: id(seed), provider: id(seed + 500), state, words, outcome: null, label: null, refusal: null, failure: null,
    ordered: ago(seed * MINUTE), run: "whole", cut_off: false, money: "held", price: money("0.0123"), total_max: money("0.0164"),
    check_rate: rate(0.0213), output: id(seed + 900), receipt: null, ...more,
  };
}

function submission(seed, model, attempts, more = {}) {
  const last = attempts.at(-1);
  return {
    submission: id(seed + 100), model, state: last?.state ?? "looking", words: last?.words ?? "looking for a provider",
    ended: last?.state === "closed", since: ago(seed * MINUTE), attempts, unmatched: null,
    timeline: [
      { at: ago(seed * MINUTE), event: "proposed", job: last?.job ?? null, outcome: null, words: `asked ${id(seed + 500).slice(0, 12)} to run it for 0.0123` },
      { at: ago(seed * MINUTE - 40), event: "opened", job: last?.job ?? null, outcome: null, words: "the notary holds the money; checked with a chance of 2.13 %" },
      { at: ago(seed * MINUTE - 90), event: "delivered", job: last?.job ?? null, outcome: null, words: "the result is here, and is what the provider claimed" },
    ].slice(0, attempts.length ? 3 : 0),
    ...more,
  };
}

const closed = (outcome, label, words, paid) => ({ outcome, label, words, state: "closed", money: paid ? "paid" : "returned", receipt: id(77) });
const jobs = [
  submission(9, "sums", [attempt(9, "closed", "closed: refunded, the provider was convicted of a false result", closed("slashed", "slashed", "closed: refunded, the provider was convicted of a false result", false)),
    attempt(8, "closed", "closed: paid, a re-execution agrees", closed("checked", "checked", "closed: paid, a re-execution agrees", true))]),
  submission(5, "digits", [attempt(5, "closed", "closed: paid, the draw left it unchecked", closed("not_drawn", "not drawn", "closed: paid, the draw left it unchecked", true))]),
  submission(4, "<img src=x onerror=alert(1)>", [attempt(4, "refused", "refused: the provider is full", { refusal: "full", run: "none", money: "unspent", output: null })]),
  submission(3, "sums", [attempt(3, "delivered", "delivered, check pending")]),
  submission(2, "smollm2-135m", [attempt(2, "running", "running", { run: "none", output: null })]),
  submission(1, "poet", []),
];

const olderJobs = [50, 40, 30].map((seed) => submission(seed, "sums", [attempt(seed, "closed", "closed: paid, the draw left it unchecked", closed("not_drawn", "not drawn", "closed: paid, the draw left it unchecked", true))]));

const service = (model, seed) => ({ model, manifest: id(seed), run_ms: 240, unit_price: money("0.0012"), warm: true });
const status = {
  schema: "assay.status/1", allowances: [], peer: id(1), version: "0.1.0", network: "a6b23098f5c7019be3a21324bf476c3bbc67c5609adac0e39357ef224cd80f37",
  network_name: "lab", is_notary: false, is_verifier: true, paused: null,
  rules_held: [{ rule: "in_use", since: ago(3 * MINUTE), until: null }],
  providing: { benches: [{ class: id(40), machine: "assay-engine, scalar bits", device: "AMD EPYC 9654", memory_free_bytes: 12 * 2 ** 30, slots: 2, services: [service("sums", 41), service("digits", 42)] }], addresses: ["/ip4/192.0.2.2/tcp/29292"], left_out: [] },
  classes: [{ class: id(40), machine: "assay-engine, scalar bits" }], missing_walls: [], arrivals: [],
  addresses: ["/ip4/192.0.2.2/tcp/29292"], neighbours: [2, 3, 4, 5, 6].map((seed) => ({ peer: id(seed) })), severed: [],
  notaries_heard: [{ notary: id(2), heard_ago_ms: 840 }], started: ago(DAY), uptime_ms: DAY, spent_today: money("0.42"),
  daily_max: money("5.00"), left_today: money("4.58"), offers_known: 5, jobs_known: 6, jobs_open: 3, running: 1, records: 412,
  blob_bytes: 9_000_000, disk_free: 30 * 2 ** 30, disk_floor: 2 ** 30, takes_new_jobs: true, malformed: 2, forged: 0, faults: [], waits: false, forked: [],
  runs: [
    { job: id(60), model: "sums", is_check: false, state: "closed", outcome: "not_drawn" },
    { job: id(61), model: "digits", is_check: true, state: "ended", outcome: null },
    { job: id(62), model: "sums", is_check: false, state: "running", outcome: null },
  ],
};

const sums = (name, jobs, earned, lost = "0.00") => ({ ...(name ? { name } : {}), jobs_closed: jobs, jobs_paid: jobs - (lost === "0.00" ? 0 : 1), earned: money(earned), won: money("0.00"), lost: money(lost) });
const days = Array.from({ length: 24 }, (_, at) => [23 - at, ((at * 37) % 23) / 10]).filter(([, earned]) => earned > 0.2);
const HOUR = 3_600_000;

/** Prices of a model that move every few hours, with two days in which nobody looked. */
function priced(model, seed, pinned) {
  const spans = [];
  for (let at = 29 * DAY; at > 0; at -= 6 * HOUR) {
    if (at < 12 * DAY && at > 10 * DAY) continue;
    const lowest = 0.0012 * seed + 0.0004 * Math.sin(at / (3 * DAY) + seed);
    spans.push({ since: ago(at), until: ago(at - 6 * HOUR), lowest: money(lowest.toFixed(4)), middle: money((lowest * 1.3 + 0.0002).toFixed(4)) });
  }
  return { model, manifest: id(seed + 20), pinned, spans };
}

const still = { model: "digits", manifest: id(24), pinned: true, spans: [{ since: ago(3 * DAY), until: ago(0), lowest: money("0.02"), middle: money("0.02") }] };

const documents = {
  status,
  jobs: { schema: "assay.jobs/1", jobs, hidden: 14 },
  offers: {
    schema: "assay.offers/1",
    offers: [3, 4, 5, 7, 8].map((seed) => ({
      provider: id(seed), model: seed % 2 ? "sums" : "digits", manifest: id(seed + 20), pinned: seed !== 7, unit_price: money(`0.00${seed}`), run_ms: seed * 90, warm: seed % 2 === 1,
      slots: 2, age_ms: seed * 9_000, valid_until: ago(-5 * MINUTE), class: id(40), machine: "assay-engine, scalar bits", device: "AMD EPYC 9654", memory_free_bytes: 2 ** 33,
      addresses: ["/ip4/192.0.2.9/tcp/29292"], reachability: "reached", convicted: seed === 8, notaries: [id(2)], sequence: seed,
    })),
  },
  account: { schema: "assay.account/1", notary: id(2), free: money("12.3456"), stake: money("40.00"), unbonding: money("0.00"), forfeited: money("0.00"), held: money("0.0328"), owed: money("0.00"), fee_margin: rate(0.1), suspended: 0, head: { sequence: 99, digest: id(98) } },
  earnings: {
    schema: "assay.earnings/1", by: "day", groups: days.map(([before, earned]) => sums(ago(before * DAY).slice(0, 10), 4, earned.toFixed(4))), all: sums(null, 92, "24.3100", "1.50"),
    closed: [], due: [{ job: id(63), model: "sums", client: id(64), opened: ago(MINUTE), state: "claimed", at_most: money("0.0123") }], receipts_unread: 0, without_receipt: [],
  },
  receipts: {
    schema: "assay.receipts/1", hidden: 0, unread: 0,
    kept: ["checked", "slashed", "not_drawn"].map((outcome, at) => ({
      receipt: id(77 + at), job: id(70 + at), role: at === 1 ? "provider" : "client", client: id(1), provider: id(3), model: "sums", opened: ago(9 * MINUTE), closed_at: ago(MINUTE),
      label: outcome.replace("_", " "), outcome, is_paid: at !== 1, paid_out: money("0.0141"), paid: money(at === 1 ? "0.00" : "0.0123"), lost: money("0.00"),
    })),
  },
  devices: {
    schema: "assay.devices/1", processor: { device: "AMD EPYC 9654", cores: 8, load_percent: 37, temperature_celsius: 58, memory_total_bytes: 64 * 2 ** 30, memory_used_bytes: 21 * 2 ** 30 },
    cards: [{ device: "NVIDIA GeForce RTX 4090", load_percent: 93, temperature_celsius: 71, power_milliwatts: 318_000, memory_total_bytes: 24 * 2 ** 30, memory_used_bytes: 23 * 2 ** 30, memory_others_bytes: 2 ** 30 }],
  },
  rules: {
    schema: "assay.provider-rules/1", rules: { programs: ["blender"], idle_min_ms: 600_000, mains_only: false, temperature_max_celsius: 85, card_others_max_bytes: null, hours: [], settle_ms: 60_000 },
    reading: { programs_running: [], idle_ms: 42_000, is_on_battery: false, temperature_celsius: 58, card_others_bytes: 2 ** 30, week_minute: 570 }, rules_held: status.rules_held,
  },
  prices: { schema: "assay.prices/1", asked: [] },
  "price-history": { schema: "assay.price-history/1", priced: [priced("sums", 3, true), still, ...[5, 6, 7, 8, 9].map((seed) => priced("poet", seed, false))] },
  why: {
    schema: "assay.why/1", allowances: [], warnings: 2, problems: 1, orders: { agreed: 4, began: 3, turned_away: 1, crowded: 0, reasons: [], blocked: 0 }, sightings: [],
    prices: [{ model: "sums", class: id(40), unit_price: money("0.0012"), others: 3, cheaper: 2, least: money("0.0008") }, { model: "digits", class: id(40), unit_price: money("0.02"), others: 0, cheaper: 0, least: null }],
    findings: [
      { about: "offer", severity: "ok", found: "sums, digits here", mend: null, code: null },
      { about: "stake", severity: "ok", found: "40.00 credits with a91f03c2", mend: null, code: null },
      { about: "rule", severity: "warning", found: "nothing new is taken on: somebody uses the machine", mend: "`assay provider rules` shows what it waits for", code: null },
      { about: "price", severity: "warning", found: "sums: 0.0012 credits a unit, and 2 of 3 others ask less, 0.0008 the least", mend: "`assay provider price`", code: null },
      { about: "seen", severity: "problem", found: "none of 5 connected peers knows this offer", mend: "wait a minute: an offer is told again and again; then `assay doctor`", code: "NOT_SEEN" },
    ],
  },
};

const explanation = (job) => ({
  schema: "assay.job-explanation/1", submission: job.submission, model: job.model, state: job.state, words: job.words, ended: job.ended, unmatched: null,
  passed_over: { counts: { offers_known: 3, reasons: [{ reason: "outranked", count: 1 }], unit_price_least: null, total_least: null, over_day: null, over_funds: null, refusal: null, failure: null },
    passed: [{ provider: id(4), reason: "outranked", words: "outranked, 12.00 % behind the best, most of it for what the job costs there", behind: rate(0.12), over: "cost", until: null, unit_price: null, total: null, valid_until: null }] },
  explained: [], told: [],
});

/** Nobody has chosen a name that would be something else in a careless page, and there is little of each. */
function plain() {
  documents["price-history"].priced.splice(2);
  documents.jobs = { ...documents.jobs, jobs: jobs.filter(({ model }) => !model.includes("<")) };
}

/** Nothing happened yet, nothing is sold, nobody is there. */
function quiet() {
  const money0 = money("0.00");
  documents.jobs = { ...documents.jobs, jobs: [], hidden: 0 };
  documents.status = { ...status, providing: null, neighbours: [], notaries_heard: [{ notary: id(2), heard_ago_ms: null }], runs: [], rules_held: [], running: 0 };
  documents.offers = { ...documents.offers, offers: [] };
  documents["price-history"] = { ...documents["price-history"], priced: [] };
  documents.earnings = { ...documents.earnings, groups: [], due: [], all: { ...sums(null, 0, "0.00"), lost: money0 } };
  documents.receipts = { ...documents.receipts, kept: [] };
  documents.account = undefined;
}

function send(response, status, kind, body, more = {}) {
  response.writeHead(status, { "content-type": kind, "content-security-policy": policy, "x-content-type-options": "nosniff", "cache-control": "no-store", ...more });
  response.end(body);
}

const json = (response, status, body) => send(response, status, "application/json", JSON.stringify(body));

/** Serves the pages on a port of this machine; with 0, on one that is free. */
export function serve({ port = 0, key = null, isQuiet = false, isPlain = false } = {}) {
  if (isQuiet) quiet();
  if (isPlain) plain();
  const server = http.createServer((request, response) => {
    const url = new URL(request.url, "http://localhost");
    const file = url.pathname === "/" ? "index.html" : url.pathname.startsWith("/dashboard/") ? path.basename(url.pathname) : null;
    if (file) {
      const [, module] = /^(judge|recompute)\.wasm$/.exec(file) ?? [];
      const at = module ? path.join(root, "crates", module, file) : path.join(pages, file);
      return fs.existsSync(at) ? send(response, 200, KINDS[path.extname(at)], fs.readFileSync(at)) : json(response, 404, { error: { message: "no such file" } });
    }
    if (key && request.headers.authorization === `Bearer ${key}-with-a-ceiling`) return json(response, 403, { error: { code: "not_allowed", message: "the key has a ceiling" } });
    if (key && request.headers.authorization !== `Bearer ${key}`) return json(response, 401, { error: { code: "invalid_api_key", message: "a key is needed" } });
    const receipt = /^\/v1\/receipts\/(\w+)$/.exec(url.pathname);
    if (receipt) {
      const outcome = documents.receipts.kept.find(({ job }) => job === receipt[1])?.outcome ?? "checked";
      // One is of a text, none of whose files is here.
      const file = outcome === "checked" ? path.join(here, "text.receipt") : path.join(goldens, `${outcome}.receipt`);
      return send(response, 200, "application/octet-stream", fs.readFileSync(file));
    }
    const noun = url.pathname.replace("/assay/v1/", "");
    if (noun === "updates") return follow(request, response);
    if (/^jobs\/\w+\/words$/.test(noun)) return write(request, response);
    if (noun === "jobs" && url.searchParams.has("behind")) return json(response, 200, { schema: "assay.jobs/1", jobs: olderJobs, hidden: 0 });
    const [, name, rest] = /^jobs\/(\w+)(\/explanation)?$/.exec(noun) ?? [];
    const job = documents.jobs.jobs.find(({ submission }) => submission === name);
    if (job) return json(response, 200, rest ? explanation(job) : { schema: "assay.job/1", ...job });
    if (documents[noun]) return json(response, 200, documents[noun]);
    return json(response, 404, { error: { code: "NOT_FOUND", message: `there is no ${noun}`, hint: "look elsewhere", retryable: false, details: {} } });
  });
  return new Promise((done) => server.listen(port, "127.0.0.1", () => done(server)));
}

/** An answer that is being written, and never over. */
function write(request, response) {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  const words = "A light-house keeper counts the\nwaves, <b>one</b> by one.".split(/(?<= )/);
  const turn = setInterval(() => {
    const text = words.shift();
    if (text === undefined) clearInterval(turn);
    else response.write(`event: words\ndata: ${JSON.stringify({ text })}\n\n`);
  }, 50);
  request.on("close", () => clearInterval(turn));
}

/** The job that runs becomes one that is delivered, and back. */
function follow(request, response) {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.write("event: ready\ndata: {}\n\n");
  let isDone = false;
  const turn = setInterval(() => {
    const job = documents.jobs.jobs.find(({ model }) => model === "smollm2-135m");
    if (!job) return;
    isDone = !isDone;
    const [state, words] = isDone ? ["delivered", "delivered, check pending"] : ["running", "running"];
    Object.assign(job, { state, words });
    Object.assign(job.attempts[0], { state, words });
    response.write(`event: job\ndata: ${JSON.stringify({ schema: "assay.job/1", ...job })}\n\nevent: changed\ndata: {}\n\n`);
  }, 1_000);
  request.on("close", () => clearInterval(turn));
}

/** Everything that it says, for whoever holds it to its schemas. */
export function all() {
  return [...Object.values(documents), ...jobs.map((job) => ({ schema: "assay.job/1", ...job })), explanation(jobs[0])];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [port] = process.argv.slice(2).filter((word) => /^\d+$/.test(word));
  const at = process.argv.indexOf("--key");
  const server = await serve({ port: Number(port ?? 0), key: at < 0 ? null : process.argv[at + 1], isQuiet: process.argv.includes("--quiet-peer") });
  console.log(`http://127.0.0.1:${server.address().port}/`);
}
