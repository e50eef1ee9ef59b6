// The work beside a page: an answer is computed again here, while the page stays as it is. Whoever began it ends it.

import { rerun } from "./rerun.mjs";

onmessage = async ({ data: { order, files } }) => {
  try {
    const { instance } = await WebAssembly.instantiateStreaming(fetch("/dashboard/recompute.wasm"));
    postMessage({ found: await rerun(instance, order, files, postMessage) });
  } catch (failure) {
    postMessage({ failed: failure.message || "the module broke off" });
  }
};
