"""Events a second of SimPy for what `assay sim bench` asks of the kernel: 10,000 pending, each lets another happen.

Needs SimPy (`pip install simpy`), which comes from others and is not part of this project.
"""

import random
import time

import simpy

PENDING = 10_000
EVENTS = 1_000_000


def main() -> None:
    luck = random.Random(1)
    lengths = [luck.expovariate(1.0) for _ in range(1 << 16)]
    environment = simpy.Environment()
    happened = 0

    def again(_event: simpy.Event) -> None:
        nonlocal happened
        happened += 1
        environment.timeout(lengths[happened % len(lengths)]).callbacks.append(again)

    for number in range(PENDING):
        environment.timeout(lengths[number]).callbacks.append(again)
    begin = time.perf_counter()
    while happened < EVENTS:
        environment.step()
    spent = time.perf_counter() - begin
    print(f"SimPy {simpy.__version__}: {EVENTS / spent:,.0f} events a second")


main()
