"""What the trials of clients have in common: who is asked, what, and which trials there are."""

import sys

import openai

ADDRESS = sys.argv[1]
QUESTION = [{"role": "user", "content": "27+58="}]
SUM = {"model": "sums", "messages": QUESTION, "temperature": 0, "max_tokens": 8}
# Nobody is called so: whoever asks this peer alone waits for an offer of its.
NOBODY = {"assay": {"only": "0" * 63 + "1"}}
# Of two texts the vectors, before they are made one long.
VECTORS = {"a": (0, 1, 1, 1), "A cat sats.": (2, 3, 3, 3)}
TRIED = []


def tries(function):
    TRIED.append(function)
    return function


def client(**more):
    return openai.OpenAI(base_url=f"http://{ADDRESS}/v1", api_key="none", max_retries=0, **more)


def are_vectors(found, texts):
    for vector, text in zip(found, texts, strict=True):
        length = sum(number**2 for number in VECTORS[text]) ** 0.5
        apart = [abs(one - other / length) for one, other in zip(vector, VECTORS[text], strict=True)]
        assert max(apart) < 1e-6, (text, vector)
