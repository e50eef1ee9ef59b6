"""LangChain and LlamaIndex, each once, against a gateway of a network that sells `sums`.

Usage: frameworks.py ADDRESS.
"""

import sys

import pydantic
from langchain_openai import ChatOpenAI
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike

ADDRESS = sys.argv[1]
BASE = f"http://{ADDRESS}/v1"

chain = ChatOpenAI(model="sums", base_url=BASE, api_key="none", temperature=0, max_tokens=8)
assert chain.invoke("27+58=").content == "85"
assert "".join(chunk.content for chunk in chain.stream("27+58=")) == "85"
responses = ChatOpenAI(model="sums", base_url=BASE, api_key="none", temperature=0, max_tokens=8, use_responses_api=True)
assert responses.invoke("27+58=").text == "85"
assert "".join(chunk.text for chunk in responses.stream("27+58=")) == "85"


class Digit(pydantic.BaseModel):
    n: int = pydantic.Field(ge=0, le=9)


calling = ChatOpenAI(model="sums", base_url=BASE, api_key="none", temperature=0, max_tokens=45)
assert isinstance(calling.with_structured_output(Digit, method="function_calling").invoke("27+58="), Digit)
print("ok  LangChain")

index = OpenAILike(model="sums", api_base=BASE, api_key="none", is_chat_model=True, temperature=0, max_tokens=8)
assert index.chat([ChatMessage(role="user", content="27+58=")]).message.content == "85"
assert "".join(part.delta or "" for part in index.stream_chat([ChatMessage(role="user", content="27+58=")])) == "85"
print("ok  LlamaIndex")
