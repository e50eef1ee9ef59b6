// The way to the peer: its documents, and what happens as it happens.
//
// A key, where one is needed, is kept as long as the tab is open, and never stands in an address.

const KEPT = "assay-key";
/** The longest that a peer which is there says nothing: it says every fifteen seconds that it is. */
const QUIET_MS = 60_000;

/** A key is needed, or the one that was given opens nothing; why, where the gateway says more than that. */
export class KeyNeeded extends Error {}

/** The gateway says why it does not. */
export class Refused extends Error {}

/** How often a key was given or let go: what one of them did not open, another may. */
let keys = 0;

export function keysGiven() {
  return keys;
}

export function keep(key) {
  keys += 1;
  if (key) sessionStorage.setItem(KEPT, key);
  else sessionStorage.removeItem(KEPT);
}

export function hasKey() {
  return sessionStorage.getItem(KEPT) !== null;
}

async function get(path, signal) {
  const key = sessionStorage.getItem(KEPT);
  const headers = key ? { authorization: `Bearer ${key}` } : {};
  const response = await fetch(path, { headers, signal, cache: "no-store", redirect: "error", referrerPolicy: "no-referrer" });
  if (response.status !== 401 && response.status !== 403) return response;
  // Another key was given meanwhile.
  if (sessionStorage.getItem(KEPT) !== key) return get(path, signal);
  throw new KeyNeeded(response.status === 403 ? (await response.json().catch(() => null))?.error?.message : "");
}

/** A document of the peer, or why there is none as `error`. */
export async function ask(noun) {
  try {
    const response = await get(`/assay/v1/${noun}`);
    const document = await response.json();
    return response.ok || document.error ? document : { error: { message: `the gateway answers with ${response.status}` } };
  } catch (failure) {
    if (failure instanceof KeyNeeded) throw failure;
    return { error: { message: "the gateway does not answer", hint: "start it with `assay serve`" } };
  }
}

/** The bytes of a receipt that the peer keeps. */
export async function receipt(name) {
  const response = await get(`/v1/receipts/${encodeURIComponent(name)}`);
  if (response.ok) return new Uint8Array(await response.arrayBuffer());
  throw new Error((await response.json()).error?.message ?? `the gateway answers with ${response.status}`);
}

/** The bytes of a file that the peer holds; none where it does not. */
export async function held(digest, signal) {
  const response = await get(`/assay/v1/blobs/${digest}`, signal);
  if (response.status === 404) return null;
  if (response.ok) return new Uint8Array(await response.arrayBuffer());
  throw new Error((await response.json()).error?.message ?? `the gateway answers with ${response.status}`);
}

/** What happens, each as its name and what it says, until the peer or the page goes. */
export async function* events(noun, signal) {
  const response = await get(`/assay/v1/${noun}`, signal);
  if (!response.ok) throw new Refused((await response.json()).error?.message);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const quiet = setTimeout(() => reader.cancel(), QUIET_MS);
    const { value, done } = await reader.read().finally(() => clearTimeout(quiet));
    if (done) return;
    text += value;
    const events = text.split("\n\n");
    text = events.pop();
    for (const event of events) {
      const field = (name) => event.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      if (field("event")) yield { event: field("event"), document: JSON.parse(field("data") ?? "{}") };
    }
  }
}
