// Elements, and quantities as people read them.
//
// Text is always put in as text: nothing that a peer wrote becomes an element, hides, or turns the direction of writing.

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = new Set(["svg", "g", "rect", "circle", "line", "path", "text", "title", "desc"]);

/** What turns the direction of writing, breaks a line or is not seen, as commands know it; but for spaces of dates. */
const UNSEEN = /[\p{Cc}\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202e\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu;
/** What of that stays in a result: its lines, and what some scripts are written with. */
const OF_RESULTS = /[\n\t\u1680\u2000-\u200a\u200c\u200d\u205f\u3000\ufe00-\ufe0f]/u;
const LINES = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

const escaped = (letter) => LINES[letter] ?? `\\u{${letter.codePointAt(0).toString(16)}}`;

/** A line that others may have chosen, as `assay` shows it in a terminal. */
export function seen(text) {
  return text.replace(UNSEEN, escaped);
}

/** A result of many lines. */
export function result(text) {
  return document.createTextNode(text.replaceAll("\r\n", "\n").replace(UNSEEN, (letter) => (OF_RESULTS.test(letter) ? letter : escaped(letter))));
}

/** An element with its attributes and what is in it. Whatever is null or false is left out. */
export function make(tag, attributes = {}, ...children) {
  const element = DRAWN.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  const there = children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
  element.append(...there.map((child) => (typeof child === "string" ? seen(child) : child)));
  return element;
}

/** Makes what is shown like what was built, and keeps each element that is the same: so focus, and what was opened, stay. */
export function patch(shown, built) {
  const keyed = (parent) => new Map([...parent.children].filter((child) => keyOf(child) !== null).map((child) => [keyOf(child), child]));
  const [olds, news] = [keyed(shown), keyed(built)];
  let old = shown.firstChild;
  for (const next of [...built.childNodes]) {
    while (old && keyOf(old) !== null && !news.has(keyOf(old))) old = dropped(old);
    const same = keyOf(next) === null ? old : olds.get(keyOf(next));
    // Where two have one key, each is one of its own.
    olds.delete(keyOf(next));
    if (same && same !== old) shown.insertBefore(same, old);
    if (same && isSame(same, next)) {
      old = same.nextSibling;
      liken(same, next);
    } else if (same && keyOf(same) === keyOf(next)) {
      old = same.nextSibling;
      same.replaceWith(next);
    } else {
      shown.insertBefore(next, old);
    }
  }
  while (old) old = dropped(old);
}

/** Takes a node away, and gives the one behind it. */
function dropped(node) {
  const behind = node.nextSibling;
  node.remove();
  return behind;
}

/** Makes an element or a text like another of its kind. */
function liken(old, next) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== next.data) old.data = next.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!next.hasAttribute(name) && !(name === "open" && old.tagName === "DETAILS")) old.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const act of ["onclick", "onchange", "onsubmit", "oninput", "ondragover", "ondragleave", "ondrop"]) old[act] = next[act];
  patch(old, next);
}

/** What tells a child from its neighbours, if anything does. */
function keyOf(node) {
  return node?.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null;
}

function isSame(old, next) {
  if (old.nodeType !== next.nodeType) return false;
  if (old.nodeType !== Node.ELEMENT_NODE) return true;
  return old.tagName === next.tagName && keyOf(old) === keyOf(next);
}

/** A table with its caption. On a narrow screen each row is read as a card, so each cell knows its head. */
export function table(caption, heads, rows) {
  const cell = (content, at) =>
    make(at === 0 ? "th" : "td", { role: at === 0 ? "rowheader" : "cell", scope: at === 0 ? "row" : null, "data-head": heads[at] },
      content ?? "–");
  return make("table", { role: "table" },
    make("caption", {}, caption),
    make("thead", { role: "rowgroup" },
      make("tr", { role: "row" }, heads.map((head) => make("th", { role: "columnheader", scope: "col" }, head)))),
    make("tbody", { role: "rowgroup" },
      rows.map(({ key, cells }) => make("tr", { role: "row", "data-key": key }, cells.map(cell)))));
}

/** Pairs of what and how. */
export function pairs(list) {
  const known = list.filter(([, how]) => how !== null && how !== undefined);
  return make("dl", { class: "pairs" }, known.map(([what, how]) => make("div", {}, make("dt", {}, what), make("dd", {}, how))));
}

/** A part of a page. */
export function part(name, ...children) {
  const id = `part-${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}`;
  return make("section", { class: "part", "aria-labelledby": id, "data-key": id }, make("h2", { id }, name), ...children);
}

/** Something that was asked and did not come, or what is done with it once it is here. */
export function when(document, build) {
  if (document === undefined) return make("p", { class: "quiet" }, "asking…");
  if (document.error) {
    const { message, hint } = document.error;
    return make("p", { class: "note" }, prose(message), hint ? make("span", { class: "quiet" }, " ", prose(hint)) : null);
  }
  return build(document);
}

/** A line for people, in which commands stand between backticks. */
export function prose(line) {
  return line.split("`").map((words, at) => (at % 2 ? make("code", {}, words) : words));
}

/** A name of 64 digits, of which people read the first; all of it is there for whoever copies it. */
export function name(whole) {
  return whole ? make("code", { class: "name", title: whole }, whole.slice(0, 12)) : null;
}

export function money(sum) {
  if (!sum) return null;
  return `${sum.amount} ${Number(sum.amount) === 1 ? sum.unit : `${sum.unit}s`}`;
}

/** Digits behind the point of an amount, at most. */
const PLACES = 9;

/** A number as people read it, however small it is: a token may cost less than a millionth. */
export function plain(number) {
  return number.toLocaleString("en-US", { useGrouping: false, maximumFractionDigits: PLACES });
}

/** What sums are together, to the last of their digits: what is added as numbers is rounded. */
export function total(sums, unit) {
  const parts = sums.reduce((all, { amount }) => {
    const [whole, part = ""] = amount.split(".");
    return all + BigInt(whole + part.padEnd(PLACES, "0"));
  }, 0n);
  const digits = String(parts).padStart(PLACES + 1, "0");
  const part = digits.slice(-PLACES).replace(/0{1,7}$/, "");
  return { amount: `${digits.slice(0, -PLACES)}.${part}`, unit };
}

export function moment(text) {
  if (!text || text === "never") return null;
  const at = new Date(text);
  const shown = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
  return make("time", { datetime: text, title: text }, document.createTextNode(shown));
}

/** A length of time in its largest unit. */
export function ago(ms) {
  if (ms === null || ms === undefined) return null;
  if (ms < 1_000) return "less than a second";
  const units = [[86_400_000, "day"], [3_600_000, "hour"], [60_000, "minute"], [1_000, "second"]];
  const [size, unit] = units.find(([size]) => ms >= size) ?? [1_000, "second"];
  const count = Math.floor(ms / size);
  return `${count} ${count === 1 ? unit : `${unit}s`}`;
}

export function bytes(count) {
  if (count === null || count === undefined) return null;
  const gibibytes = count / 2 ** 30;
  return gibibytes >= 1 ? `${gibibytes.toFixed(1)} GiB` : `${Math.round(count / 2 ** 20)} MiB`;
}

export function count(number, thing) {
  return `${number} ${number === 1 ? thing : `${thing}s`}`;
}

/** What the label of a result is worth, in plain words. */
export const LABELS = {
  checked: ["good", "Run again by a peer that chance drew, and found to be the same."],
  "not drawn": ["plain", "Chance did not draw it, so nobody looked. That is no proof; it was a bet that a liar would have lost with the chance that is stated."],
  grey: ["plain", "Run again, with a result too near to reject and too far to confirm."],
  unchecked: ["plain", "Drawn to be checked, but nobody could; the provider’s stake covered it."],
  pending: ["wait", "The result is here. Chance has yet to decide whether it is checked."],
  refunded: ["warn", "The client has its money back. Do not rely on a result, if there was one."],
  slashed: ["bad", "Its provider was convicted and lost of its stake; the client has its money back. Do not use the result."],
  void: ["warn", "Nothing could be found out. The client has its money back."],
  unreached: ["warn", "Too many who were to check it were given no input. The client has its money back."],
};

/** A label as it is shown everywhere: a word in a frame, whose colour says the same. */
export function label(word) {
  if (!word) return null;
  const [tone] = LABELS[word] ?? ["plain"];
  return make("span", { class: `label ${tone}` }, word);
}

/** How far something goes, with its figure beside it. */
export function gauge(what, value, most, shown) {
  if (value === null || value === undefined || !most) return null;
  return make("span", { class: "gauge" },
    make("meter", { min: 0, max: most, value, high: most * 0.9, "aria-label": what }), make("span", {}, shown));
}
