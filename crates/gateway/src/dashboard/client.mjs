// What this home ordered: its jobs, and the story of each.

import { LABELS, count, label, make, moment, money, name, pairs, part, result, table, when } from "./build.mjs";
import { events } from "./daemon.mjs";

export const changesAlone = false;

/** What an address says before the job behind which older ones are listed. */
const BEFORE = "before-";
const olderThan = (name) => (name.startsWith(BEFORE) ? name.slice(BEFORE.length) : null);

export function needs(job) {
  const behind = olderThan(job);
  if (behind) return [`jobs?behind=${behind}`];
  return job ? [`jobs/${job}`, `jobs/${job}/explanation`] : ["jobs", "status", "account"];
}

export function page(known, job, { showSoon }) {
  const behind = olderThan(job);
  if (behind) {
    leave();
    return older(known, behind);
  }
  listen(job, known.get(`jobs/${job}`), showSoon);
  return job ? one(known, job) : all(known);
}

/** The submission whose words are heard, and those that were. */
let ear = null;

/** Hears nobody any more: no job is shown. */
export function leave() {
  ear?.stop.abort();
  ear = null;
}

/** Hears again, from the beginning, what broke off with the way to the peer. */
export function hearAgain() {
  if (ear?.isOver) ear = null;
}

/** Hears what the provider of the job that is shown writes, and no other. */
function listen(job, story, showSoon) {
  if (ear && ear.job !== job) leave();
  if (!job || ear || !story || story.error || story.ended) return;
  const own = (ear = { job, text: "", isOver: false, stop: new AbortController() });
  const hear = async () => {
    for await (const { event, document } of events(`jobs/${job}/words`, own.stop.signal)) {
      if (event === "words") own.text += document.text;
      showSoon();
    }
  };
  // Whoever is not heard is waited for: what is delivered is what counts.
  hear().catch(() => {}).finally(() => (own.isOver = true));
}

function words(job) {
  if (!ear?.text || ear.job !== job) return null;
  return part("What is written",
    make("p", { class: "words" }, result(ear.text)),
    make("p", { class: "quiet" }, "Heard as it is written. What counts is what is delivered: ", make("code", {}, "assay job result"), " prints it."));
}

/** Where the client's money is. */
const MONEY = {
  unspent: "still yours",
  held: "held by the notary",
  returning: "going back to you",
  paid: "paid to the provider",
  returned: "back with you",
};

/** What the runner came to. */
const RUNS = {
  none: "nothing yet",
  whole: "gave a result",
  cut_off: "gave a result, and says that it was cut off",
  broken_off: "was broken off, and gave what was written",
  failed: "failed",
};

/** The word for a result: what its receipt says, or that there is none yet. */
export function labelOf(attempt) {
  if (!attempt) return null;
  return attempt.label ?? (attempt.state === "delivered" ? "pending" : null);
}

function all(known) {
  const built = [
    part("Money", when(known.get("account"), (account) => {
      const status = known.get("status");
      return pairs([
        ["free", money(account.free)],
        ["held for open jobs", money(account.held)],
        ["at stake", money(account.stake)],
        ["orders of today may cost", status?.error ? null : money(status?.spent_today)],
        ["left of today", status?.error ? null : money(status?.left_today)],
      ]);
    })),
    part("Jobs", when(known.get("jobs"), (jobs) => jobList(jobs, "The latest jobs of this home, newest first"))),
    part("What the labels mean", make("dl", { class: "labels" },
      ["checked", "pending", "not drawn", "refunded", "slashed"].map((word) =>
        make("div", {}, make("dt", {}, label(word)), make("dd", {}, LABELS[word][1])))),
    make("p", { class: "quiet" }, make("code", {}, "assay help trust"), " says why a result can be believed, and how far.")),
  ];
  return { title: "Jobs", built };
}

/** The jobs before one of them, as many as the peer lists for a page. */
function older(known, behind) {
  const built = [
    part("Jobs before those", when(known.get(`jobs?behind=${behind}`), (jobs) => jobList(jobs, "Jobs of this home, newest first"))),
    make("p", {}, make("a", { href: "#jobs" }, "The latest jobs")),
  ];
  return { title: "Older jobs", built };
}

function jobList({ jobs, hidden }, caption) {
  if (jobs.length === 0) return make("p", {}, "Nothing was ordered yet. ", make("code", {}, "assay run sums \"27+58=\""), " orders something.");
  const rows = [...jobs].reverse().map((job) => {
    const last = job.attempts.at(-1);
    const cells = [
      make("a", { class: "name", href: `#jobs/${job.submission}` }, job.submission.slice(0, 12)),
      job.model,
      job.words,
      label(labelOf(last)),
      money(last?.price),
      moment(job.since),
    ];
    return { key: job.submission, cells };
  });
  return [
    table(caption, ["Job", "Model", "How far", "Result", "Price", "Since"], rows),
    hidden > 0 ? make("p", {}, make("a", { class: "older", href: `#jobs/${BEFORE}${jobs[0].submission}` }, count(hidden, "older job"))) : null,
  ];
}

function one(known, job) {
  const built = when(known.get(`jobs/${job}`), (story) => [
    make("p", { class: "lead" }, story.model, ": ", story.words),
    pairs([["job", make("code", { class: "whole" }, story.submission)], ["since", moment(story.since)]]),
    words(job),
    story.attempts.map((attempt, at) => attemptPart(attempt, at + 1)),
    part("What happened", timeline(story.timeline)),
    part("Why this provider", when(known.get(`jobs/${job}/explanation`), passedOver)),
    make("p", {}, make("a", { href: "#jobs" }, "All jobs")),
  ]);
  return { title: "A job", built };
}

function attemptPart(attempt, number) {
  const word = labelOf(attempt);
  return part(`Attempt ${number}`,
    make("p", {}, label(word), word ? ` ${LABELS[word]?.[1] ?? ""}` : ""),
    pairs([
      ["how far", attempt.words],
      ["provider", name(attempt.provider)],
      ["the runner", RUNS[attempt.run] ?? attempt.run],
      ["price", money(attempt.price)],
      ["at most, with all fees", money(attempt.total_max)],
      ["the money is", MONEY[attempt.money] ?? attempt.money],
      ["chance of a check", attempt.check_rate?.per_cent],
      ["ordered", moment(attempt.ordered)],
      ["receipt", attempt.receipt && make("a", { href: `#receipts/${attempt.job}` }, "judge it here")],
    ]));
}

function timeline(moments) {
  if (moments.length === 0) return make("p", { class: "quiet" }, "Nothing is remembered since the daemon started.");
  return make("ol", { class: "timeline" },
    moments.map(({ at, words }) => make("li", {}, moment(at), make("span", {}, words))));
}

function passedOver(explanation) {
  const { passed_over: passed, explained } = explanation;
  const grounds = explained.at(-1)?.grounds;
  return [
    grounds ? pairs([
      ["most units paid for", grounds.units_max],
      ["price of a unit", money(grounds.unit_price)],
      ["longest run", `${grounds.run_max_ms} ms`],
    ]) : null,
    passed?.passed.length
      ? table("Offers that were passed over", ["Provider", "Why not"],
        passed.passed.map((offer) => ({ key: offer.provider, cells: [name(offer.provider), offer.words] })))
      : make("p", { class: "quiet" }, "No other offer was passed over, or it is not known any more."),
  ];
}
