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

const wanted = { model: "sums", input: "27+58=", temperature: 0, max_output_tokens: 8 };
const response = await client.responses.create(wanted);
assert.equal(response.output_text, "85");
assert.equal(response.usage.total_tokens, 10);
words = "";
for await (const event of await client.responses.create({ ...wanted, stream: true })) {
  if (event.type === "response.output_text.delta") words += event.delta;
}
assert.equal(words, "85");
assert.equal((await client.responses.stream(wanted).finalResponse()).output_text, "85");
const short = await client.responses.stream({ ...wanted, max_output_tokens: 1 }).finalResponse();
assert.equal(short.incomplete_details.reason, "max_output_tokens");
await assert.rejects(client.responses.create({ ...wanted, store: true }), OpenAI.BadRequestError);

// What the package reads in an answer goes back with it.
const schema = { type: "object", properties: { sum: { type: "integer" } }, required: ["sum"], additionalProperties: false };
const named = { name: "sum", strict: true, schema };
const fitting = { ...wanted, max_output_tokens: 40, text: { format: { type: "json_schema", ...named } } };
const parsed = await client.responses.parse(fitting);
assert.equal(typeof parsed.output_parsed.sum, "number");
const turns = [{ role: "user", content: "27+58=" }, ...parsed.output, { role: "user", content: "1+1=" }];
assert.equal((await client.responses.create({ ...wanted, input: turns })).object, "response");
const format = { type: "json_schema", json_schema: named };
const chosen = await client.chat.completions.parse({ ...sum, max_tokens: 40, response_format: format });
const said = [...sum.messages, chosen.choices[0].message, { role: "user", content: "1+1=" }];
assert.equal((await client.chat.completions.create({ ...sum, messages: said })).object, "chat.completion");

await assert.rejects(client.chat.completions.create({ ...sum, model: "poet" }), OpenAI.NotFoundError);
await assert.rejects(client.chat.completions.create({ ...sum, store: true }), OpenAI.BadRequestError);
const likely = await client.chat.completions.create({ ...sum, logprobs: true, top_logprobs: 1 });
assert.deepEqual(likely.choices[0].logprobs.content.map((token) => token.token), ["8", "5"]);

const line = (name) => ({ custom_id: name, method: "POST", url: "/v1/chat/completions", body: sum });
const text = ["first", "second"].map((name) => JSON.stringify(line(name)) + "\n").join("");
const file = await client.files.create({ file: await OpenAI.toFile(Buffer.from(text), "lines.jsonl"), purpose: "batch" });
assert.equal(file.bytes, text.length);
const asked = { input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h" };
let batch = await client.batches.create(asked);
while (!["completed", "failed", "cancelled"].includes(batch.status)) {
  await new Promise((wake) => setTimeout(wake, 200));
  batch = await client.batches.retrieve(batch.id);
}
assert.deepEqual(batch.request_counts, { total: 2, completed: 2, failed: 0 });
const content = await (await client.files.content(batch.output_file_id)).text();
const lines = content.trim().split("\n").map((written) => JSON.parse(written));
assert.deepEqual(lines.map((answer) => answer.custom_id), ["first", "second"]);
assert.equal(lines[0].response.body.choices[0].message.content, "85");
const batches = [];
for await (const listed of client.batches.list({ limit: 1 })) batches.push(listed.id);
assert(batches.includes(batch.id));
assert.equal((await client.files.delete(file.id)).deleted, true);
await assert.rejects(client.files.retrieve(file.id), OpenAI.NotFoundError);
await assert.rejects(client.batches.cancel(batch.id), OpenAI.ConflictError);

const leaving = new AbortController();
const stream = await client.chat.completions.create({ ...sum, stream: true }, { signal: leaving.signal });
leaving.abort();
for await (const _ of stream);
console.log("ok  openai of JavaScript");
