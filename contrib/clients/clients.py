"""Clients that others made, unmodified, against a gateway: the packages `openai` and `ollama`.

Usage: clients.py ADDRESS, such as 127.0.0.1:11435, of a gateway of a network that sells `sums`, and `words` of `embedder.py`.
"""

import asyncio
import base64
import inspect
import json
import struct
import time
import urllib.error
import urllib.request

import ollama
import openai
import pydantic

# Its trials are among the others by that alone.
import batches  # noqa: F401
from trials import ADDRESS, NOBODY, QUESTION, SUM, TRIED, VECTORS, are_vectors, client, tries

RESPONSE = {"model": "sums", "input": "27+58=", "temperature": 0, "max_output_tokens": 8}


class Sum(pydantic.BaseModel):
    sum: int


class Digit(pydantic.BaseModel):
    n: int = pydantic.Field(ge=0, le=9)


@tries
def models_are_listed():
    assert "sums" in [model.id for model in client().models.list()]
    assert client().models.retrieve("sums").id == "sums"


@tries
def a_conversation_is_answered():
    answer = client().chat.completions.create(**SUM)
    assert answer.choices[0].message.content == "85", answer
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (7, 3), answer.usage


@tries
def where_it_ran_is_said():
    raw = client().chat.completions.with_raw_response.create(**SUM)
    assert len(raw.headers["x-assay-provider"]) == 64
    provenance = raw.parse().model_extra["assay"][0]
    assert provenance["provider"] == raw.headers["x-assay-provider"], provenance


@tries
def it_comes_word_by_word():
    chunks = list(client().chat.completions.create(**SUM, stream=True, stream_options={"include_usage": True}))
    words = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert "".join(words) == "85", words
    assert chunks[-1].usage.total_tokens == 10, chunks[-1]


@tries
def the_helper_for_streams_puts_it_together():
    with client().chat.completions.stream(**SUM) as stream:
        assert stream.get_final_completion().choices[0].message.content == "85"


@tries
def it_comes_where_nobody_waits():
    async def ask():
        own = openai.AsyncOpenAI(base_url=f"http://{ADDRESS}/v1", api_key="none", max_retries=0)
        stream = await own.chat.completions.create(**SUM, stream=True)
        words = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
        both = await asyncio.gather(*[own.chat.completions.create(**SUM) for _ in range(4)])
        return "".join(words), {answer.choices[0].message.content for answer in both}

    assert asyncio.run(ask()) == ("85", {"85"})


@tries
def several_answers_come_at_once():
    answer = client().chat.completions.create(**SUM | {"n": 2, "max_tokens": 1})
    assert [choice.finish_reason for choice in answer.choices] == ["length", "length"], answer


@tries
def a_text_is_continued():
    answer = client().completions.create(model="sums", prompt="27+58=", temperature=0, max_tokens=8)
    assert answer.choices[0].text == "85", answer
    stream = client().completions.create(model="sums", prompt="27+58=", temperature=0, max_tokens=8, stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream if chunk.choices) == "85"


@tries
def texts_become_vectors():
    texts = list(VECTORS)
    # The package asks for letters where nothing is said, and makes numbers of them.
    for more in [{}, {"encoding_format": "float"}, {"encoding_format": "base64"}, {"dimensions": 4}]:
        answer = client().embeddings.create(model="words", input=texts, **more)
        assert [entry.index for entry in answer.data] == [0, 1], answer
        if more.get("encoding_format") == "base64":
            found = [struct.unpack("<4f", base64.b64decode(entry.embedding)) for entry in answer.data]
        else:
            found = [entry.embedding for entry in answer.data]
        are_vectors(found, texts)
        assert len(answer.model_extra["assay"][0]["provider"]) == 64, answer
    are_vectors([client().embeddings.create(model="words", input="a").data[0].embedding], ["a"])

    async def ask():
        own = openai.AsyncOpenAI(base_url=f"http://{ADDRESS}/v1", api_key="none", max_retries=0)
        return await asyncio.gather(*[own.embeddings.create(model="words", input=text) for text in texts])

    are_vectors([answer.data[0].embedding for answer in asyncio.run(ask())], texts)


@tries
def what_embeds_nothing_says_so():
    cases = [
        (openai.BadRequestError, "invalid_value", "model", {"model": "sums"}),
        (openai.NotFoundError, "model_not_found", "model", {"model": "poet"}),
        (openai.BadRequestError, "invalid_value", "input", {"input": []}),
        (openai.BadRequestError, "unsupported_parameter", "dimensions", {"dimensions": 2}),
    ]
    for kind, code, param, more in cases:
        try:
            client().embeddings.create(**{"model": "words", "input": "a"} | more)
        except kind as error:
            assert (error.code, error.param) == (code, param), error
        else:
            raise AssertionError(f"{more} was answered")


@tries
def a_response_is_written():
    answer = client().responses.create(**RESPONSE, instructions="", metadata={"page": "7"}, store=False)
    assert (answer.output_text, answer.status, answer.metadata) == ("85", "completed", {"page": "7"}), answer
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (7, 3), answer.usage
    assert len(answer.model_extra["assay"][0]["provider"]) == 64, answer
    short = client().responses.create(**RESPONSE | {"max_output_tokens": 1})
    assert (short.status, short.incomplete_details.reason) == ("incomplete", "max_output_tokens"), short
    # What came is sent back as it came, with what is said next.
    said = [*QUESTION, *answer.output, {"role": "user", "content": "1+1="}]
    assert client().responses.create(**RESPONSE | {"input": said}).status in ("completed", "incomplete")


@tries
def a_response_comes_word_by_word():
    events = list(client().responses.create(**RESPONSE, stream=True))
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed"), events
    assert [event.sequence_number for event in events] == list(range(len(events))), events
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "85", events
    with client().responses.stream(**RESPONSE) as stream:
        assert stream.get_final_response().output_text == "85"


@tries
def a_response_fits_its_schema():
    longer = RESPONSE | {"max_output_tokens": 40}
    assert isinstance(client().responses.parse(**longer, text_format=Sum).output_parsed.sum, int)
    with client().responses.stream(**longer, text_format=Sum) as stream:
        assert isinstance(stream.get_final_response().output_parsed.sum, int)


@tries
def nothing_is_kept_for_the_next_response():
    cases = [{"store": True}, {"previous_response_id": "resp_1"}, {"conversation": "conv_1"}, {"background": True}]
    for more in cases:
        try:
            client().responses.create(**RESPONSE | more)
        except openai.BadRequestError as error:
            assert (error.code, error.param) == ("unsupported_parameter", next(iter(more))), error
        else:
            raise AssertionError(f"{more} was answered")


@tries
def a_text_ends_before_what_it_is_to_end_before():
    answer = client().chat.completions.create(**SUM, stop=["5"])
    assert answer.choices[0].message.content == "8", answer


@tries
def an_answer_fits_its_schema():
    schema = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"], "additionalProperties": False}
    named = {"name": "sum", "strict": True, "schema": schema}
    own = SUM | {"max_tokens": 40, "response_format": {"type": "json_schema", "json_schema": named}}
    answer = client().chat.completions.create(**own).choices[0]
    assert answer.finish_reason == "stop" and list(json.loads(answer.message.content)) == ["sum"], answer
    try:
        schema["properties"]["sum"]["multipleOf"] = 2
        client().chat.completions.create(**own)
    except openai.BadRequestError as error:
        assert "multipleOf" in str(error), error
    else:
        raise AssertionError("a word that is not held was passed over")


NUMBER = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0, "maximum": 9}}, "required": ["n"]}
ADD = {"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": NUMBER}}
NAMED = {"type": "function", "function": {"name": "add"}}
CALLING = SUM | {"max_tokens": 45, "tools": [ADD], "tool_choice": NAMED}


@tries
def a_tool_is_called():
    choice = client().chat.completions.create(**CALLING).choices[0]
    [call] = choice.message.tool_calls
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None), choice
    assert call.function.name == "add" and list(json.loads(call.function.arguments)) == ["n"], choice
    with client().chat.completions.stream(**CALLING) as stream:
        [streamed] = stream.get_final_completion().choices[0].message.tool_calls
    assert streamed.function.arguments == call.function.arguments, streamed
    # The package itself makes a schema of a type, and reads it in what comes back.
    tool = openai.pydantic_function_tool(Digit, name="add")
    parsed = client().chat.completions.parse(**CALLING | {"tools": [tool], "tool_choice": "required"})
    assert isinstance(parsed.choices[0].message.tool_calls[0].function.parsed_arguments, Digit), parsed


@tries
def a_response_calls_a_tool():
    tool = {"type": "function", "name": "add", "parameters": NUMBER, "strict": False}
    own = RESPONSE | {"max_output_tokens": 45, "tools": [tool], "tool_choice": {"type": "function", "name": "add"}}
    [call] = client().responses.create(**own).output
    assert (call.type, call.name, list(json.loads(call.arguments))) == ("function_call", "add", ["n"]), call
    with client().responses.stream(**own) as stream:
        kinds = [event.type for event in stream]
        [streamed] = stream.get_final_response().output
    assert streamed.arguments == call.arguments and "response.function_call_arguments.delta" in kinds, kinds


@tries
def a_model_that_is_not_told_of_tools_says_so():
    other = {"type": "function", "function": {"name": "now"}}
    for asked in [SUM | {"tools": [ADD]}, CALLING | {"tool_choice": "auto"}, CALLING | {"tools": [ADD, other], "tool_choice": "required"}]:
        try:
            client().chat.completions.create(**asked)
        except openai.BadRequestError as error:
            assert (error.code, error.param) == ("unsupported_parameter", "tools"), error
        else:
            raise AssertionError("tools were passed over")
    assert client().chat.completions.create(**CALLING | {"tool_choice": "none"}).choices[0].message.content == "85"


@tries
def a_check_that_is_paid_for_is_waited_for():
    answer = client().chat.completions.create(**SUM, extra_body={"assay": {"check": "always"}})
    assert answer.choices[0].message.content == "85", answer
    assert answer.model_extra["assay"][0]["label"] == "checked", answer


@tries
def what_the_market_knows_is_asked_beside_it():
    first = client().chat.completions.create(**SUM)
    provider = first.model_extra["assay"][0]["provider"]
    again = client().chat.completions.create(**SUM, extra_body={"assay": {"only": provider, "max_cost": "1"}})
    assert again.model_extra["assay"][0]["provider"] == provider


@tries
def how_likely_tokens_were_is_told():
    asked = SUM | {"logprobs": True, "top_logprobs": 2}
    told = client().chat.completions.create(**asked).choices[0].logprobs.content
    assert [token.token for token in told] == ["8", "5"], told
    assert all(token.logprob <= 0 and len(token.top_logprobs) == 2 for token in told), told
    assert told[0].top_logprobs[0].token == "8" and told[0].bytes == [56], told
    with client().chat.completions.stream(**asked) as stream:
        streamed = stream.get_final_completion().choices[0].logprobs.content
    assert [token.logprob for token in streamed] == [token.logprob for token in told], streamed
    continued = {"model": "sums", "prompt": "27+58=", "temperature": 0, "max_tokens": 8, "logprobs": 2}
    text = client().completions.create(**continued).choices[0].logprobs
    assert (text.tokens, text.text_offset) == (["8", "5"], [0, 1]), text
    assert all(likely[token] <= 0 for token, likely in zip(text.tokens, text.top_logprobs)), text
    included = RESPONSE | {"include": ["message.output_text.logprobs"], "top_logprobs": 2}
    part = client().responses.create(**included).output[0].content[0]
    assert [token.token for token in part.logprobs] == ["8", "5"], part
    with client().responses.stream(**included) as stream:
        last = stream.get_final_response().output[0].content[0]
    assert [token.logprob for token in last.logprobs] == [token.logprob for token in part.logprobs], last


@tries
def what_is_wrong_is_an_error_of_the_right_kind():
    cases = [
        (openai.NotFoundError, "model_not_found", {"model": "poet"}),
        (openai.BadRequestError, "unsupported_parameter", {"store": True}),
        (openai.BadRequestError, "invalid_value", {"temperature": 9}),
        (openai.APIStatusError, "too_expensive", {"extra_body": {"assay": {"max_cost": "0.0001"}}}),
    ]
    for kind, code, more in cases:
        try:
            client().chat.completions.create(**SUM | more)
        except kind as error:
            assert error.code == code, error
        else:
            raise AssertionError(f"{more} was answered")


@tries
def whoever_waits_no_longer_leaves():
    for ask in [
        lambda own: own.chat.completions.create(**SUM, extra_body=NOBODY),
        lambda own: own.responses.create(**RESPONSE, extra_body=NOBODY),
        lambda own: own.embeddings.create(model="words", input="a", extra_body=NOBODY),
    ]:
        try:
            ask(client(timeout=0.5))
        except openai.APITimeoutError:
            pass
        else:
            raise AssertionError("nobody answered")
    for stream in [client().chat.completions.create(**SUM, stream=True), client().responses.create(**RESPONSE, stream=True)]:
        next(iter(stream))
        stream.close()
    # All of it is given up.
    deadline = time.monotonic() + 60
    while True:
        with urllib.request.urlopen(f"http://{ADDRESS}/metrics") as counted:
            if b"\nassay_gateway_answers_open 0\n" in counted.read():
                return
        assert time.monotonic() < deadline, "something is still answered"
        time.sleep(0.1)


@tries
def a_receipt_is_there_in_the_end():
    # What no check falls on is closed after minutes.
    checked = {"assay": {"check": "always"}}
    raw = client().chat.completions.with_raw_response.create(**SUM, extra_body=checked)
    path = raw.headers["x-assay-receipt"]
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://{ADDRESS}{path}") as receipt:
                assert len(receipt.read()) > 1000
                return
        except urllib.error.HTTPError as error:
            assert error.code == 404, error
            time.sleep(1)
    raise AssertionError("there is none")


@tries
def ollamas_client_is_answered():
    own = ollama.Client(host=f"http://{ADDRESS}")
    assert "sums" in [model.model for model in own.list().models]
    assert own.show("sums").capabilities == ["completion"]
    own.ps()
    assert own.pull("sums").status == "success"
    assert [part.status for part in own.pull("sums", stream=True)][-1] == "success"
    options = {"temperature": 0, "num_predict": 8}
    answer = own.chat(model="sums", messages=QUESTION, options=options)
    assert (answer.message.content, answer.done, answer.eval_count) == ("85", True, 3), answer
    schema = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"], "additionalProperties": False}
    fitting = own.chat(model="sums", messages=QUESTION, options={"num_predict": 40}, format=schema)
    assert list(json.loads(fitting.message.content)) == ["sum"], fitting
    stream = own.chat(model="sums", messages=QUESTION, options=options, stream=True)
    assert "".join(part.message.content for part in stream) == "85"
    asked = {"model": "sums", "prompt": "27+58=", "options": options}
    assert own.generate(**asked).response == "85"
    # Only newer ones of the package ask for it.
    if "logprobs" in inspect.signature(own.generate).parameters:
        told = own.generate(**asked, logprobs=True, top_logprobs=2).logprobs
        assert [(token.token, len(token.top_logprobs)) for token in told] == [("8", 2), ("5", 2)], told
    assert own.show("words").capabilities == ["embedding"]
    are_vectors(own.embed(model="words", input=list(VECTORS)).embeddings, VECTORS)
    are_vectors(own.embed(model="words", input="a").embeddings, ["a"])
    for ask in [lambda: own.chat(model="poet", messages=QUESTION), lambda: own.pull("poet"), lambda: own.embed("poet", "a")]:
        try:
            ask()
        except ollama.ResponseError as error:
            assert error.status_code == 404, error
        else:
            raise AssertionError("a model that nobody has was asked")
    try:
        own.chat(model="sums", messages=QUESTION, tools=[ADD], options=options)
    except ollama.ResponseError as error:
        assert error.status_code == 400 and "tools" in str(error), error
    else:
        raise AssertionError("tools were passed over")


# Those of other modules come last.
for trial in sorted(TRIED, key=lambda trial: trial.__module__ != __name__):
    trial()
    print("ok ", trial.__name__.replace("_", " "))
