"""Trials of batches, and of what is sent again with its key."""

import json
import time

import openai

from trials import NOBODY, SUM, VECTORS, are_vectors, client, tries


def batch_file(*lines):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    return client().files.create(file=("lines.jsonl", text.encode()), purpose="batch")


def batch_line(name, **more):
    return {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": SUM | more}


def over(batch):
    deadline = time.monotonic() + 600
    while batch.status not in ("completed", "failed", "cancelled", "expired"):
        assert time.monotonic() < deadline, batch
        time.sleep(0.2)
        batch = client().batches.retrieve(batch.id)
    return batch


def begun(file, **more):
    window = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
    return client().batches.create(input_file_id=file.id, **window | more)


@tries
def a_batch_of_a_file_is_answered():
    file = batch_file(*[batch_line(f"line {number}") for number in range(4)])
    assert (file.filename, file.purpose, file.status) == ("lines.jsonl", "batch", "processed"), file
    batch = over(begun(file, metadata={"page": "7"}))
    counts = batch.request_counts
    assert (batch.status, counts.total, counts.completed, counts.failed) == ("completed", 4, 4, 0), batch
    assert (batch.metadata, batch.errors, batch.error_file_id) == ({"page": "7"}, None, None), batch
    answers = [json.loads(line) for line in client().files.content(batch.output_file_id).text.splitlines()]
    assert [answer["custom_id"] for answer in answers] == [f"line {number}" for number in range(4)], answers
    for answer in answers:
        assert answer["response"]["body"]["choices"][0]["message"]["content"] == "85", answer
        openai.types.chat.ChatCompletion.model_validate(answer["response"]["body"])
    assert batch.id in [listed.id for listed in client().batches.list(limit=1)]
    assert batch.output_file_id in [listed.id for listed in client().files.list(purpose="batch_output")]
    assert client().files.retrieve(file.id).bytes == file.bytes
    assert client().files.delete(file.id).deleted
    try:
        client().files.retrieve(file.id)
    except openai.NotFoundError as error:
        assert error.code == "not_found", error
    else:
        raise AssertionError("a file that was deleted is there")


@tries
def a_batch_of_texts_becomes_vectors():
    # What a check falls on is closed soon.
    texts, terms = list(VECTORS), {"model": "words", "assay": {"check": "always"}}
    lines = [{"custom_id": text, "method": "POST", "url": "/v1/embeddings", "body": {"input": text} | terms} for text in texts]
    batch = over(begun(batch_file(*lines), endpoint="/v1/embeddings"))
    answers = [json.loads(line) for line in client().files.content(batch.output_file_id).text.splitlines()]
    assert [answer["custom_id"] for answer in answers] == texts, answers
    are_vectors([answer["response"]["body"]["data"][0]["embedding"] for answer in answers], texts)


@tries
def what_is_no_batch_is_told_by_line():
    batch = over(begun(batch_file(batch_line("a"), batch_line("b", stream=True), batch_line("a"))))
    told = [(error.line, error.code, error.param) for error in batch.errors.data]
    wrong = [(2, "unsupported_parameter", "stream"), (3, "invalid_value", "custom_id")]
    assert (batch.status, told) == ("failed", wrong), batch
    file = batch_file(batch_line("a"))
    for more in [{"endpoint": "/v1/responses"}, {"completion_window": "1h"}]:
        try:
            begun(file, **more)
        except openai.BadRequestError as error:
            assert (error.code, error.param) == ("unsupported_parameter", next(iter(more))), error
        else:
            raise AssertionError(f"{more} was taken")
    try:
        client().files.create(file=b"{}", purpose="fine-tune")
    except openai.BadRequestError as error:
        assert error.param == "purpose", error
    else:
        raise AssertionError("a file for something else was taken")


@tries
def what_is_sent_again_with_its_key_is_the_same():
    own = client()
    keys = [{"Idempotency-Key": f"{what} {time.time_ns()}"} for what in ("answer", "stream", "file", "batch")]
    file = ("lines.jsonl", json.dumps(batch_line("a")).encode())
    lasts = {"anchor": "created_at", "seconds": 3600}
    window = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
    seen = set()
    for _ in range(2):
        answer = own.chat.completions.create(**SUM, extra_headers=keys[0])
        chunks = list(own.chat.completions.create(**SUM, stream=True, extra_headers=keys[1]))
        sent = own.files.create(file=file, purpose="batch", expires_after=lasts, extra_headers=keys[2])
        batch = own.batches.create(input_file_id=sent.id, **window, extra_headers=keys[3])
        words = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert (answer.choices[0].message.content, words) == ("85", "85"), (answer, words)
        assert sent.expires_at == sent.created_at + 3600, sent
        seen.add((answer.id, chunks[0].id, sent.id, batch.id))
    assert len(seen) == 1, seen
    try:
        own.chat.completions.create(**SUM | {"max_tokens": 4}, extra_headers=keys[0])
    except openai.ConflictError as error:
        assert (error.code, error.param) == ("key_in_use", "Idempotency-Key"), error
    else:
        raise AssertionError("a key named two requests")


@tries
def a_batch_is_cancelled():
    waits = batch_line("waits", **NOBODY)
    batch = begun(batch_file(waits))
    batch = client().batches.cancel(batch.id)
    assert batch.status in ("cancelling", "cancelled"), batch
    assert over(batch).status == "cancelled"
