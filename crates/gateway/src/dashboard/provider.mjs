// What this peer sells: what runs, what it earns, how its machine is, and why it gets the jobs that it gets.

import { ago, bytes, count, gauge, make, moment, money, name, pairs, part, plain, prose, table, total, when } from "./build.mjs";

export const changesAlone = true;

/** Days that the chart shows. */
const DAYS = 30;

export function needs() {
  return ["status", "earnings", "devices", "rules", "why"];
}

export function page(known) {
  const status = known.get("status");
  const built = [
    part("Now", when(status, now)),
    part("Why, or why not", when(known.get("why"), findings)),
    part("Prices", when(known.get("why"), prices)),
    part("Earnings", when(known.get("earnings"), earnings)),
    part("What runs", when(status, runs)),
    part("Machine", when(known.get("devices"), devices)),
    part("Rules", when(known.get("rules"), rules)),
  ];
  return { title: "Provider", built };
}

function now(status) {
  const services = status.providing?.benches.flatMap((bench) => bench.services) ?? [];
  const held = status.rules_held.map(({ rule }) => RULES[rule] ?? rule);
  return pairs([
    ["offers", services.length ? services.map(({ model }) => model).join(", ") : make("span", {}, "nothing; ", make("code", {}, "assay provide"), " begins")],
    ["takes jobs", status.paused ? "no: paused" : held.length ? `no: ${held.join(", ")}` : !status.takes_new_jobs ? "no: too little of the disk is free" : services.length ? "yes" : "no"],
    ["paused until", status.paused && (moment(status.paused.until) ?? make("code", {}, "assay resume"))],
    ["checks others’ jobs", status.is_verifier ? "yes" : "no"],
    ["keeps books", status.is_notary ? "yes" : null],
    ["runs now", String(status.running)],
    ["disk", status.takes_new_jobs ? `${bytes(status.disk_free) ?? "?"} free` : `${bytes(status.disk_free) ?? "?"} free, too little for new jobs`],
  ]);
}

const SEVERITIES = { ok: ["good", "fine"], warning: ["warn", "worth knowing"], problem: ["bad", "to mend"] };

/** The most urgent first. */
function findings({ findings }) {
  return make("ul", { class: "findings" }, [...findings].reverse().map(({ about, severity, found, mend }) => {
    const [tone, word] = SEVERITIES[severity] ?? ["plain", severity];
    return make("li", {}, make("span", { class: `label ${tone}` }, word), ` ${about}: `, prose(found),
      mend ? make("span", { class: "quiet" }, " To mend it: ", prose(mend), ".") : null);
  }));
}

function prices({ prices }) {
  if (prices.length === 0) return make("p", { class: "quiet" }, "Nothing is offered here.");
  return table("What is asked here, beside what others ask", ["Model", "A unit costs", "Others", "Cheaper", "The least"], prices.map((price) => ({
    key: `${price.model}-${price.class}`,
    cells: [price.model, money(price.unit_price), String(price.others), String(price.cheaper), money(price.least)],
  })));
}

function earnings({ groups, all, due, receipts_unread: unread }) {
  const waits = total(due.map(({ at_most: most }) => most), all.earned.unit);
  return [
    pairs([
      ["earned in all", money(all.earned)],
      ["jobs paid", `${all.jobs_paid} of ${all.jobs_closed} closed`],
      ["not closed yet", due.length ? `${count(due.length, "job")}, at most ${money(waits)}` : null],
      ["lost of the stake", Number(all.lost.amount) ? money(all.lost) : null],
      ["won in traps", Number(all.won.amount) ? money(all.won) : null],
      ["receipts that cannot be read", unread || null],
    ]),
    groups.length ? chart(groups.slice(-DAYS), all.earned.unit) : make("p", { class: "quiet" }, "No job is closed yet."),
    groups.length ? make("details", {}, make("summary", {}, "The same as a table"),
      table("Earned day by day (days of universal time), latest first", ["Day", "Jobs", "Paid", "Earned", "Lost"], [...groups].reverse().map((day) => ({
        key: day.name,
        cells: [day.name, String(day.jobs_closed), String(day.jobs_paid), money(day.earned), money(day.lost)],
      })))) : null,
  ];
}

/** Bars, a day each, days without jobs among them. */
function chart(groups, unit) {
  const days = everyDay(groups);
  const most = Math.max(...days.map(({ earned }) => earned));
  const [width, height, base] = [640, 180, 150];
  const step = (width - 60) / days.length;
  const bars = days.map(({ day, earned }, at) => {
    const tall = Math.max(earned > 0 ? 2 : 0, (earned / (most || 1)) * (base - 20));
    return make("rect", { x: 50 + at * step + step * 0.1, y: base - tall, width: Math.max(1, Math.min(48, step * 0.8)), height: tall, rx: 2, class: "bar" },
      make("title", {}, `${day}: ${plain(earned)} ${unit}s`));
  });
  const [first, last] = [days[0].day, days.at(-1).day];
  const said = `Earned by day from ${first} to ${last}; the most on one day were ${plain(most)} ${unit}s. The table below has each day.`;
  return make("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": said },
    make("line", { x1: 50, x2: width, y1: base, y2: base, class: "axis" }),
    make("line", { x1: 50, x2: width, y1: 20, y2: 20, class: "grid" }),
    most > 0 ? make("text", { x: 44, y: 24, "text-anchor": "end" }, shortly(most)) : null,
    make("text", { x: 44, y: base + 4, "text-anchor": "end" }, "0"),
    bars,
    make("text", { x: 50, y: height - 8 }, first),
    days.length > 1 ? make("text", { x: width, y: height - 8, "text-anchor": "end" }, last) : null);
}

function shortly(number) {
  return plain(number >= 100 ? Math.round(number) : Number(number.toPrecision(3)));
}

function everyDay(groups) {
  const earned = new Map(groups.map((group) => [group.name, Number(group.earned.amount)]));
  const names = [...earned.keys()].sort();
  const days = [];
  for (let at = Date.parse(names.at(-1)); days.length < DAYS && at >= Date.parse(names[0]); at -= 86_400_000) {
    const day = new Date(at).toISOString().slice(0, 10);
    days.unshift({ day, earned: earned.get(day) ?? 0 });
  }
  return days;
}

const STATES = { running: "running", claimed: "claimed, check pending", closed: "closed", ended: "over" };

function runs({ runs }) {
  if (runs.length === 0) return make("p", { class: "quiet" }, "Nothing runs, and nothing ran of late.");
  return table("What this peer runs and ran of late", ["Job", "Model", "For", "How far", "Outcome"], [...runs].reverse().map((run) => ({
    key: run.job,
    cells: [name(run.job), run.model, run.is_check ? "a check" : "pay", STATES[run.state] ?? run.state, run.outcome?.replaceAll("_", " ")],
  })));
}

function devices({ processor, cards }) {
  const row = (device, at) => {
    const { load_percent: load, memory_used_bytes: used, memory_total_bytes: total } = device;
    const title = device.device || (at === 0 ? "processor" : "card");
    return {
      key: `${at}`,
      cells: [
        title,
        gauge(`load of ${title}`, load, 100, `${load} %`),
        gauge(`memory of ${title}`, used, total, `${bytes(used)} of ${bytes(total)}`) ?? bytes(total),
        device.temperature_celsius === null ? null : `${device.temperature_celsius} °C`,
        device.power_milliwatts ? `${Math.round(device.power_milliwatts / 1000)} W` : null,
        bytes(device.memory_others_bytes),
      ],
    };
  };
  return table("The processor and the graphics cards", ["Device", "Load", "Memory", "Heat", "Power", "By others"], [processor, ...cards].map(row));
}

const RULES = {
  program: "a named program runs",
  in_use: "somebody uses the machine",
  on_battery: "it runs on its battery",
  too_hot: "it is too hot",
  card_in_use: "other programs need the card",
  out_of_hours: "these are not its hours",
  not_looked: "it was not looked at yet",
};

function rules({ rules, reading, rules_held: held }) {
  const holds = new Map(held.map((rule) => [rule.rule, rule]));
  const lines = [
    ["program", rules.programs.length && `not beside ${rules.programs.join(", ")}`, reading.programs_running && (reading.programs_running.join(", ") || "none of them runs")],
    ["in_use", rules.idle_min_ms && `unused for ${ago(rules.idle_min_ms)}`, reading.idle_ms !== null && `used ${ago(reading.idle_ms)} ago`],
    ["on_battery", rules.mains_only && "on mains alone", reading.is_on_battery !== null && (reading.is_on_battery ? "on battery" : "on mains")],
    ["too_hot", rules.temperature_max_celsius && `up to ${rules.temperature_max_celsius} °C`, reading.temperature_celsius !== null && `${reading.temperature_celsius} °C`],
    ["card_in_use", rules.card_others_max_bytes !== null && `up to ${bytes(rules.card_others_max_bytes)} by others`, reading.card_others_bytes !== null && `${bytes(reading.card_others_bytes)} by others`],
    ["out_of_hours", rules.hours.length && rules.hours.join("; "), null],
  ].filter(([rule, limit]) => limit || holds.has(rule));
  if (lines.length === 0) return make("p", { class: "quiet" }, "There are no rules: jobs are taken on at any time.");
  return table("When this machine is its owner’s", ["Rule", "Limit", "Now", "Keeps jobs away"], lines.map(([rule, limit, seen]) => ({
    key: rule,
    cells: [RULES[rule], limit || null, seen || "cannot be told here", holds.has(rule) ? make("span", {}, "since ", moment(holds.get(rule).since) ?? "?") : "no"],
  })));
}
