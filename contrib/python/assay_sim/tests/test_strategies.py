"""A strategy is asked as the simulator asks, and answers as that reads."""

import importlib.util
import io
import json
import sys
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import assay_sim  # noqa: E402
from assay_sim import Check, End, Job, Order, Serving, Strategy, World, command, run  # noqa: E402

BEGIN = {"at": "begin", "version": 1, "seed": 7, "population": "mine", "role": "founder", "peers": ["aa", "bb"],
         "coalition": ["aa", "bb"]}
ORDER = {"at": "accept", "peer": 0, "job": "0a", "client": "cc", "friend": False, "price": 0.01, "work": "label"}
JOB = {"at": "run", "peer": 1, "job": "0a", "client": "cc", "friend": False, "price": 0.01, "rate": 0.02, "work": "label"}
CHECK = {"at": "check", "peer": 0, "job": "0b", "work": "label", "sold": True}
SERVE = {"at": "serve", "peer": 0, "job": "0b", "to": "dd", "friend": False}
ENDED = {"at": "ended", "peer": 1, "job": "0a", "client": "cc", "friend": False, "price": 0.01, "rate": 0.02,
         "outcome": "slashed", "paid": False, "slashed": True}
OWN = [{"at": at, "peer": 0, "job": "0c"} for at in ("claim", "open", "reveal", "dispute")]
END = {"at": "end"}
ALL = [BEGIN, ORDER, JOB, *OWN, CHECK, SERVE, ENDED, {"at": "something new", "peer": 0, "job": "0a"}, END]


def asked(strategy, questions):
    lines = (json.dumps({"number": number, **question}) + "\n" for number, question in enumerate(questions, 1))
    said = io.StringIO()
    run(strategy, io.StringIO("".join(lines)), said)
    answers = [json.loads(line) for line in said.getvalue().splitlines()]
    assert [answer["number"] for answer in answers] == list(range(1, len(answers) + 1))
    return [answer["answer"] for answer in answers]


def example(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Curious(Strategy):
    def __init__(self):
        self.heard = []

    def begin(self, world):
        self.heard.append(world)

    def accept(self, order):
        self.heard.append(order)
        return False

    def run(self, job):
        self.heard.append(job)
        print("to whoever looks for a fault")
        return "cheaper"

    def check(self, check):
        self.heard.append(check)
        return "absent"

    def serve(self, serving):
        self.heard.append(serving)
        return True

    def ended(self, end):
        self.heard.append(end)


class Strategies(unittest.TestCase):
    def test_what_is_not_written_is_left_to_the_brain(self):
        self.assertEqual(asked(Strategy(), ALL), [None] * len(ALL))

    def test_every_question_comes_with_what_its_peer_knows(self):
        curious, errors = Curious(), io.StringIO()
        sys.stderr, kept = errors, sys.stderr
        try:
            answers = asked(curious, [BEGIN, ORDER, JOB, CHECK, SERVE, ENDED, END])
        finally:
            sys.stderr = kept
        self.assertEqual(answers, [None, False, "cheaper", "absent", True, None, None])
        self.assertEqual(errors.getvalue(), "to whoever looks for a fault\n")
        self.assertEqual(curious.heard, [
            World(7, "mine", "founder", ("aa", "bb"), ("aa", "bb")),
            Order(0, "0a", "cc", False, 0.01, "label"),
            Job(1, "0a", "cc", False, 0.01, 0.02, "label"),
            Check(0, "0b", "label", True),
            Serving(0, "0b", "dd", False),
            End(1, "0a", "slashed", False, True, False, 0.02),
        ])

    def test_nothing_is_answered_after_the_end(self):
        self.assertEqual(asked(Strategy(), [BEGIN, END, ORDER]), [None, None])

    def test_a_word_that_means_nothing_is_told_where_it_was_said(self):
        class Wrong(Strategy):
            def run(self, job):
                return "noises"

        with self.assertRaisesRegex(ValueError, "'noises' is none of honest, noise"):
            asked(Wrong(), [BEGIN, JOB])

    def test_luck_grows_from_the_seed_of_the_run(self):
        class Lucky(Strategy):
            def accept(self, order):
                return self.luck.random() < 0.5

        twenty = [ORDER] * 20
        first = asked(Lucky(), [BEGIN, *twenty])
        self.assertEqual(first, asked(Lucky(), [BEGIN, *twenty]))
        self.assertNotEqual(first, asked(Lucky(), [{**BEGIN, "seed": 8}, *twenty]))
        self.assertTrue(True in first and False in first)


class ByHand(unittest.TestCase):
    def test_a_script_that_is_started_with_a_scenario_runs_it_and_allows_its_programs(self):
        self.assertEqual(command("mine.toml"), ["assay", "sim", "run", "mine.toml", "--allow-programs"])
        terminal = mock.Mock()
        terminal.isatty.return_value = True
        with mock.patch.object(sys, "argv", ["sometimes.py", "mine.toml", "--seeds", "4"]), \
                mock.patch.object(sys, "stdin", terminal), \
                mock.patch.object(assay_sim.subprocess, "call", return_value=3) as called:
            with self.assertRaises(SystemExit) as ended:
                run(Strategy())
        called.assert_called_once_with(["assay", "sim", "run", "mine.toml", "--allow-programs", "--seeds", "4"])
        self.assertEqual(ended.exception.code, 3)

    def test_a_program_with_words_of_its_own_is_asked_as_any_other(self):
        asks = io.StringIO(json.dumps({"number": 1, **END}) + "\n")
        with mock.patch.object(sys, "argv", ["sometimes.py", "0.1"]), mock.patch.object(sys, "stdin", asks), \
                mock.patch.object(sys, "stdout", io.StringIO()) as answers, \
                mock.patch.object(assay_sim.subprocess, "call") as called:
            run(Strategy())
        called.assert_not_called()
        self.assertEqual(json.loads(answers.getvalue()), {"number": 1, "answer": None})


class Examples(unittest.TestCase):
    def test_whoever_waits_for_trust_cheats_until_it_was_caught_twice(self):
        questions = [BEGIN, {**JOB, "rate": 1.0}, JOB, ENDED, JOB, ENDED, JOB]
        found = asked(example("trusted_cheat").TrustedCheat(), questions)
        self.assertEqual(found, [None, "honest", "noise", None, "noise", None, "honest"])

    def test_a_cartel_finds_true_what_its_friends_sold_and_checks_strangers_honestly(self):
        found = asked(example("cartel").Cartel(), [BEGIN, CHECK, {**CHECK, "sold": False}, *[JOB] * 30])
        self.assertEqual(found[1:3], ["sold", "honest"])
        self.assertEqual(set(found[3:]), {"honest", "noise"})

    def test_each_is_short(self):
        for file in (ROOT / "examples").glob("*.py"):
            self.assertLess(len(file.read_text().splitlines()), 40, file.name)


if __name__ == "__main__":
    unittest.main()
