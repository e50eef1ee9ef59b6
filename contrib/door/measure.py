"""What must hold of the door, measured: `contrib/door/check` makes the network and says where it is.

Usage: measure.py ADDRESS FOLDER, with the program, what the engine reads and writes in a second on a processor, and how many
streams there are at a time as variables. FOLDER has the homes of the peers, and `processes` with the name and the number of each
process. What is above its bound, or lost, makes it end with 1.
"""

import asyncio
import collections
import http.client
import json
import os
import pathlib
import re
import resource
import signal
import socket
import statistics
import subprocess
import sys
import time

ADDRESS = sys.argv[1]
FOLDER = pathlib.Path(sys.argv[2])
ASSAY = os.environ["ASSAY"]
HOST, PORT = ADDRESS.rsplit(":", 1)
ENGINE_READ_MS, ENGINE_WRITE_MS = (1e3 / float(speed) for speed in os.environ["ENGINE"].split())
STREAMS = int(os.environ["STREAMS"])
TOKENS = int(os.environ["TOKENS"])
PROCESSES = {name: int(number) for name, number in (line.split() for line in (FOLDER / "processes").open())}
TICK = os.sysconf("SC_CLK_TCK")

PAIRS = 25  # first tokens, each way
LONG = 100  # tokens of an answer whose processor time is counted
ANSWERS = 40  # such answers, four at a time
CLOSING_S = 12  # from the last answer until all of those jobs are closed, by the times of the network
IDLE = 1000  # connections that say nothing
IDLE_KIB = 64  # what one of them may take: a quarter of a gibibyte for all that there may be
LEAVES = 7  # clients that go away
PATIENCE_S = 120
# What is paid, or held until it may be: an undrawn job is open for minutes.
PAID = {"pending", "not drawn", "checked", "grey", "unchecked"}
# The end of an answer, which is never chosen here: an answer is as long as it may be.
ENDLESS = {"372": -100}

rows = []
faults = []


def row(what, measured, most="", holds=True):
    rows.append((what, measured, most + ("" if holds else "  MISSED")))
    print(f"   {what}: {measured}", flush=True)
    if not holds:
        fault(f"{what}: {measured}, and {most} is to be reached")


def fault(what):
    faults.append(what)
    print(f"!! {what}", flush=True)


def asked(question, tokens, **more):
    return {
        "model": "sums", "prompt": question, "max_tokens": tokens, "temperature": 0, "logit_bias": ENDLESS, "stream": True,
        "stream_options": {"include_usage": True}, **more,
    }


def request(body):
    text = json.dumps(body).encode()
    head = f"POST /v1/completions HTTP/1.1\r\nhost: {ADDRESS}\r\nconnection: close\r\n"
    return head.encode() + b"content-length: %d\r\n\r\n" % len(text) + text


def get(path):
    connection = http.client.HTTPConnection(HOST, int(PORT), timeout=PATIENCE_S)
    connection.request("GET", path)
    with connection.getresponse() as answer:
        said = answer.read()
    connection.close()
    return said


def dechunked(rest):
    whole = b""
    while rest:
        length, _, rest = rest.partition(b"\r\n")
        count = int(length, 16)
        whole, rest = whole + rest[:count], rest[count + 2 :]
    return whole


class Stream:
    """What came of a request, read to its end."""

    def __init__(self, said):
        head, _, body = said.partition(b"\r\n\r\n")
        self.status = int(head.split(b" ", 2)[1]) if head else 0
        if b"transfer-encoding: chunked" in head.lower():
            body = dechunked(body)
        self.body = body.decode()
        data = [line[6:] for line in self.body.splitlines() if line.startswith("data: ")]
        self.is_whole = bool(data) and data[-1] == "[DONE]"
        self.events = [json.loads(text) for text in data if text != "[DONE]"]
        choices = [event["choices"][0] for event in self.events if event.get("choices")]
        texts = [choice["text"] for choice in choices if choice.get("text")]
        self.text, self.pieces = "".join(texts), len(texts)
        self.reasons = [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]
        self.usage = next((event["usage"] for event in reversed(self.events) if event.get("usage")), None)
        self.id = self.events[0]["id"] if self.events and "id" in self.events[0] else None

    def wrong(self, right):
        """How it differs from one that is right; nothing if it does not."""
        if self.status != 200:
            return f"{self.status}: {self.body[:300]}"
        if not self.is_whole:
            return f"it broke off: {self.body[-300:]}"
        for name in ("text", "reasons", "usage"):
            if getattr(self, name) != getattr(right, name):
                return f"its {name} is {getattr(self, name)!r}, and not {getattr(right, name)!r}"
        return None


async def stream(body):
    reader, writer = await asyncio.open_connection(HOST, int(PORT), limit=1 << 24)
    writer.write(request(body))
    try:
        return Stream(await asyncio.wait_for(reader.read(), PATIENCE_S))
    finally:
        writer.close()


def one(body):
    return asyncio.run(stream(body))


# Processor time.


def stat(process):
    """The parent of a process, its own processor time and that of its children that are gone; nothing if it is gone itself."""
    try:
        fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return None
    own, gone = (sum(map(int, fields[at : at + 2])) / TICK for at in (11, 13))
    return int(fields[1]), own, gone


def below():
    """All processes below each of ours, by the name of ours."""
    parents = {}
    for entry in os.listdir("/proc"):
        found = stat(entry) if entry.isdigit() else None
        if found:
            parents[int(entry)] = found[0]
    children = collections.defaultdict(list)
    for process, parent in parents.items():
        children[parent].append(process)

    def all_of(process):
        return [child for one in children[process] for child in [one, *all_of(one)]]

    return {name: all_of(process) for name, process in PROCESSES.items()}


def busy():
    """Processor seconds by part: of each of ours, and of what it has started."""
    parts = collections.Counter()
    for name, workers in below().items():
        part = {"you": "client", "nora": "notary", "gateway": "gateway"}.get(name, "providers")
        found = stat(PROCESSES[name])
        if not found:
            fault(f"{name} is gone")
            continue
        parts[part] += found[1]
        # What has ended counts for whoever waited for it, so nothing is lost.
        parts["workers"] += found[2]
        for worker in workers:
            found = stat(worker)
            if found:
                parts["workers"] += found[1] + found[2]
    return parts


def memory_kib(process):
    text = pathlib.Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1])


# What is measured.


def by_gateway(question, provider):
    began = time.perf_counter()
    with socket.create_connection((HOST, int(PORT)), PATIENCE_S) as connection:
        connection.sendall(request(asked(question, 8, assay={"only": provider})))
        said = b""
        while not re.search(rb'"text":"[^"]', said):
            more = connection.recv(65536)
            if not more:
                raise SystemExit(f"nothing was streamed: {said!r}")
            said += more
        first = time.perf_counter() - began
        while connection.recv(65536):
            pass
    return first * 1e3


def by_run(question, provider):
    order = json.dumps({"text": question, "raw": True, "logit_bias": ENDLESS})
    command = [ASSAY, "--home", FOLDER / "you", "run", "sums", order, "--max-tokens", "8", "--temperature", "0"]
    command += ["--provider", provider, "--no-start"]
    with (FOLDER / "run.log").open("wb") as log:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        byte = os.read(process.stdout.fileno(), 1)
        first = time.perf_counter() - began
        process.stdout.read()
        failed = process.wait()
    if failed or not byte:
        raise SystemExit(f"`assay run` failed: {(FOLDER / 'run.log').read_text()}")
    return first * 1e3


def first_tokens(provider):
    ways = [("the gateway", by_gateway, []), ("`assay run`", by_run, [])]
    for number in range(PAIRS + 2):
        for place in (0, 1) if number % 2 else (1, 0):
            name, way, found = ways[place]
            # Another question each time: nobody has read it before.
            taken = way(f"{100 + 2 * number + place}+{10 + number}=", provider)
            if number >= 2:
                found.append(taken)
    medians = [statistics.median(found) for _, _, found in ways]
    for (name, _, found), median in zip(ways, medians):
        low, _, high = statistics.quantiles(found, n=4)
        row(f"first token by {name}", f"{median:.1f} ms (half of {PAIRS} from {low:.1f} to {high:.1f})")
    later = medians[0] - medians[1]
    row("the gateway's comes later by", f"{later:.1f} ms", "15 ms", later <= 15)


async def several(bodies, at_a_time):
    places = asyncio.Semaphore(at_a_time)

    async def placed(body):
        async with places:
            return await stream(body)

    return await asyncio.gather(*map(placed, bodies), return_exceptions=True)


def processor_time():
    right = one(asked("12+34=", LONG))
    if right.wrong(right):
        raise SystemExit(right.wrong(right))
    # Whoever is asked first begins processes that stay, and jobs that are not closed yet are no idleness.
    asyncio.run(several([asked("12+34=", LONG) for _ in range(16)], 4))
    time.sleep(CLOSING_S)
    idle_from, began = busy(), time.monotonic()
    time.sleep(10)
    idle = sum((busy() - idle_from).values()) / (time.monotonic() - began)
    before, began = busy(), time.monotonic()
    answers = asyncio.run(several([asked("12+34=", LONG) for _ in range(ANSWERS)], 4))
    took = time.monotonic() - began
    # A token is written, told, claimed, checked as the lot falls, and closed: all of that is its cost. That the peers go on
    # living until then is not.
    waited = time.monotonic()
    time.sleep(CLOSING_S)
    used, waited = busy(), time.monotonic() - waited
    # Not by `-`, which leaves out what is less than nothing.
    used = {part: seconds - before[part] for part, seconds in used.items()}
    used["idle meanwhile"] = -idle * waited
    for answer in answers:
        why = str(answer) if isinstance(answer, Exception) else answer.wrong(right)
        if why:
            fault(f"an answer whose time is counted: {why}")
    labels = collections.Counter()
    for answer in answers:
        if not isinstance(answer, Exception) and answer.id:
            job = json.loads(get(f"/v1/jobs/{answer.id}"))
            labels.update(attempt["label"] if job["ended"] else "not over" for attempt in job["attempts"])
    tokens = ANSWERS * right.usage["completion_tokens"]
    read = ANSWERS * right.usage["prompt_tokens"]
    total = sum(used.values()) * 1e3 / tokens
    engine = (ENGINE_WRITE_MS * tokens + ENGINE_READ_MS * read) / tokens
    parts = ", ".join(f"{part} {seconds * 1e3 / tokens:.3f}" for part, seconds in sorted(used.items()))
    row("processor time a token, all processes", f"{total:.3f} ms ({parts}), over {tokens} in {took:.1f} s")
    row("of it the engine, called by itself", f"{engine:.3f} ms")
    row("beside the engine", f"{total - engine:.3f} ms", "1 ms", total - engine <= 1)
    # Who is new is checked often, and what a check takes of the engine is not taken off.
    row("what became of those jobs", ", ".join(f"{label} {count}" for label, count in sorted(labels.items())))
    row("all processes while nothing is asked", f"{idle * 1e3:.1f} ms a second")


async def most_open(done):
    """The most answers that were written at a time, and the most processes below the peers."""
    most, workers = 0, 0
    while not done.is_set():
        figures = await asyncio.to_thread(get, "/metrics")
        most = max(most, int(re.search(rb"^assay_gateway_answers_open (\d+)", figures, re.M)[1]))
        workers = max(workers, sum(map(len, (await asyncio.to_thread(below)).values())))
        await asyncio.sleep(0.1)
    return most, workers


async def all_at_once(bodies):
    done = asyncio.Event()
    looking = asyncio.create_task(most_open(done))
    answers = await several(bodies, len(bodies))
    done.set()
    return answers, await looking


def many_streams():
    body = asked("12+34=", TOKENS)
    right = one(body)
    began = time.monotonic()
    answers, (most, workers) = asyncio.run(all_at_once([body] * STREAMS))
    took = time.monotonic() - began
    whole = []
    for answer in answers:
        why = repr(answer) if isinstance(answer, Exception) else answer.wrong(right)
        if why:
            fault(f"a stream is lost: {why}")
        else:
            whole.append(answer)
    times = f"{took:.1f} s, {most} open at a time, {workers} processes below the peers"
    came = f"{len(whole)} of {STREAMS} in {times}"
    row("streams at a time that came whole, with the right usage", came, str(STREAMS), len(whole) == STREAMS)
    if whole:
        pieces = [answer.pieces for answer in whole]
        told = f"{statistics.median(pieces):.0f} by the median, {min(pieces)} at least, for {TOKENS} tokens"
        row("pieces that a stream came in", told)
    paid = 0
    for answer in whole:
        job = json.loads(get(f"/v1/jobs/{answer.id}"))
        count = sum(1 for attempt in job["attempts"] if attempt["label"] in PAID)
        paid += count == 1
        if count != 1:
            fault(f"{answer.id} is paid or held for {count} times")
    row("of them paid, or held for, once", f"{paid}", f"{len(whole)}", paid == len(whole))


def idle_connections():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard == resource.RLIM_INFINITY else min(hard, 16384), hard))
    gateway = PROCESSES["gateway"]
    # Once all of its ways were gone, so that what it needs for those is there.
    one(asked("12+34=", 8))
    get("/healthz")
    before = memory_kib(gateway)
    connections = [socket.create_connection((HOST, int(PORT))) for _ in range(IDLE)]
    time.sleep(1)
    silent = memory_kib(gateway)
    ask = f"GET /healthz HTTP/1.1\r\nhost: {ADDRESS}\r\n\r\n".encode()
    for connection in connections:
        connection.sendall(ask)
    for connection in connections:
        if not connection.recv(65536).startswith(b"HTTP/1.1 200"):
            fault("an idle connection is not answered")
    used = memory_kib(gateway)
    answered = one(asked("12+34=", 8))
    if answered.status != 200 or not answered.is_whole:
        fault(f"beside idle connections nothing is answered: {answered.status}")
    most = f"{IDLE_KIB} KiB"
    each = (silent - before) / IDLE
    row(f"memory of an idle connection, of {IDLE}", f"{each:.1f} KiB", most, each <= IDLE_KIB)
    each = (used - before) / IDLE
    after = f"{each:.1f} KiB; the gateway has {used / 1024:.1f} MiB then"
    row("the same once each has asked something", after, most, each <= IDLE_KIB)
    for connection in connections:
        connection.close()


def leaving(provider, friend):
    """From a client's end until its job is cancelled, while it runs: what runs at the provider is held still meanwhile."""
    # So that there is what holds the model, and can be held.
    one(asked("12+34=", 8, assay={"only": provider}))
    taken = []
    for number in range(LEAVES):
        stopped = below()[friend]
        for process in stopped:
            os.kill(process, signal.SIGSTOP)
        try:
            connection = socket.create_connection((HOST, int(PORT)))
            connection.settimeout(PATIENCE_S)
            connection.sendall(request(asked(f"{number}+9=", LONG, assay={"only": provider})))
            said = b""
            while not re.search(rb"^x-assay-receipt: /v1/receipts/([0-9a-f]+)", said, re.M | re.I):
                more = connection.recv(65536)
                if not more:
                    raise SystemExit(f"nobody works on it: {said!r}")
                said += more
            name = re.search(rb"/v1/receipts/([0-9a-f]+)", said)[1].decode()
            began = time.perf_counter()
            connection.close()
            while not (job := json.loads(get(f"/v1/jobs/{name}")))["cancelled"]:
                if job["ended"] or time.perf_counter() - began > PATIENCE_S:
                    fault(f"{name} is never cancelled, ended: {job['ended']}")
                    break
                time.sleep(0.002)
            taken.append((time.perf_counter() - began) * 1e3)
        finally:
            for process in stopped:
                try:
                    os.kill(process, signal.SIGCONT)
                except ProcessLookupError:
                    pass
    most = max(taken)
    told = f"{statistics.median(taken):.0f} ms by the median of {LEAVES}, {most:.0f} at most"
    row("from a client's leaving until its running job is cancelled", told, "1,000 ms", most <= 1000)


def name_of(friend):
    status = subprocess.run([ASSAY, "--home", FOLDER / friend, "status", "--json"], stdout=subprocess.PIPE, check=True)
    return json.loads(status.stdout)["peer"]


def main():
    provider = name_of("ada")
    socket.setdefaulttimeout(PATIENCE_S)
    # First: what others took and gave back would hide what these take.
    idle_connections()
    first_tokens(provider)
    processor_time()
    many_streams()
    leaving(provider, "ada")
    widths = [max(len(row[at]) for row in rows) for at in range(2)]
    print()
    for what, measured, most in [("what", "measured", "to reach"), *rows]:
        print(f"{what:{widths[0]}}  {measured:{widths[1]}}  {most}")
    if faults:
        sys.exit(f"\n{len(faults)} faults, the first: {faults[0]}")


main()
