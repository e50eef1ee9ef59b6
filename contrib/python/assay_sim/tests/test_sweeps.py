"""A sweep is the same to the byte, whoever ran which share of it: those of these tests that run one need ASSAY, the program."""

import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from assay_sim import SweepError, sweep  # noqa: E402
from assay_sim.sweeps import _words  # noqa: E402

SCENARIO = "fraud-vs-check-rate"
#: Three times two cells, each a few runs that take milliseconds.
OVER = {"run.horizon": "5..15x5s", "population.forgers.behaviour": ["forger", "honest"]}
#: A scenario in which a program decides, which is named from the folder that all is started in.
MINE = """
extends = "fraud-vs-check-rate"
name = "mine"
question = "What do two gain that do as they are told?"

[run]
horizon = "5 s"

[[population]]
name = "honest"
role = "founder"
count = 6

[[population]]
name = "mine"
role = "founder"
count = 2
behaviour = {{ command = [{python!r}, "cheats/mine.py"], within = "20 s" }}

[[population]]
name = "clients"
role = "client"
count = 3
"""
#: Sells noise in every job.
CHEAT = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    answer = "noise" if asked["at"] == "run" else None
    print(json.dumps({"number": asked["number"], "answer": answer}), flush=True)
"""


def program():
    """The program that ASSAY names, or else a reason to leave a test out."""
    found = shutil.which(os.environ.get("ASSAY", ""))
    if found is None:
        raise unittest.SkipTest("ASSAY names no program of assay")
    return str(Path(found).resolve())


def contents(folder):
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in Path(folder).rglob("*") if file.is_file()}


class Done:
    """A task that was done when it was handed out, or that fails."""

    def __init__(self, value, problem=None):
        self.value, self.problem = value, problem

    def result(self):
        if self.problem:
            raise self.problem
        return self.value

    def cancel(self):
        pass


class Here:
    """Does each task at once, as far as it gets."""

    def __init__(self, most=1000):
        self.most, self.shares, self.kept = most, [], []

    def submit(self, function, *arguments):
        share, kept, *_ = arguments
        if len(self.shares) == self.most:
            return Done(None, OSError("the cluster is gone"))
        self.shares.append(share)
        self.kept.append(sum(name.startswith("cells/") for name in kept))
        return Done(function(*arguments))


class Words(unittest.TestCase):
    def test_values_are_typed_as_they_stand_or_one_by_one(self):
        over = {"network.loss": "0..20x5%", "market.slots": [1, 2], "verification.base": ("2 %", "5 %")}
        typed = ["--over", "network.loss=0..20x5%", "--over", "market.slots=1,2", "--over", "verification.base=2 %,5 %"]
        self.assertEqual(_words(over, None, 1, False), [*typed, "--first-seed", "1"])
        self.assertEqual(
            _words({"run.horizon": "5 s"}, 4, 7, True),
            ["--over", "run.horizon=5 s", "--seeds", "4", "--first-seed", "7", "--allow-programs"],
        )

    def test_a_program_that_is_not_there_is_named(self):
        with self.assertRaisesRegex(SweepError, "no-such-program cannot be started"):
            sweep(SCENARIO, OVER, out="nowhere", program="no-such-program")


class Folders(unittest.TestCase):
    def setUp(self):
        self.program = program()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)

    def sweep(self, out, client=None, **more):
        more = {"seeds": 2, "program": self.program, **more}
        return contents(sweep(more.pop("scenario", SCENARIO), more.pop("over", OVER), client, out=out, **more))


class Shares(Folders):
    def test_shares_that_somebody_else_runs_come_to_what_is_run_here(self):
        here = self.sweep("here")
        self.assertIn("runs.parquet", here)
        for shares, ran in [(None, 6), (4, 4), (100, 6), (1, 1)]:
            client = Here()
            self.assertEqual(self.sweep(f"shares-{shares}", client, shares=shares), here)
            self.assertEqual(client.shares, [f"{number}/{ran}" for number in range(1, ran + 1)])
        self.assertEqual(self.sweep("called", Here(), program=os.path.relpath(self.program)), here)
        self.assertFalse(list(Path().glob("*.parts")))

    def test_a_sweep_that_was_ended_goes_on_where_it_was(self):
        with self.assertRaisesRegex(OSError, "the cluster is gone"):
            self.sweep("out", Here(most=4))
        self.assertFalse(Path("out/manifest.json").exists())
        again = Here()
        whole = self.sweep("out", again)
        self.assertEqual(again.kept, [1, 1, 1, 1, 0, 0])
        self.assertEqual(whole, self.sweep("here"))
        nobody = Here(most=0)
        self.assertEqual(self.sweep("out", nobody), whole)
        self.assertFalse(Path("out.parts").exists())

    def test_what_was_kept_of_another_sweep_is_not_taken(self):
        with self.assertRaises(OSError):
            self.sweep("out", Here(most=4))
        client = Here()
        with self.assertRaisesRegex(SweepError, "out holds another sweep.*seeds"):
            self.sweep("out", client, seeds=3)
        self.assertEqual(client.shares, [])
        shutil.rmtree("out")
        with self.assertRaisesRegex(SweepError, "part holds another sweep.*seeds"):
            self.sweep("out", client, seeds=3)
        self.assertTrue(Path("out.parts/1-of-6/cells/00001.csv").exists())

    def test_what_is_wrong_is_said_before_anything_is_handed_out(self):
        client = Here()
        with self.assertRaisesRegex(SweepError, "the nearest is `run.horizon`\nhint: "):
            self.sweep("out", client, over={"run.horizn": "5 s"})
        with self.assertRaisesRegex(SweepError, "error: .*the nearest is `run.horizon`"):
            self.sweep("out", over={"run.horizn": "5 s"})
        with self.assertRaisesRegex(SweepError, "is not below the folder"):
            self.sweep("out", client, files=["../mine.py"])
        with self.assertRaisesRegex(SweepError, "one share at least"):
            self.sweep("out", client, shares=0)
        self.assertEqual((client.shares, list(Path().iterdir())), ([], []))

    def test_a_program_that_a_scenario_names_goes_along_where_it_is_allowed(self):
        Path("mine.toml").write_text(MINE.format(python=sys.executable))
        Path("cheats").mkdir()
        Path("cheats/mine.py").write_text(CHEAT)
        mine = {"scenario": Path("mine.toml"), "over": {"market.slots": [1, 2]}, "files": ["cheats/mine.py"]}
        with self.assertRaisesRegex(SweepError, "allow-programs"):
            self.sweep("out", Here(), **mine)
        here = self.sweep("here", allow_programs=True, **mine)
        self.assertEqual(self.sweep("out", Here(), allow_programs=True, **mine), here)


class Cluster(Folders):
    def test_a_cluster_of_two_processes_writes_what_one_machine_writes(self):
        try:
            from dask.distributed import Client, LocalCluster
        except ImportError:
            raise unittest.SkipTest("dask is not here (pip install 'dask[distributed]')") from None
        here = self.sweep("here")
        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
            processes = client.run(os.getpid).values()
            self.assertEqual(len({os.getpid(), *processes}), 3)
            self.assertEqual(self.sweep("cells", client), here)
            self.assertEqual(self.sweep("shares", client, shares=4), here)
            with self.assertRaisesRegex(SweepError, "allow-programs|neither a scenario"):
                self.sweep("out", client, scenario="nowhere.toml")


if __name__ == "__main__":
    unittest.main()
