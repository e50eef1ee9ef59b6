// The frame of the pages: which one is shown, what it needs, and when that is asked again.

import { make, part, patch, seen } from "./build.mjs";
import { KeyNeeded, Refused, ask, events, hasKey, keep } from "./daemon.mjs";
import * as client from "./client.mjs";
import * as network from "./network.mjs";
import * as provider from "./provider.mjs";
import * as receipts from "./receipt.mjs";

/** Between two looks at what tells nobody that it changes: loads and temperatures. */
const LOOK_MS = 5_000;
/** How long what was asked is good for, at least: some of it is asked of others, or read out of every receipt. */
const GOOD_MS = { why: 60_000, earnings: 30_000, account: 10_000, receipts: 5_000, offers: 3_000, rules: 2_000, devices: 2_000, "price-history": 300_000 };
const GOOD_MS_ELSE = 1_000;
/** Between a change and the look at it, so that many changes are one look. */
const SETTLE_MS = 400;
/** Until a way to the peer that was lost is tried again, at first and at most. */
const AGAIN_MIN_MS = 1_000;
const AGAIN_MAX_MS = 15_000;

/** Jobs that are listed, as many as the peer lists for a page. */
const JOBS_MAX = 100;

const PAGES = { jobs: client, provider, network, receipts };
/** What a job can be called in an address. */
const NAME = /^[\w-]*$/;
const content = document.getElementById("content");
const line = document.getElementById("line");
const heard = document.getElementById("heard");

/** What is known of the peer, by what it was asked. */
const known = new Map();
/** Why a key is asked for, while one is. */
let asksForKey = null;
let pending = null;
/** When each was asked last. */
const askedAt = new Map();
/** Something changed since, and not all of it was asked again. */
let isStale = false;

function place() {
  const [page, name = ""] = location.hash.slice(1).split("/");
  if (!Object.hasOwn(PAGES, page)) return { page: "jobs", name: "" };
  return { page, name: NAME.test(name) ? name : "" };
}

let isDue = false;

/** Shows the page before the next picture, however often that is wanted until then. */
function showSoon() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    show();
  });
}

/** Shows the page as it is now. */
function show() {
  const { page, name } = place();
  if (page !== "jobs" || asksForKey) client.leave();
  const { title, built } = asksForKey ? keyPage() : PAGES[page].page(known, name, { show, showSoon });
  const whole = make("div", {}, make("h1", { tabindex: -1 }, title), built);
  patch(content, whole);
  document.title = `${title} · Assay`;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${page}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function keyPage() {
  const field = () => content.querySelector("#key");
  const given = (event) => {
    event.preventDefault();
    keep(field().value.trim());
    field().value = "";
    asksForKey = null;
    known.clear();
    askedAt.clear();
    again();
  };
  const words = asksForKey.message ? `This key does not open it: ${asksForKey.message}.` : hasKey() ? "This key is none of the gateway’s." : "This gateway answers nobody without a key.";
  return {
    title: "A key is needed",
    built: part("Your key",
      make("p", { id: "key-why", role: "alert" }, `${words} It is kept until this tab is closed, and sent to this address alone.`),
      make("form", { class: "key", onsubmit: given },
        make("label", { for: "key" }, "Key"),
        make("input", { id: "key", type: "password", autocomplete: "off", required: true, "aria-describedby": "key-why" }),
        make("button", { type: "submit" }, "Use it")),
      make("p", { class: "quiet" }, make("code", {}, "assay serve key new NAME"), " makes one, without a ceiling and without a list of models.")),
  };
}

/** Asks for what the page needs, but for what is good yet, and shows it as it comes. */
async function look() {
  const { page, name } = place();
  const isDue = (noun) => Date.now() - (askedAt.get(noun) ?? 0) >= (GOOD_MS[noun] ?? GOOD_MS_ELSE);
  const needed = PAGES[page].needs(name);
  const due = needed.filter(isDue);
  isStale &&= due.length < needed.length;
  const asked = due.map(async (noun) => {
    askedAt.set(noun, Date.now());
    const document = await ask(noun);
    // What did not come is asked again, though nothing tells that it can be had now.
    if (document.error) isStale = true;
    // What was known is better than that it cannot be had for a moment.
    if (!document.error || !known.has(noun) || known.get(noun).error) known.set(noun, document);
    if (place().page === page && place().name === name) show();
  });
  try {
    await Promise.all(asked);
  } catch (failure) {
    if (!(failure instanceof KeyNeeded)) throw failure;
    asksForKey = failure;
    show();
  }
}

function lookSoon() {
  isStale = true;
  pending ??= setTimeout(() => {
    pending = null;
    look();
  }, SETTLE_MS);
}

/** Takes in how a submission is now. */
function take(job) {
  if (known.has(`jobs/${job.submission}`)) known.set(`jobs/${job.submission}`, job);
  const list = known.get("jobs");
  if (list?.jobs) {
    const at = list.jobs.findIndex(({ submission }) => submission === job.submission);
    const { schema, ...entry } = job;
    const before = at < 0 ? null : list.jobs[at].words;
    if (at < 0) list.jobs.push(entry);
    else list.jobs[at] = entry;
    while (list.jobs.length > JOBS_MAX) {
      list.jobs.shift();
      list.hidden += 1;
    }
    if (before !== job.words) heard.textContent = seen(`${job.model}: ${job.words}`);
  }
  showSoon();
}

/** Says how the peer is heard; twice the same is said once, since whoever listens to a page is told each time. */
function say(word, tone) {
  if (line.textContent === word) return;
  line.textContent = word;
  line.dataset.tone = tone;
}

let following = null;

/**
 * Follows what happens, for as long as somebody sees the page. A browser keeps six connections to one address: with more tabs that
 * hold one each, none would be answered any more.
 */
async function follow() {
  following?.abort();
  if (document.hidden) return;
  const { signal } = (following = new AbortController());
  let wait = AGAIN_MIN_MS;
  while (!signal.aborted) {
    let why = "the gateway is not heard; trying again";
    try {
      for await (const { event, document } of events("updates", signal)) {
        wait = AGAIN_MIN_MS;
        say("live", "good");
        if (event === "job") take(document);
        if (event !== "ready") {
          lookSoon();
          continue;
        }
        client.hearAgain();
        isStale = true;
        look();
      }
    } catch (failure) {
      if (signal.aborted) return;
      if (failure instanceof KeyNeeded) {
        asksForKey = failure;
        say("a key is needed", "warn");
        show();
        return;
      }
      if (failure instanceof Refused) why = failure.message;
    }
    if (signal.aborted) return;
    say(why, "warn");
    look();
    await new Promise((done) => setTimeout(done, wait));
    wait = Math.min(wait * 2, AGAIN_MAX_MS);
  }
}

function again() {
  show();
  follow();
}

window.addEventListener("hashchange", () => {
  show();
  look();
  window.scrollTo(0, 0);
  content.querySelector("h1")?.focus();
});
// An address says which page is shown: the way past the menu is none.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  content.focus();
});
setInterval(() => {
  if (!document.hidden && !asksForKey && (isStale || PAGES[place().page].changesAlone)) look();
}, LOOK_MS);
// A file that misses its place is not opened instead of the page.
for (const act of ["dragover", "drop"]) window.addEventListener(act, (event) => event.preventDefault());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    following?.abort();
    client.leave();
  } else if (!asksForKey) {
    again();
  }
});
again();
