// Opens every page of the dashboard in a browser: at two widths, light and dark. Data arrives, jobs move without a reload,
// receipts are judged and a changed one turns red, an answer is computed again and one with a changed token shown where it parts,
// nothing is said on the console, nothing is asked elsewhere, nothing is wider than the screen, and axe-core finds no serious
// fault.
//
//   node pages.mjs ADDRESS     a gateway; ASSAY and ASSAY_HOME name the program and its home, CHROMIUM a browser,
//                              SHOTS a folder for pictures
//   node pages.mjs --mock      a peer that is made up
//
// With PICTURES=FOLDER it makes the pictures of docs/gateway.md there, and does nothing else.
//
// Needs playwright-core and axe-core beside it: npm install playwright-core axe-core

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { chromium } from "playwright-core";

const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
const SCREENS = [[1280, 900], [375, 812]];
const PAGES = ["jobs", "provider", "network", "receipts"];
/** The longest that anything is waited for. */
const PATIENCE_MS = 60_000;

const [where] = process.argv.slice(2);
const isMock = where === "--mock";
const KEY = "assay-of-nobody";
const pictures = process.env.PICTURES;
const server = isMock ? await (await import(process.env.MOCK ?? "./mock.mjs")).serve({ isPlain: Boolean(pictures) }) : null;
const base = isMock ? `http://127.0.0.1:${server.address().port}/` : `http://${where}/`;
const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const shots = process.env.SHOTS;
const faults = [];

const assay = (...words) => execFileSync(process.env.ASSAY, ["--home", process.env.ASSAY_HOME, ...words], { stdio: ["ignore", "pipe", "ignore"] }).toString();

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });

/** A page of a tab of its own, which is watched. */
async function open({ width, height, scheme, bypassCSP = false, expects = () => false }) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion: "reduce", bypassCSP });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  page.on("console", (said) => ["error", "warning"].includes(said.type()) && !expects(said.text()) && faults.push(`console: ${said.text()}`));
  page.on("pageerror", (error) => faults.push(`page: ${error.stack}`));
  page.on("request", (request) => request.url().startsWith(base) || faults.push(`elsewhere: ${request.url()}`));
  return page;
}

/** Goes to a page and waits until nothing that it asked is awaited any more. */
async function go(page, name) {
  await page.goto(`${base}#${name}`);
  await page.waitForFunction(() => document.querySelector("main h1") && !document.querySelector("main").textContent.includes("asking…"));
}

async function look(page, name) {
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (wider > 0) faults.push(`${name} is ${wider} pixels wider than the screen`);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  for (const { id, impact, nodes } of violations) {
    if (["serious", "critical"].includes(impact)) faults.push(`${name}: ${impact} ${id}: ${nodes[0].html} ${nodes[0].failureSummary}`);
  }
  if (shots) await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
}

async function everyPage(width, height, scheme) {
  // axe-core is put into the page, which the page itself would not allow.
  const page = await open({ width, height, scheme, bypassCSP: true });
  const name = (what) => `${what}-${scheme}-${width}`;
  for (const each of PAGES) {
    await go(page, each);
    assert.equal(await page.locator("nav a[aria-current]").count(), 1);
    await look(page, name(each));
  }
  await go(page, "jobs");
  await page.locator("tbody th a").last().click();
  await page.locator(".timeline li").first().waitFor();
  await look(page, name("job"));
  await page.locator("text=judge it here").last().click();
  await page.locator(".verdict h2").waitFor();
  assert.equal(await page.locator(".verdict h2").textContent(), "It holds");
  await look(page, name("receipt"));
  await page.context().close();
}

/** A receipt of the home, or of the protocol's own tests. */
async function someReceipt(page) {
  await go(page, "receipts");
  const job = (await page.locator("table a").first().getAttribute("href")).split("/").pop();
  const bytes = await page.evaluate(async (job) => [...new Uint8Array(await (await fetch(`/v1/receipts/${job}`)).arrayBuffer())], job);
  return { job, bytes: Buffer.from(bytes) };
}

async function judges() {
  const page = await open({ width: 1280, height: 900, scheme: "light" });
  const { job, bytes } = await someReceipt(page);
  const choose = async (name, buffer, tone) => {
    await page.setInputFiles("#file", { name, mimeType: "application/octet-stream", buffer });
    await page.locator(`.verdict${tone} h2`, { visible: true }).waitFor();
    await page.waitForFunction((name) => document.querySelector(".verdict").textContent.includes(name), name);
  };
  await choose("whole.receipt", bytes, ":not(.bad)");
  const said = await page.locator(".verdict").textContent();
  if (!isMock) {
    assert.match(said, /those of this home/);
    const shown = JSON.parse(assay("receipt", "show", job, "--json"));
    assert.ok(said.includes(shown.meaning) && said.includes(shown.job) && said.includes(shown.label), said);
    // The same words and sums, key by key, without a page around them.
    const { instance } = await WebAssembly.instantiate(Buffer.from(await (await fetch(`${base}dashboard/judge.wasm`)).arrayBuffer()));
    const { room, judge, said: at, memory } = instance.exports;
    // Room may be made by growing, which leaves another buffer.
    const place = room(bytes.length);
    new Uint8Array(memory.buffer, place, bytes.length).set(bytes);
    const length = judge();
    const { receipt } = JSON.parse(Buffer.from(memory.buffer, at(), length).toString());
    assert.deepEqual(receipt, shown);
  }
  for (const at of [1, bytes.length >> 1, bytes.length - 2]) {
    const changed = Buffer.from(bytes);
    changed[at] ^= 1;
    await choose(`changed-${at}.receipt`, changed, ".bad");
    assert.match(await page.locator(".verdict.bad").textContent(), /Step “[a-z' ]+” fails/);
  }
  if (shots) await page.screenshot({ path: path.join(shots, "changed.png"), fullPage: true });
  await page.context().close();
  return job;
}

/** An output with another token in one of its frames. */
function changed(output, frame) {
  const other = Buffer.from(output);
  let at = 0;
  for (let passed = 0; passed < frame; passed += 1) {
    at += 2 + 4 * other.readUInt16LE(at);
    at += 2 + other.readUInt16LE(at);
  }
  other[at + 2] ^= 1;
  return other;
}

/**
 * The answer of a receipt is computed again out of what this home holds; changed files are told from those of the receipt, and
 * what a provider made up from what is computed.
 */
async function recomputes() {
  // Whether this home has a file is asked for, and may be answered with that it has not.
  const page = await open({ width: 1280, height: 900, scheme: "light", bypassCSP: true, expects: (text) => isMock && /404/.test(text) });
  const part = page.locator("[data-key=part-compute-the-answer-again]");
  const compute = async () => {
    await part.locator("button", { hasText: "Compute it again" }).click();
    await part.locator(".outcome, .note").waitFor();
    return part.textContent();
  };
  await go(page, "receipts");
  const checked = page.locator("tr", { has: page.locator(".label.good") }).locator("a").first();
  const job = (await checked.getAttribute("href")).split("/").pop();
  await checked.click();
  await page.locator(".verdict h2").waitFor();
  if (isMock) {
    assert.match(await compute(), /Missing: model, runner, what was asked\./);
    assert.equal(await part.locator(".missing").count(), 3);
    // What is not answered is stopped.
    await page.route("**/assay/v1/blobs/*", () => {});
    await part.locator("button", { hasText: "Compute it again" }).click();
    await part.locator("button", { hasText: "Stop" }).click();
    await part.locator(".note", { hasText: "It was stopped." }).waitFor();
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await compute();
    await look(page, "missing-light-1280");
    return page.context().close();
  }
  assert.match(await compute(), /It is the same.*answer85.*tokens computed\d+, [\d.]+ a second, by simd128/s);
  await look(page, "recomputed-light-1280");
  const { output } = JSON.parse(assay("job", "show", job, "--json")).attempts.find((attempt) => attempt.job === job);
  const answer = Buffer.from(await (await fetch(`${base}assay/v1/blobs/${output}`)).arrayBuffer());
  const give = (kind, buffer) => page.setInputFiles(`#${kind}-file`, buffer ? { name: `other.${kind}`, mimeType: "application/octet-stream", buffer } : []);
  await give("answer", changed(answer, 1));
  assert.match(await compute(), /It is not the same.*At place 2 the answer has “.” \(token \d+\), where “5” \(token \d+\) is computed.*not the one that the receipt names/s);
  await look(page, "parted-light-1280");
  await give("answer", answer);
  await give("input", Buffer.from("27+58="));
  assert.match(await compute(), /It is the same.*What was asked was taken as it stands in your file/s);
  await give("model", Buffer.from("GGUF and nothing behind it"));
  assert.match(await compute(), /It was not computed: this is not the model of the receipt/);
  if (process.env.LIE) {
    await go(page, `receipts/${process.env.LIE}`);
    await page.waitForFunction((job) => document.querySelector(".verdict")?.textContent.includes(job), process.env.LIE);
    assert.match(await compute(), /It is not the same.*At place \d+ the answer.*its provider claimed what is not computed/s);
    await look(page, "lie-light-1280");
  }
  await page.context().close();
}

/** The module by itself: a shipped model and the shipped runner, and files that are none. */
async function reruns() {
  const { root } = await import(process.env.MOCK ?? "./mock.mjs");
  const page = await open({ width: 1280, height: 900, scheme: "light" });
  await go(page, "receipts");
  const shipped = (file) => fs.readFileSync(path.join(root, file)).toString("base64");
  const texts = { model: shipped("models/sums/sums.gguf"), runner: shipped("runners/generate/generate.wasm") };
  const found = await page.evaluate(async (texts) => {
    const { RunHost, rerun } = await import("/dashboard/rerun.mjs");
    const instance = async () => (await WebAssembly.instantiateStreaming(fetch("/dashboard/recompute.wasm"))).instance;
    const host = new RunHost(await instance());
    const [model, runner] = [texts.model, texts.runner].map((text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
    const words = (text) => new TextEncoder().encode(text);
    const input = new Uint8Array([...new Uint8Array(32), ...words("27+58=")]);
    // The class of the arithmetic: its name behind its length, and its version.
    const named = host.digest(new Uint8Array([10, ...words("arithmetic"), 1]));
    const order = {
      runner: host.digest(runner), model: host.digest(model), params: "{\"temperature\":0}", class: named, policy: "replay",
      meter: { tokens: { read: 1, written: 4 } }, units_max: "1000", seed: "07".repeat(32), input_commit: host.digest(input), claimed: null,
    };
    const frames = [];
    const emit = RunHost.prototype.emit;
    RunHost.prototype.emit = function (tokens, text) {
      frames.push(tokens.length / 4, 0, ...tokens, text.length, 0, ...text);
      return emit.call(this, tokens, text);
    };
    const whole = await rerun(await instance(), order, { model, runner, input }, () => {});
    RunHost.prototype.emit = emit;
    const beside = (files, more) => new Promise((done) => {
      const worker = new Worker("/dashboard/rerun-worker.mjs", { type: "module" });
      worker.onmessage = ({ data }) => {
        if (!data.found && !data.failed) return;
        worker.terminate();
        done(data.failed ?? data.found);
      };
      worker.postMessage({ order: { ...order, ...more }, files: { model, runner, input, ...files } });
    });
    const answer = new Uint8Array(frames);
    const other = answer.slice();
    other[2] ^= 1;
    const noise = words("GGUF".repeat(2_000));
    return {
      whole: whole.text,
      same: (await beside({ answer })).is_same_answer,
      parting: (await beside({ answer: other })).parting,
      shorter: (await beside({ answer: answer.subarray(0, answer.length - 1) })).parting,
      elsewhere: await beside({ model: noise }),
      noModel: await beside({ model: noise }, { model: host.digest(noise) }),
      noRunner: await beside({ runner: noise }, { runner: host.digest(noise) }),
      tooShort: await beside({}, { units_max: "9" }),
    };
  }, texts);
  assert.deepEqual([found.whole, found.same], ["85", true]);
  assert.deepEqual([found.parting.tokens_same, found.parting.computed.text, found.parting.text_same], [0, "8", ""]);
  assert.equal(found.shorter.claimed, null);
  assert.match(found.elsewhere, /^this is not the model of the receipt/);
  assert.match(found.noModel, /^the model cannot be run/);
  assert.match(found.noRunner, /^the runner’s file is/);
  assert.equal(found.tooShort.end, "length");
  await page.context().close();
}

/** What pages are made of, with what no peer of these tests says. */
async function parts() {
  const page = await open({ width: 1280, height: 900, scheme: "light" });
  await go(page, "jobs");
  await page.evaluate(async () => {
    const { make, patch } = await import("/dashboard/build.mjs");
    const list = (keys) => make("ul", {}, keys.map((key) => make("li", { "data-key": key }, make("a", { href: "#jobs" }, key))));
    const shown = make("div", {}, list(["b", "c", "d"]));
    document.body.append(shown);
    const focused = shown.querySelectorAll("a")[1];
    focused.focus();
    for (const keys of [["a", "b", "c", "d"], ["a", "c", "d"], ["c", "c", "e"], ["e", "c"]]) {
      patch(shown, make("div", {}, list(keys)));
      const found = [...shown.querySelectorAll("a")].map((link) => link.textContent);
      if (found.join() !== keys.join()) throw new Error(`${found} where ${keys} was built`);
      if (keys.length > 2 && document.activeElement !== focused) throw new Error(`the focus was lost before ${keys}`);
    }
    shown.remove();
  });
  const texts = await page.evaluate(async () => {
    const { make, moment, result } = await import("/dashboard/build.mjs");
    const chosen = "na\u00efve \u6a21\u578b \u{1f980}\n\u202ereversed\u200b\u{e0041}<b>";
    return [make("p", {}, [chosen]).textContent, result(`\u0915\u200d\u0937\r\n${chosen}`).data, moment("2026-11-28T09:30:00Z").textContent];
  });
  const shown = "\\u{202e}reversed\\u{200b}\\u{e0041}<b>";
  assert.deepEqual(texts.slice(0, 2), [`na\u00efve \u6a21\u578b \u{1f980}\\n${shown}`, `\u0915\u200d\u0937\nna\u00efve \u6a21\u578b \u{1f980}\n${shown}`]);
  assert.match(texts[2], /^[^\\]*2026[^\\]*$/);
  const chart = await page.evaluate(async () => {
    const { page } = await import("/dashboard/provider.mjs");
    const none = { amount: "0.0000", unit: "credit" };
    const sum = { jobs_closed: 1, jobs_paid: 0, earned: none, won: none, lost: none };
    const { built } = page(new Map([["earnings", { groups: [{ name: "2026-11-28", ...sum }], all: sum, due: [], receipts_unread: 0 }]]));
    return built.map((part) => part.outerHTML).join("");
  });
  assert.match(chart, /the most on one day were 0 credits/);
  const little = await page.evaluate(async () => {
    const [{ make, total }, { history }, { page }] = await Promise.all(["build", "prices", "provider"].map((name) => import(`/dashboard/${name}.mjs`)));
    const [credits, time] = [(amount) => ({ amount, unit: "credit" }), "2026-11-28T00:00:00Z"];
    const sum = { jobs_closed: 1, jobs_paid: 1, earned: credits("0.00000012"), won: credits("0.00"), lost: credits("0.00") };
    const due = ["0.00000012", "0.00003"].map((amount) => ({ at_most: credits(amount) }));
    const { built } = page(new Map([["earnings", { groups: [{ name: "2026-11-28", ...sum }], all: sum, due, receipts_unread: 0 }]]));
    const spans = [{ since: time, until: time, lowest: credits("0.0000005"), middle: credits("0.0000007") }];
    const prices = make("div", {}, history({ priced: [{ model: "sums", manifest: "0a".repeat(32), pinned: true, spans }] }));
    return [make("div", {}, built).outerHTML, prices.outerHTML, [[], ["0.1", "0.2"], ["18446744073.709551614", "0.000000001"], ["0.995", "0.005"]].map((all) => total(all.map(credits), "credit").amount)];
  });
  assert.match(little[0], /2 jobs, at most 0\.00003012 credits<[^]*were 0\.00000012 credits/);
  assert.match(little[1], /between 0\.0000005 and 0\.0000007 credits a unit/);
  assert.ok(!/\de-\d/.test(little.slice(0, 2).join()), "little is told as what it is");
  assert.deepEqual(little[2], ["0.00", "0.30", "18446744073.709551615", "1.00"]);
  const drawn = await page.evaluate(async () => {
    const { make } = await import("/dashboard/build.mjs");
    const { history } = await import("/dashboard/prices.mjs");
    const credits = (amount) => ({ amount, unit: "credit" });
    const span = (since, until, amount) => ({ since: `2026-11-28T${since}:00:00Z`, until: `2026-11-28T${until}:00:00Z`, lowest: credits(amount), middle: credits("0.5") });
    const spans = [span("00", "01", "0.1"), span("01", "02", "0.3"), span("03", "04", "0.3")];
    const built = make("div", {}, history({ priced: [{ model: "<b>", manifest: "0a".repeat(32), pinned: false, spans }] }));
    return [built.querySelector(".price.lowest").getAttribute("d"), built.querySelector("svg").getAttribute("aria-label"), built.querySelectorAll("b").length];
  });
  // On from the first to the second hour, and anew behind the one of which nothing is known.
  assert.match(drawn[0], /^M0\.0 124\.0H160\.0V79\.0H320\.0M480\.0 79\.0H640\.0$/);
  assert.match(drawn[1], /between 0\.1 and 0\.5 credits a unit/);
  assert.equal(drawn[2], 0, "a name is a text");
  await page.context().close();
}

/** An address is typed, and sent by others: whatever it says, a page is shown. */
async function addresses() {
  const page = await open({ width: 1280, height: 900, scheme: "light" });
  for (const [address, title] of [["constructor", "Jobs"], ["jobs/%", "Jobs"], ["jobs/..%2f..%2fv1%2fmodels", "Jobs"], ["receipts/%ff", "Receipts"], ["network/a/b", "Network"]]) {
    await go(page, address);
    await page.waitForFunction((title) => document.querySelector("h1").textContent === title, title);
  }
  await page.context().close();
}

/** Jobs that are not among the latest are a page, and as many more as there are. */
async function olderJobs() {
  const page = await open({ width: 375, height: 812, scheme: "light" });
  await go(page, "jobs");
  if (isMock) {
    await page.locator("a.older").click();
    await page.waitForFunction(() => document.querySelector("h1").textContent === "Older jobs" && document.querySelectorAll("tbody tr").length === 3);
    await page.locator("text=The latest jobs").click();
    await page.waitForFunction(() => document.querySelector("h1").textContent === "Jobs" && document.querySelector("a.older"));
  }
  await page.context().close();
}

/** What did not come is asked again, though nobody tells that it can be had now. */
async function recovers() {
  const page = await open({ width: 1280, height: 900, scheme: "light", expects: (text) => /503/.test(text) });
  await page.route("**/assay/v1/updates", () => {});
  await page.route("**/assay/v1/account", (route) => route.fulfill({ status: 503, json: { error: { message: "nobody answers" } } }), { times: 1 });
  await page.goto(`${base}#network`);
  await page.locator("nav a", { hasText: "Jobs" }).click();
  for (const said of ["nobody answers", "held for open jobs"]) await page.locator(`text=${said}`).waitFor();
  await page.context().close();
}

/** Who looks elsewhere holds no connection: a browser has six. */
async function hides() {
  const page = await open({ width: 1280, height: 900, scheme: "light" });
  const turn = (hidden) => page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, value: hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  const updates = (request) => request.url().endsWith("/updates");
  await go(page, "jobs");
  await page.locator("#line[data-tone=good]").waitFor();
  await Promise.all([page.waitForEvent("requestfailed", updates), turn(true)]);
  await Promise.all([page.waitForEvent("request", updates), turn(false)]);
  await page.context().close();
}

/** What is ordered while a page is open shows there, without a reload. */
async function moves() {
  const page = await open({ width: 1280, height: 900, scheme: "dark" });
  await go(page, "jobs");
  await page.locator("#line[data-tone=good]").waitFor();
  if (isMock) {
    const cell = page.locator("tr", { hasText: "smollm2-135m" }).locator("td").nth(1);
    const before = await cell.textContent();
    await page.waitForFunction(([before]) => ![...document.querySelectorAll("tr")].some((row) => row.textContent.includes("smollm2-135m") && row.querySelectorAll("td")[1].textContent === before), [before]);
  } else {
    const known = await page.locator("tbody th a").count();
    const order = spawn(process.env.ASSAY, ["--home", process.env.ASSAY_HOME, "run", "sums", "27+58="], { stdio: "ignore" });
    await page.waitForFunction((known) => document.querySelectorAll("tbody th a").length > known, known);
    await new Promise((done) => order.on("exit", done));
  }
  if (isMock) {
    await page.locator("tr", { hasText: "smollm2-135m" }).locator("a").click();
    await page.waitForFunction(() => document.querySelector(".words")?.textContent.includes("waves, <b>one</b> by one."));
    const isWords = (request) => request.url().endsWith("/words");
    await Promise.all([page.waitForEvent("requestfailed", isWords), page.locator("nav a", { hasText: "Provider" }).click()]);
    await page.waitForFunction(() => !document.querySelector(".words"));
  }
  await page.context().close();
}

/** All of it can be reached and used without a mouse. */
async function keyboard() {
  const page = await open({ width: 1280, height: 900, scheme: "light" });
  await go(page, "network");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  await page.keyboard.press("Enter");
  assert.deepEqual(await page.evaluate(() => [document.activeElement.id, location.hash]), ["content", "#network"]);
  await page.locator(".skip").focus();
  for (let press = 0; press < 4; press += 1) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => location.hash === "#receipts" && document.activeElement.tagName === "H1");
  await page.context().close();
}

/** With keys a page asks for one, and keeps it for this tab, in no address. */
async function keys(job) {
  const made = (...words) => JSON.parse(assay("serve", "key", "new", ...words, "--json")).secret;
  const secret = isMock ? KEY : made("browser");
  const limited = isMock ? `${KEY}-with-a-ceiling` : made("limited", "--daily-max", "5");
  const keyed = isMock ? await (await import(process.env.MOCK ?? "./mock.mjs")).serve({ key: KEY }) : null;
  const page = await open({ width: 375, height: 812, scheme: "light", expects: (text) => /40[134]/.test(text) });
  const address = isMock ? `http://127.0.0.1:${keyed.address().port}/` : base;
  page.removeAllListeners("request");
  await page.goto(`${address}#receipts/${job}`);
  for (const [key, why] of [["assay-0000", "This key is none"], [limited, "This key does not open it"]]) {
    await page.fill("#key", key);
    await page.keyboard.press("Enter");
    await page.locator(`text=${why}`).waitFor();
  }
  await page.fill("#key", secret);
  await page.keyboard.press("Enter");
  await page.locator(".verdict h2").waitFor();
  await page.locator("tbody tr").first().waitFor();
  assert.ok(!page.url().includes(secret));
  assert.equal(await page.evaluate(() => localStorage.length + document.cookie.length), 0);
  await page.context().close();
  keyed?.close();
  if (!isMock) for (const name of ["browser", "limited"]) assay("serve", "key", "rm", name);
}

/** The longest picture of the documentation. */
const PICTURE_BYTES_MAX = 150_000;

/** What the documentation shows. */
async function draw(folder) {
  const page = await open({ width: 1000, height: 640, scheme: "light" });
  const keep = async (name, what) => {
    const bytes = await what.screenshot();
    assert.ok(bytes.length < PICTURE_BYTES_MAX, `${name} has ${bytes.length} bytes`);
    fs.writeFileSync(path.join(folder, `dashboard-${name}.png`), bytes);
  };
  for (const each of ["jobs", "provider"]) {
    await go(page, each);
    await keep(each, page);
  }
  await go(page, "network");
  if (await page.locator(".course").count()) await keep("prices", page.locator("#part-prices-over-time").locator("xpath=.."));
  const { job } = await someReceipt(page);
  await go(page, `receipts/${job}`);
  await page.locator(".verdict h2").waitFor();
  await keep("receipt", page.locator(".verdict"));
  await page.context().close();
}

if (pictures) {
  await draw(pictures);
  await browser.close();
  server?.closeAllConnections();
  server?.close();
  assert.deepEqual(faults, []);
  process.exit(0);
}
for (const [width, height] of SCREENS) {
  for (const scheme of ["light", "dark"]) await everyPage(width, height, scheme);
}
console.log("ok  every page, at two widths, light and dark");
const job = await judges();
console.log("ok  receipts are judged");
await recomputes();
if (isMock) await reruns();
console.log("ok  answers are computed again");
await parts();
await addresses();
await olderJobs();
console.log("ok  parts, and addresses");
await moves();
console.log("ok  jobs move");
await recovers();
await hides();
console.log("ok  tabs that nobody sees, and what did not come");
await keyboard();
console.log("ok  keyboard");
await keys(job);
console.log("ok  keys");
await browser.close();
server?.closeAllConnections();
server?.close();
assert.deepEqual(faults, []);
process.exit(0);
