// The network as this peer sees it: who is connected, which notaries are heard, and what is offered.

import { ago, count, make, money, name, pairs, part, table, when } from "./build.mjs";
import { history } from "./prices.mjs";

export const changesAlone = true;

export function needs() {
  return ["status", "offers", "price-history"];
}

export function page(known) {
  const status = known.get("status");
  const offers = known.get("offers");
  const built = [
    part("This peer", when(status, self)),
    part("A picture", when(status, (status) => picture(status, offers?.offers ?? []))),
    part("Offers", when(offers, offerList)),
    part("Prices over time", when(known.get("price-history"), history)),
    part("Notaries", when(status, notaries)),
    part("Connected peers", when(status, neighbours)),
  ];
  return { title: "Network", built };
}

function self(status) {
  return pairs([
    ["peer", make("code", { class: "whole" }, status.peer)],
    ["network", `${status.network_name} (${status.network.slice(0, 12)})`],
    ["version", status.version],
    ["up for", ago(status.uptime_ms)],
    ["listens on", status.addresses.length ? status.addresses.join(", ") : "nothing: it asks others, and nobody needs to ask it"],
    ["offers known", String(status.offers_known)],
    ["messages refused", status.malformed + status.forged ? `${status.malformed} malformed, ${status.forged} forged` : null],
  ]);
}

/** This peer in the middle, those that are connected around it, and beyond them who is known by an offer alone. */
function picture(status, offers) {
  const notaries = new Set(status.notaries_heard.map(({ notary }) => notary));
  const sells = new Set(offers.map(({ provider }) => provider));
  const near = status.neighbours.map(({ peer }) => peer);
  const far = [...new Set([...sells, ...notaries])].filter((peer) => peer !== status.peer && !near.includes(peer));
  const [width, height] = [640, 300];
  const at = (list, index, reach) => {
    const turn = (index / list.length) * 2 * Math.PI - Math.PI / 2;
    return [width / 2 + Math.cos(turn) * reach * 1.9, height / 2 + Math.sin(turn) * reach];
  };
  const kind = (peer) => (notaries.has(peer) ? "notary" : sells.has(peer) ? "seller" : "peer");
  const dot = ([x, y], peer, more) => make("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: 8, class: `${kind(peer)} ${more}` },
    make("title", {}, `${peer.slice(0, 12)}: ${KINDS[kind(peer)]}`));
  const lines = near.map((_, index) => {
    const [x, y] = at(near, index, 80);
    return make("line", { x1: width / 2, y1: height / 2, x2: x.toFixed(1), y2: y.toFixed(1), class: "tie" });
  });
  const said = `${count(near.length, "peer")} connected and ${far.length} more known; ${sells.size} of all offer something. The lists below name each.`;
  return [
    make("svg", { class: "picture", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": said },
      lines,
      near.map((peer, index) => dot(at(near, index, 80), peer, "near")),
      far.map((peer, index) => dot(at(far, index, 130), peer, "far")),
      make("circle", { cx: width / 2, cy: height / 2, r: 11, class: "self" }, make("title", {}, "this peer"))),
    make("p", { class: "legend" },
      make("span", { class: "self" }, "this peer"), make("span", { class: "seller" }, "sells"),
      make("span", { class: "notary" }, "notary"), make("span", { class: "peer" }, "other"),
      make("span", { class: "quiet" }, "lines are connections")),
  ];
}

const KINDS = { notary: "keeps books", seller: "offers something", peer: "a peer" };

function offerList({ offers }) {
  if (offers.length === 0) return make("p", { class: "quiet" }, "No offer is known. Providers repeat theirs, so some will be soon.");
  return table("What can be ordered now, cheapest first", ["Model", "Provider", "A unit costs", "A run takes", "Places", "Heard", "Machine"], offers.map((offer) => ({
    key: `${offer.provider}-${offer.manifest}-${offer.class}`,
    cells: [
      offer.pinned ? offer.model : `${offer.model}@${offer.manifest.slice(0, 12)}`,
      make("span", {}, name(offer.provider), offer.convicted ? [" ", make("span", { class: "label bad" }, "convicted lately")] : null),
      money(offer.unit_price),
      make("span", {}, `${offer.run_ms} ms`, offer.warm ? [" ", make("span", { class: "label plain" }, "in memory")] : null),
      String(offer.slots),
      `${ago(offer.age_ms)} ago`,
      offer.machine.trim() || offer.device,
    ],
  })));
}

function notaries({ notaries_heard: heard, is_notary: own, forked }) {
  const rows = heard.map(({ notary, heard_ago_ms: since }) => ({
    key: notary,
    cells: [name(notary), since === null ? "not yet" : `${ago(since)} ago`, forked.includes(notary) ? make("span", { class: "label bad" }, "keeps two journals") : since === null ? null : "fine"],
  }));
  return [
    own ? make("p", {}, "This peer keeps books itself.") : null,
    rows.length ? table("Who keeps the books, and when it was last heard", ["Notary", "Heard", "Word"], rows) : own ? null : make("p", { class: "quiet" }, "The network names no notary."),
  ];
}

function neighbours({ neighbours }) {
  if (neighbours.length === 0) return make("p", { class: "note" }, "Nobody is connected. The network file may name peers that are gone; where it names no address, others are found on the local network alone.");
  return make("ul", { class: "names" }, neighbours.map(({ peer }) => make("li", { "data-key": peer }, name(peer))));
}
