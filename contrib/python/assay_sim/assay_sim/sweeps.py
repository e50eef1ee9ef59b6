"""Sweeps over many machines: the cells of a grid in shares, each a task of whoever hands tasks out.

The work is ``assay sim sweep --cells K/N`` and ``assay sim merge``: what comes of a sweep is the same to the byte, whoever ran
which share of it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path, PurePath
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Protocol, Sequence, Union

__all__ = ["Client", "Future", "SweepError", "Values", "sweep"]

#: The values of one key: as on the command line, such as ``"0..20x5%"`` or ``"1,2,4"``, or one by one.
Values = Union[str, Iterable[object]]

PLAN = "sweep.toml"
SCENARIO = "scenario.resolved.toml"
#: Grids are smaller than this, so the last of so many shares has no cell: the plan is made, and nothing is run.
NO_CELLS = "1000000/1000000"
#: Each share reads the whole grid, so of a large one many cells go together.
SHARES_MAX = 500


class SweepError(RuntimeError):
    """The program refused something, here or where a share was run, or it is not there."""


class Future(Protocol):
    """What will come of a task."""

    def result(self) -> Any:
        """What came of it, once it is over."""

    def cancel(self) -> Any:
        """It is wanted no longer."""


class Client(Protocol):
    """Whoever hands tasks out: a ``dask.distributed.Client``, an executor of ``concurrent.futures``, or anything like them."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future:
        """Has a function of this package called somewhere."""


def sweep(
    scenario: Union[str, PurePath],
    over: Mapping[str, Values],
    client: Optional[Client] = None,
    *,
    out: Union[str, PurePath],
    seeds: Optional[int] = None,
    first_seed: int = 1,
    shares: Optional[int] = None,
    threads: Optional[int] = None,
    allow_programs: bool = False,
    files: Iterable[Union[str, PurePath]] = (),
    program: str = "assay",
) -> Path:
    """Runs a scenario at each point of a grid of its keys, and returns the folder of the whole sweep, which is ``out``.

    Without a client it is run here. With one, its cells are split into ``shares`` (one for each cell, up to 500), each of which
    is a task; parts are kept in ``out`` with ``.parts`` behind its name until all are there and put together. So whatever ends
    this, the same call goes on where it was.

    Every machine needs this package and the ``program`` by the same name, of one build: parts of several are not put together.
    A task runs on one core unless ``threads`` says more, so let each worker have as many tasks at a time as it has cores. A
    scenario that names programs needs ``allow_programs``, which starts them with your rights; ``files``, named from the folder
    that this is called in, are put beside each share, so that it finds them as they are found here.
    """
    folder = Path(out)
    if PurePath(program).name != program:
        program = str(Path(program).absolute())
    words = _words(over, seeds, first_seed, allow_programs)
    if client is None:
        more = [] if threads is None else ["--threads", str(threads)]
        _assay(program, ["sweep", str(scenario), *words, *more, "--out", str(folder)])
        return folder
    if shares is not None and shares < 1:
        raise SweepError(f"a sweep has one share at least, and not {shares}")
    beside = _carried(files)
    plan = json.loads(_assay(program, ["sweep", str(scenario), *words, "--cells", NO_CELLS, "--out", str(folder), "--json"]))
    if plan["is_whole"]:
        return folder
    beside[SCENARIO] = (folder / SCENARIO).read_bytes()
    count = min(shares or SHARES_MAX, plan["cell_count"])
    parts = folder.with_name(folder.name + ".parts")
    words += ["--threads", str(threads or 1)]
    _gather(client, parts, count, [program, words, beside])
    names = [_name(number, count) for number in range(1, count + 1)]
    _assay(program, ["merge", *names, "--out", str(folder.absolute())], parts)
    shutil.rmtree(parts)
    return folder


def _words(over: Mapping[str, Values], seeds: Optional[int], first_seed: int, allow_programs: bool) -> List[str]:
    """What is typed behind the scenario, the same here and wherever a share is run."""
    words: List[str] = []
    for key, values in over.items():
        words += ["--over", f"{key}={values if isinstance(values, str) else ','.join(map(str, values))}"]
    if seeds is not None:
        words += ["--seeds", str(seeds)]
    words += ["--first-seed", str(first_seed)]
    return words + ["--allow-programs"] * allow_programs


def _assay(program: str, words: Sequence[str], folder: Optional[Path] = None) -> str:
    """Has the program do something in a folder, and returns what it prints; what it says beside that is said here as well."""
    typed = [program, "sim", *words]
    try:
        done = subprocess.run(typed, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8")
    except OSError as error:
        raise SweepError(f"{program} cannot be started: {error}") from None
    if done.returncode:
        raise SweepError(_problem(done.stderr) or f"{program} sim {words[0]} ended with {done.returncode}")
    sys.stderr.write(done.stderr)
    return done.stdout


def _problem(said: str) -> str:
    """What is wrong, in words, of a document that says so or of what was said to people."""
    try:
        error = json.loads(said.splitlines()[-1])["error"]
        return f"{error['message']}\nhint: {error['hint']}"
    except (IndexError, KeyError, TypeError, ValueError):
        return said.strip()


def _carried(files: Iterable[Union[str, PurePath]]) -> Dict[str, bytes]:
    """Files by the names at which they are put beside a share."""
    carried = {}
    for file in map(Path, files):
        if file.is_absolute() or ".." in file.parts:
            raise SweepError(f"{file} is not below the folder that this is called in, so a share would not find it")
        carried[file.as_posix()] = file.read_bytes()
    return carried


def _name(number: int, count: int) -> str:
    return f"{number}-of-{count}"


def _gather(client: Client, parts: Path, count: int, task: Sequence[Any]) -> None:
    """Has every share run, and keeps the part that each gives as it comes."""
    futures = []
    for number in range(1, count + 1):
        kept = _files(parts / _name(number, count))
        futures.append(client.submit(_share, f"{number}/{count}", kept, *task))
    try:
        for number, future in enumerate(futures, 1):
            _keep(parts / _name(number, count), future.result())
    finally:
        for future in futures:
            future.cancel()


def _share(
    share: str, kept: Mapping[str, bytes], program: str, words: Sequence[str], beside: Mapping[str, bytes]
) -> Dict[str, bytes]:
    """Runs one share, wherever this is; what was kept of it goes on, as far as the program takes it for its own."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _write(folder, beside)
        _write(folder / "part", kept)
        _assay(program, ["sweep", SCENARIO, *words, "--cells", share, "--out", "part", "--json"], folder)
        return _files(folder / "part")


def _files(part: Path) -> Dict[str, bytes]:
    """The files of a part: its plan and its cells, and not what a sweep that is whole says of them."""
    found = [part / PLAN, part / SCENARIO, *sorted(part.glob("cells/*.csv"))]
    return {file.relative_to(part).as_posix(): file.read_bytes() for file in found if file.exists()}


def _keep(part: Path, files: Mapping[str, bytes]) -> None:
    """Puts a part in its place, whole or not at all."""
    new = part.with_name(part.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    _write(new, files)
    shutil.rmtree(part, ignore_errors=True)
    new.rename(part)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
