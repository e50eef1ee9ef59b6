// What models were offered for, as lines: the lowest price of each hour, and the one in the middle of all offers.

import { count, make, money, moment, plain, table } from "./build.mjs";

/** Models that are drawn at once; of others the lines are behind a word. */
const DRAWN = 6;
const [WIDTH, TOP, BASE, HEIGHT] = [640, 34, 124, 158];

export function history({ priced }) {
  if (priced.length === 0) return make("p", { class: "quiet" }, "Nothing is known yet: this peer looks at offers every ten minutes while it runs.");
  const [first, more] = [priced.slice(0, DRAWN), priced.slice(DRAWN)];
  return [
    make("p", { class: "legend" }, make("span", { class: "lowest" }, "lowest of an hour"), make("span", { class: "middle" }, "in the middle of all offers"),
      make("span", { class: "quiet" }, "gaps are hours in which this peer did not run, or heard of none")),
    first.map(model),
    more.length ? make("details", { "data-key": "more-prices" }, make("summary", {}, count(more.length, "more model")), more.map(model)) : null,
    make("details", { "data-key": "price-table" }, make("summary", {}, "The same as a table"), summary(priced)),
  ];
}

const amounts = (spans, which) => spans.map((span) => Number(span[which].amount));
const called = ({ model, manifest, pinned }) => (pinned ? model : `${model}@${manifest.slice(0, 12)}`);

function model(priced) {
  return make("figure", { class: "course", "data-key": `course-${priced.manifest}` }, make("figcaption", {}, called(priced)), lines(priced));
}

/** Steps, since a price holds until it is another. */
function lines({ model, spans }) {
  const times = spans.map(({ since, until }) => [Date.parse(since), Date.parse(until)]);
  const [begin, end] = [times[0][0], times.at(-1)[1]];
  const all = [...amounts(spans, "lowest"), ...amounts(spans, "middle")];
  const [least, most] = [Math.min(...all), Math.max(...all)];
  const x = (time) => (((time - begin) / Math.max(1, end - begin)) * WIDTH).toFixed(1);
  // One price is a line in the middle.
  const y = (amount) => (most > least ? BASE - ((amount - least) / (most - least)) * (BASE - TOP) : (BASE + TOP) / 2).toFixed(1);
  const path = (which) => amounts(spans, which).map((amount, at) => {
    const goesOn = at > 0 && times[at][0] === times[at - 1][1];
    return `${goesOn ? "V" : `M${x(times[at][0])} `}${y(amount)}H${x(times[at][1])}`;
  }).join("");
  const last = spans.at(-1);
  const day = (text) => text.slice(0, 10);
  const said = `${model}: from ${day(spans[0].since)} to ${day(last.until)} between ${plain(least)} and ${plain(most)} ${last.lowest.unit}s a unit; at last ${last.lowest.amount} at the least and ${last.middle.amount} in the middle.`;
  return make("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": said },
    make("line", { x1: 0, x2: WIDTH, y1: BASE + 4, y2: BASE + 4, class: "axis" }),
    make("line", { x1: 0, x2: WIDTH, y1: TOP - 4, y2: TOP - 4, class: "grid" }),
    make("path", { d: path("middle"), class: "price middle" }),
    make("path", { d: path("lowest"), class: "price lowest" }),
    make("text", { x: 0, y: TOP - 10 }, most > least ? `${plain(least)} to ${plain(most)}` : plain(most)),
    make("text", { x: 0, y: HEIGHT - 6 }, day(spans[0].since)),
    make("text", { x: WIDTH, y: HEIGHT - 6, "text-anchor": "end" }, day(last.until)));
}

function summary(priced) {
  const rows = priced.map((one) => {
    const last = one.spans.at(-1);
    const [least, most] = [Math.min(...amounts(one.spans, "lowest")), Math.max(...amounts(one.spans, "lowest"))];
    const cells = [called(one), money(last.lowest), money(last.middle), `${plain(least)} to ${plain(most)}`, moment(last.until)];
    return { key: one.manifest, cells };
  });
  return table("What a unit of each model cost", ["Model", "Lowest", "In the middle", "Lowest in 30 days", "Until"], rows);
}
