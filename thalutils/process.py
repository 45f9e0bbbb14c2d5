"""Runs other programs and spreads work over processes; keeps results by content."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thalutils.errors import DiskError, ThalutilsError, ToolError, UsageError
from thalutils.files import (
    atomic_path,
    hash_bytes,
    hash_file,
    hash_json,
    project_root,
    read_json,
    user_data,
    write_json,
)

if TYPE_CHECKING:
    from grimp import ImportGraph

TAIL_LINES = 12
FAILED_LOGS = "failed"
MADE = "_made.json"
TOOLS_VARIABLE = "THALUTILS_TOOLS"
LEAST_FREE_BYTES = 1_000_000
KILLED = "its process was killed twice, the second time alone: perhaps it needs more memory than there is"
PROGRESS_VARIABLE = "THALUTILS_PROGRESS"
JOBS_VARIABLE = "THALUTILS_JOBS"
# What carries results without computing them: a change here makes pages anew, but not what is cached.
PLUMBING = {
    "thalutils", "thalutils.bids", "thalutils.cohort", "thalutils.cohort_file", "thalutils.entry",
    "thalutils.errors", "thalutils.fetch", "thalutils.files", "thalutils.process",
    "thalutils.result_schemas", "thalutils.scan_source", "thalutils.scan_tables",
    "thalutils.schema_columns", "thalutils.schemas", "thalutils.spreadsheet",
    "thalutils.spreadsheet_file", "thalutils.spreadsheet_reader", "thalutils.spreadsheet_settings",
    "thalutils.spreadsheet_values", "thalutils.spreadsheet_visits",
    "thalutils.stage", "thalutils.table_folder", "thalutils.tables",
}  # fmt: skip


def run_program(
    argv: list[str | Path], *, log: Path, timeout_s: float,
    environment: dict[str, str] | None = None, folder: Path | None = None,
) -> str:  # fmt: skip
    """Run a program to its end, in `folder` if given, its output in `log`; return that output.

    The program gets a process group of its own, which is killed when time is up, and when this
    process is interrupted or killed.

    Raises
    ------
    ToolError
        Where the program is absent, fails or runs out of time, with the end of its output.
    DiskError
        Where it fails on a disk that is full.
    """
    argv = [str(part) for part in argv]
    log.parent.mkdir(parents=True, exist_ok=True)
    variables = os.environ | (environment or {})
    with log.open("wb") as sink:
        try:
            program = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT,
                env=variables, start_new_session=True, cwd=folder,
            )  # fmt: skip
        except OSError as error:
            raise ToolError(f"{argv[0]}: cannot be started ({error.strerror}).") from None
        try:
            with _guard(program):
                program.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise _failure(
                f"{Path(argv[0]).name} was stopped after {timeout_s:.0f} s without an end.", log
            ) from None
        finally:
            _end_group(program)
    if program.returncode:
        raise _failure(f"{Path(argv[0]).name} ended with code {program.returncode}.", log)
    return log.read_text(encoding="utf-8", errors="replace")


def _failure(what: str, log: Path) -> ThalutilsError:
    """Return the error of a program that came to no good end; on a full disk, that is no fault of its input.

    A full disk has cut the log too, so that its last words are not the program's.
    """
    if shutil.disk_usage(log.parent).free < LEAST_FREE_BYTES:
        return DiskError(
            f"{log.parent}: the disk is full. Free some space and run the same command again. {what}"
        )
    return ToolError(f"{what}{_last_words(log)}")


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
    return " Its last words:\n" + "\n".join(lines) if lines else " It said nothing."


@contextmanager
def _guard(program: subprocess.Popen) -> Iterator[None]:
    # a process killed outright cannot clean up; the shell sees its end of the pipe close
    argv = ["/bin/sh", "-c", 'read -r end; kill -s KILL -- "-$0"', str(program.pid)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(argv, stdin=subprocess.PIPE, start_new_session=True, **quiet) as guard:
        try:
            yield
        finally:
            guard.kill()


def _end_group(program: subprocess.Popen) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(program.pid, signal.SIGKILL)
    program.wait()


@dataclass(frozen=True)
class Outcome:
    """What became of one item: its value, or the words and kind of its error."""

    item: Any
    value: Any = None
    error: str = ""
    failed: bool = False


def parallel_map(
    function: Callable[..., Any], items: Iterable[Any], *, describe: Callable[[Any], str], label: str,
    memory_gb: float = 1.5,
) -> list[Outcome]:  # fmt: skip
    """Apply a module-level `function` to every item, in several processes, and keep going past errors.

    A :class:`~thalutils.errors.ThalutilsError` is the item's own fault and becomes its outcome; a disk that cannot be
    written and any other exception are not, and its outcome says so. The order of the outcomes is that of the items.
    The number of processes is ``THALUTILS_JOBS``, else one a core, as far as the memory of the machine
    holds `memory_gb` for each. Where a process is killed, every item that it takes with it is tried
    once more, alone.
    """
    items = list(items)
    progress = Progress(label, len(items))
    outcomes: list[Outcome | None] = [None] * len(items)

    def work(places: list[int], jobs: int) -> list[int]:
        """Work on some items; return those whose process was killed."""
        killed = []
        # One process is a pool too: its worker watches this process and ends its programs with it.
        with ProcessPoolExecutor(jobs, get_context("spawn"), watch_parent) as pool:
            futures = {pool.submit(_attempt, function, items[place]): place for place in places}
            for future in as_completed(futures):
                place = futures[future]
                try:
                    outcomes[place] = future.result()
                except BrokenProcessPool:
                    killed.append(place)
                    continue
                progress.step(describe(items[place]))
        return killed

    jobs = max(1, min(job_count(memory_gb), len(items)))
    for place in sorted(work(list(range(len(items))), jobs)):
        if work([place], 1):
            outcomes[place] = Outcome(items[place], error=KILLED, failed=True)
            progress.step(describe(items[place]))
    return outcomes


def _attempt(function: Callable[..., Any], item: Any) -> Outcome:
    try:
        return Outcome(item, value=function(item))
    except DiskError as error:
        return Outcome(item, error=str(error), failed=True)
    except ThalutilsError as error:
        return Outcome(item, error=str(error))
    except Exception:
        return Outcome(item, error=traceback.format_exc(), failed=True)


def watch_parent() -> None:
    """End this process, which multiprocessing started, when the one that asked for it has gone."""
    parent = parent_process()

    def watch() -> None:
        parent.join()
        os._exit(1)

    if parent:
        threading.Thread(target=watch, daemon=True).start()


def job_count(memory_gb: float = 0.0) -> int:
    """Return how many processes to use: ``THALUTILS_JOBS``, else one a core as far as memory allows."""
    given = os.environ.get(JOBS_VARIABLE)
    if given:
        if not given.isdecimal():
            raise UsageError(f"{JOBS_VARIABLE} is {given!r}: give a number of processes.")
        return max(1, int(given))
    jobs = os.cpu_count() or 1
    if memory_gb and hasattr(os, "sysconf"):
        there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
        jobs = min(jobs, int(there / memory_gb))
    return max(1, jobs)


class Progress:
    """Tells how far a long piece of work is: to the command that waits for it, else to the reader."""

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total, self.done = label, total, 0
        self.path = os.environ.get(PROGRESS_VARIABLE)
        self._tell("")

    def step(self, what: str) -> None:
        """Count one item as done."""
        self.done += 1
        self._tell(what)

    def _tell(self, what: str) -> None:
        if self.path:
            try:
                write_json(self.path, [self.label, self.done, self.total, what])
            except (OSError, ThalutilsError):
                self.path = None  # progress is a courtesy: a full disk must not end the work
        elif what:
            print(f"\r{self.label}: {self.done} of {self.total} ({what})", end="", file=sys.stderr)


def cached(cache: Path, step: str, key: dict[str, Any], make: Callable[[Path], None]) -> Path:
    """Return the folder that holds the result for `key`, made by `make(folder)` if it is not there.

    Parameters
    ----------
    cache : Path
        The folder of all results.
    step : str
        What is made, for people who look into the cache.
    key : dict
        Everything the result depends on: hashes of inputs, options, versions of tools and code. A result whose
        files are not those that were made, by size or content, is made anew.
    make : callable
        Fills an empty folder; what it leaves there is the result.

    Raises
    ------
    ToolError
        What `make` raised; the logs that it left are kept, and the message says where.
    """
    folder = _folder(cache, step, key)
    if not _whole(folder):
        with atomic_path(folder, _whole) as draft:
            draft.mkdir()
            try:
                make(draft)
            except ToolError as error:
                kept = keep_logs(draft, cache / FAILED_LOGS / f"{step}-{folder.name}")
                raise ToolError(f"{error}{kept}") from None
            files = sorted(path for path in draft.rglob("*") if path.is_file())
            names = {path: str(path.relative_to(draft)) for path in files}
            sizes = {name: path.stat().st_size for path, name in names.items()}
            sums = {name: hash_file(path) for path, name in names.items()}
            write_json(draft / MADE, {"key": key, "sizes": sizes, "sha256": sums})
    return folder


def is_cached(cache: Path, step: str, key: dict[str, Any]) -> bool:
    """Return whether :func:`cached` has the result for `key` and would make nothing."""
    return _whole(_folder(cache, step, key))


def _folder(cache: Path, step: str, key: dict[str, Any]) -> Path:
    return cache / step / hash_json(key)[:24]


def keep_logs(draft: Path, kept: Path) -> str:
    """Put the logs of a draft that is given up where they can be read; say where."""
    logs = sorted(draft.rglob("*.log"))
    if not logs:
        return ""
    with atomic_path(kept) as folder:
        folder.mkdir()
        for log in logs:
            shutil.copyfile(log, folder / "-".join(log.relative_to(draft).parts))
    return f"\nThe whole output is in {kept}."


def _whole(folder: Path) -> bool:
    """Return whether a result has the files that were made; their sums are not known of one that is older."""
    made = read_json(folder / MADE)
    try:
        return bool(made) and all(
            (folder / name).stat().st_size == size
            and made.get("sha256", {}).get(name) in (None, hash_file(folder / name))
            for name, size in made["sizes"].items()
        )
    except OSError:
        return False


@lru_cache(maxsize=1)
def _imports() -> "ImportGraph":
    import grimp  # here, since every process of a stage begins with this module and few ask

    return grimp.build_graph("thalutils", cache_dir=None)


def code_modules(*modules: str) -> list[str]:
    """List `modules` and every module of thalutils that they import, directly or not."""
    graph = _imports()
    found = set()
    for module in modules:
        found |= {module} | graph.find_upstream_modules(module)
    return sorted(found)


def code_hash(*modules: str) -> str:
    """Hash the source of `modules` and of all of thalutils that they import, but for the plumbing."""
    counted = sorted({*code_modules(*modules)} - PLUMBING)
    sources = [(module, hash_file(module_path(module))) for module in counted]
    return hash_bytes(repr(sources).encode())


def module_path(module: str) -> Path:
    """Return the source file of a module of thalutils.

    Examples
    --------
    >>> module_path("thalutils.imaging").relative_to(Path(__file__).parent).as_posix()
    'imaging/__init__.py'
    """
    inner = Path(__file__).parent.joinpath(*module.split(".")[1:])
    return inner / "__init__.py" if inner.is_dir() else inner.with_suffix(".py")


def tool_environment(name: str) -> Path:
    """Return the folder of a tool's own environment.

    It is in the folder that ``THALUTILS_TOOLS`` names, else in ``.tools`` of the checkout, else, where
    the package is used without one, among the user's own data.
    """
    given = os.environ.get(TOOLS_VARIABLE)
    if given:
        return Path(given).expanduser().resolve() / name
    try:
        return project_root() / ".tools" / name
    except UsageError:
        return user_data() / "tools" / name
