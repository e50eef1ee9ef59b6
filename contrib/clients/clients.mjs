// The package `openai` of JavaScript, unmodified, against a gateway of a network that sells `sums`, and `words` of `embedder.py`.
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

const plain = { model: "sums", prompt: "27+58=", temperature: 0, max_tokens: 8 };
const continued = await client.completions.create(plain);
assert.deepEqual([continued.choices[0].text, continued.choices[0].finish_reason], ["85", "stop"]);
assert.equal(continued.usage.total_tokens, 10);
words = "";
for await (const chunk of await client.completions.create({ ...plain, stream: true })) words += chunk.choices[0]?.text ?? "";
assert.equal(words, "85");
await assert.rejects(client.completions.create({ ...plain, suffix: "!" }), OpenAI.BadRequestError);

// The package asks for letters where nothing is said, and makes numbers of them.
const vectors = { a: [0, 1, 1, 1], "A cat sats.": [2, 3, 3, 3] };
const texts = Object.keys(vectors);
for (const more of [{}, { encoding_format: "float" }, { dimensions: 4 }]) {
  const embedded = await client.embeddings.create({ model: "words", input: texts, ...more });
  assert.deepEqual(embedded.data.map((entry) => entry.index), [0, 1]);
  for (const [index, text] of texts.entries()) {
    const [found, long] = [embedded.data[index].embedding, Math.hypot(...vectors[text])];
    assert.equal(found.length, 4);
    found.forEach((number, place) => assert(Math.abs(number - vectors[text][place] / long) < 1e-6, `${text}: ${found}`));
  }
}
await assert.rejects(client.embeddings.create({ model: "sums", input: "a" }), OpenAI.BadRequestError);

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

// A tool is called, whole and in a stream, and the package's own loop calls what it is given.
const number = { type: "object", properties: { n: { type: "integer", minimum: 0, maximum: 9 } }, required: ["n"] };
const add = { type: "function", function: { name: "add", description: "Adds.", parameters: number } };
const calling = { ...sum, max_tokens: 45, tools: [add], tool_choice: { type: "function", function: { name: "add" } } };
const choice = (await client.chat.completions.create(calling)).choices[0];
assert.deepEqual([choice.finish_reason, choice.message.content, choice.message.tool_calls.length], ["tool_calls", null, 1]);
const called = choice.message.tool_calls[0].function;
assert.equal(called.name, "add");
assert.deepEqual(Object.keys(JSON.parse(called.arguments)), ["n"]);
const streamed = await client.chat.completions.stream(calling).finalMessage();
assert.deepEqual(streamed.tool_calls.map((call) => call.function.arguments), [called.arguments]);
const heard = [];
const tool = { type: "function", function: { ...add.function, parse: JSON.parse, function: ({ n }) => void heard.push(n) } };
await client.chat.completions.runTools({ ...calling, tools: [tool] }).done();
assert.deepEqual(heard, [JSON.parse(called.arguments).n]);
const response_tool = { type: "function", name: "add", parameters: number, strict: false };
const ordered = { ...wanted, max_output_tokens: 45, tools: [response_tool], tool_choice: { type: "function", name: "add" } };
const [made] = (await client.responses.create(ordered)).output;
assert.deepEqual([made.type, made.name, Object.keys(JSON.parse(made.arguments))], ["function_call", "add", ["n"]]);
const [flown] = (await client.responses.stream(ordered).finalResponse()).output;
assert.equal(flown.arguments, made.arguments);
await assert.rejects(client.chat.completions.create({ ...sum, tools: [add] }), OpenAI.BadRequestError);

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

// Nobody is called so: whoever asks this peer alone waits for an offer of its, and has no patience here.
const nobody = { assay: { only: `${"0".repeat(63)}1` } };
const hasty = { timeout: 500 };
for (const ask of [
  () => client.chat.completions.create({ ...sum, ...nobody }, hasty),
  () => client.completions.create({ ...plain, ...nobody }, hasty),
  () => client.embeddings.create({ model: "words", input: "a", ...nobody }, hasty),
  () => client.responses.create({ ...wanted, ...nobody }, hasty),
]) {
  await assert.rejects(ask(), OpenAI.APIConnectionTimeoutError);
}
// All of it is given up.
const counted = async () => (await fetch(`http://${process.argv[2]}/metrics`)).text();
const patience = Date.now() + 60_000;
while (!(await counted()).includes("\nassay_gateway_answers_open 0\n")) {
  assert(Date.now() < patience, "something is still answered");
  await new Promise((wake) => setTimeout(wake, 100));
}
console.log("ok  openai of JavaScript");
