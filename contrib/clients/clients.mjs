// The package `openai` of JavaScript, unmodified, against a gateway of a network that sells `sums`.
//
// Usage: node clients.mjs ADDRESS
import assert from "node:assert/strict";
import OpenAI from "openai";

const client = new OpenAI({ baseURL: `http://${process.argv[2]}/v1`, apiKey: "none", maxRetries: 0 });
const sum = { model: "sums", messages: [{ role: "user", content: "27+58=" }], temperature: 0, max_tokens: 8 };

const models = [];
for await (const model of client.models.list()) models.push(model.id);
assert(models.includes("sums"));

const answer = await client.chat.completions.create(sum);
assert.equal(answer.choices[0].message.content, "85");
assert.equal(answer.usage.total_tokens, 10);

let words = "";
for await (const chunk of await client.chat.completions.create({ ...sum, stream: true })) {
  words += chunk.choices[0]?.delta?.content ?? "";
}
assert.equal(words, "85");

await assert.rejects(client.chat.completions.create({ ...sum, model: "poet" }), OpenAI.NotFoundError);
await assert.rejects(client.chat.completions.create({ ...sum, logprobs: true }), OpenAI.BadRequestError);

const leaving = new AbortController();
const stream = await client.chat.completions.create({ ...sum, stream: true }, { signal: leaving.signal });
leaving.abort();
for await (const _ of stream);
console.log("ok  openai of JavaScript");
