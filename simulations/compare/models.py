"""Speeds of SimPy for the same toy models that `assay sim bench` measures in the laboratory, a line of JSON each.

Needs SimPy (`pip install simpy`), which comes from others and is not part of this project. `assay sim bench --simpy python3` runs
this in the same run, and puts each speed beside the one of the same name.
"""

import json
import random
import time

import simpy

PENDING = 10_000
EVENTS = 1_000_000
QUEUED = 100_000
LOAD = 0.9
PEERS = 1_000
KNOWN = 12
MESSAGES = 10
HOP = 0.05


def timed(name, work):
    """Says how many a second there were of what `work` counts."""
    begin = time.perf_counter()
    count = work()
    spent = time.perf_counter() - begin
    print(json.dumps({"name": name, "per_second": count / spent}), flush=True)


def hold():
    """10,000 events are pending, and each that happens lets another happen."""
    luck = random.Random(1)
    lengths = [luck.expovariate(1.0) for _ in range(1 << 16)]
    environment = simpy.Environment()
    happened = 0

    def again(_event):
        nonlocal happened
        happened += 1
        environment.timeout(lengths[happened % len(lengths)]).callbacks.append(again)

    for number in range(PENDING):
        environment.timeout(lengths[number]).callbacks.append(again)
    while happened < EVENTS:
        environment.step()
    return happened


def queue():
    """Jobs come without memory, and wait before one server."""
    luck = random.Random(1)
    environment = simpy.Environment()
    server = simpy.Resource(environment)

    def job():
        with server.request() as request:
            yield request
            yield environment.timeout(luck.expovariate(1.0))

    def arrivals():
        for _ in range(QUEUED):
            yield environment.timeout(luck.expovariate(LOAD))
            environment.process(job())

    environment.process(arrivals())
    environment.run()
    return QUEUED


def flood():
    """Whoever hears of a message for the first time tells everybody it knows."""
    luck = random.Random(1)
    known = [[luck.randrange(PEERS) for _ in range(KNOWN)] for _ in range(PEERS)]
    hops = 0
    for message in range(MESSAGES):
        environment = simpy.Environment()
        heard = [False] * PEERS

        def hop(event):
            nonlocal hops
            hops += 1
            peer = event.value
            if heard[peer]:
                return
            heard[peer] = True
            for other in known[peer]:
                environment.timeout(luck.expovariate(1.0 / HOP), other).callbacks.append(hop)

        environment.timeout(0, message % PEERS).callbacks.append(hop)
        environment.run()
    return hops


timed("events of the kernel, 10,000 pending", hold)
timed("jobs of a queue before one server", queue)
timed("hops of a flood, 1,000 peers", flood)
