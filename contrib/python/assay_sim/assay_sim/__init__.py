"""Strategies for the simulated markets of Assay: one question a line comes in, one answer a line goes out.

A strategy is a class with a method for each decision that it wants to make; everything else is left to the peer's
brain, which is honest. ``run`` reads the questions of ``assay sim`` and answers them. ``sweep`` spreads a sweep over machines.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, TextIO, Tuple

from .sweeps import SweepError, sweep

__all__ = ["Check", "End", "Job", "Order", "Serving", "Strategy", "SweepError", "World", "command", "run", "sweep"]

RUNS = ("honest", "noise", "cheaper", "shorter", "prefilled")
CHECKS = ("honest", "noise", "cheaper", "copy", "sold", "absent")


@dataclass(frozen=True)
class World:
    """The run that begins: its seed, and who the strategy decides for."""

    seed: int
    population: str
    role: str
    peers: Tuple[str, ...]
    coalition: Tuple[str, ...]


@dataclass(frozen=True)
class Order:
    """An order that could be agreed to. The price is in credits."""

    peer: int
    job: str
    client: Optional[str]
    friend: bool
    price: Optional[float]
    work: Optional[str]


@dataclass(frozen=True)
class Job:
    """A job that was begun. The rate is how often such a job is checked, from 0 to 1."""

    peer: int
    job: str
    client: Optional[str]
    friend: bool
    price: float
    rate: float
    work: Optional[str]


@dataclass(frozen=True)
class Check:
    """A job of somebody else that is to be run again; whether a friend sold it."""

    peer: int
    job: str
    work: str
    sold: bool


@dataclass(frozen=True)
class Serving:
    """Somebody may fetch the input or the output of a job."""

    peer: int
    job: str
    to: str
    friend: bool


@dataclass(frozen=True)
class End:
    """A job that is over: how, whether it was paid, and whether it cost stake."""

    peer: int
    job: str
    outcome: str
    paid: bool
    slashed: bool
    friend: bool
    rate: Optional[float]


class Strategy:
    """Decides for the peers of one population; as it stands here, as their brains would."""

    #: Grows from the seed of the run: the same run draws the same luck.
    luck: random.Random = random.Random(0)

    def begin(self, world: World) -> None:
        """The run begins."""

    def accept(self, order: Order) -> Optional[bool]:
        """Whether to agree to an order."""
        return None

    def run(self, job: Job) -> Optional[str]:
        """How to run a job: one of ``RUNS``."""
        return None

    def claim(self, job: Job) -> Optional[bool]:
        """Whether to claim what was made."""
        return None

    def open(self, job: Job) -> Optional[bool]:
        """Whether to open a claim."""
        return None

    def check(self, check: Check) -> Optional[str]:
        """How to check somebody else's job: one of ``CHECKS``."""
        return None

    def reveal(self, job: str) -> Optional[bool]:
        """Whether to reveal the secret of an order of one's own."""
        return None

    def serve(self, serving: Serving) -> Optional[bool]:
        """Whether to let somebody fetch an input or an output."""
        return None

    def dispute(self, job: str) -> Optional[bool]:
        """Whether to dispute a result of an order of one's own."""
        return None

    def ended(self, end: End) -> None:
        """A job is over."""

    def end(self) -> None:
        """The run is over."""


def _world(asked: Mapping[str, Any]) -> World:
    return World(
        seed=asked["seed"],
        population=asked["population"],
        role=asked["role"],
        peers=tuple(asked["peers"]),
        coalition=tuple(asked["coalition"]),
    )


def _order(asked: Mapping[str, Any]) -> Order:
    return Order(
        peer=asked["peer"],
        job=asked["job"],
        client=asked.get("client"),
        friend=asked.get("friend", False),
        price=asked.get("price"),
        work=asked.get("work"),
    )


def _job(asked: Mapping[str, Any]) -> Job:
    return Job(
        peer=asked["peer"],
        job=asked["job"],
        client=asked.get("client"),
        friend=asked.get("friend", False),
        price=asked.get("price", 0.0),
        rate=asked.get("rate", 1.0),
        work=asked.get("work"),
    )


def _end(asked: Mapping[str, Any]) -> End:
    return End(
        peer=asked["peer"],
        job=asked["job"],
        outcome=asked["outcome"],
        paid=asked["paid"],
        slashed=asked["slashed"],
        friend=asked.get("friend", False),
        rate=asked.get("rate"),
    )


def _answer(strategy: Strategy, asked: Mapping[str, Any]) -> Any:
    """What a strategy answers to one question."""
    at = asked["at"]
    if at == "begin":
        strategy.luck = random.Random(asked["seed"])
        return strategy.begin(_world(asked))
    if at == "end":
        return strategy.end()
    decisions: Dict[str, Callable[[], Any]] = {
        "accept": lambda: strategy.accept(_order(asked)),
        "run": lambda: _one_of(RUNS, strategy.run(_job(asked))),
        "claim": lambda: strategy.claim(_job(asked)),
        "open": lambda: strategy.open(_job(asked)),
        "check": lambda: _one_of(
            CHECKS, strategy.check(Check(asked["peer"], asked["job"], asked["work"], asked["sold"]))
        ),
        "reveal": lambda: strategy.reveal(asked["job"]),
        "serve": lambda: strategy.serve(Serving(asked["peer"], asked["job"], asked["to"], asked["friend"])),
        "dispute": lambda: strategy.dispute(asked["job"]),
        "ended": lambda: strategy.ended(_end(asked)),
    }
    # What a later version asks as well is left to the brain.
    return decisions.get(at, lambda: None)()


def _one_of(words: Iterable[str], answer: Optional[str]) -> Optional[str]:
    if answer is not None and answer not in words:
        raise ValueError(f"{answer!r} is none of {', '.join(words)}")
    return answer


def command(scenario: str, *words: str, program: str = "assay") -> List[str]:
    """What is typed to run a scenario that names programs, which have the rights of whoever types it."""
    return [program, "sim", "run", scenario, "--allow-programs", *words]


def run(strategy: Strategy, asks: Optional[TextIO] = None, answers: Optional[TextIO] = None) -> None:
    """Answers every question until there are no more. What the strategy prints goes to standard error.

    Where the script is started at a terminal, with a scenario behind it, that is run instead: it starts the script again, which
    is asked then.
    """
    if asks is None and answers is None and sys.argv[1:] and sys.stdin.isatty():
        sys.exit(subprocess.call(command(*sys.argv[1:])))
    source = sys.stdin if asks is None else asks
    target = sys.stdout if answers is None else answers
    with redirect_stdout(sys.stderr):
        for line in source:
            asked = json.loads(line)
            answer = _answer(strategy, asked)
            target.write(json.dumps({"number": asked["number"], "answer": answer}) + "\n")
            target.flush()
            if asked["at"] == "end":
                return
