"""Takes stages in their order: one that spreads over the cores alone, others beside each other."""

import os
import signal
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from thalutils import run as runner
from thalutils.cohort import Cohort
from thalutils.errors import ThalutilsError
from thalutils.process import job_count, watch_parent
from thalutils.run import Result
from thalutils.stages import Stage
from thalutils.staleness import reason_stale

END_S = 20.0
ENDED_MUTE = "its process ended without a word, perhaps for want of memory. Run it again with --jobs 1."


class Watcher(Protocol):
    """Is told what goes on."""

    def began(self, stage: Stage, why: str) -> None:
        """A stage began."""

    def moved(self, stage: Stage, how_far: list) -> None:
        """A stage is so far: ``[label, done, total, what]``."""

    def ended(self, result: Result) -> None:
        """A stage that had begun has ended."""


class Course:
    """The stages of one cohort, taken one after the other by :meth:`take`, in the order of their list.

    A stage that works on one core is executed in a process of its own, so that as many go on beside each other as
    there may be jobs; each waits for the stages that it reads. A stage that spreads over several processes itself has
    the machine alone. As a context, a course ends what still runs where it is left by an error or a stop.

    Parameters
    ----------
    cohort : Cohort
    watcher : Watcher
        Told when a stage begins, moves and ends.
    """

    def __init__(self, cohort: Cohort, watcher: Watcher) -> None:
        self.cohort, self.watcher = cohort, watcher
        self._results: dict[str, Result | None] = {}  # None of what goes on
        self._work: dict[Connection, tuple[Stage, BaseProcess]] = {}
        self._context = get_context("forkserver")  # imports once, for every stage; this process has threads
        self._context.set_forkserver_preload([runner.__name__])

    def __enter__(self) -> "Course":
        """Begin."""
        return self

    def __exit__(self, *_: Any) -> None:
        """End what still runs."""
        for _, process in self._work.values():
            process.terminate()
        for _, process in self._work.values():
            process.join(END_S)
            process.kill()

    def leave(self, stage: Stage, why: str) -> None:
        """Pass over a stage that is not asked for."""
        self._results[stage.name] = Result(stage, "unchanged", why)

    def take(
        self, stage: Stage, parameters: dict[str, Any], *, people: str | None = None, force: bool = False
    ) -> None:
        """Begin a stage as soon as it can be, unless its results stand or it reads what failed.

        Parameters
        ----------
        stage, parameters
            As :func:`thalutils.run.settle` settled them.
        people : str, optional
            Some participants, of whom alone the stage is run.
        force : bool
            Run it though its results stand.
        """
        alone = bool(people) or stage.slices or stage.spreads
        most = 1 if alone else job_count(stage.memory_gb)
        while len(self._work) >= most or any(self._goes_on(name) for name in stage.after):
            self._hear()
        broken = [
            name for name, found in self._results.items() if found and found.state in ("failed", "skipped")
        ]
        read = sorted({*broken} & {*stage.after})
        if read:
            self._results[stage.name] = Result(stage, "skipped", f"it reads {', '.join(read)}.")
            return
        reason = "asked for by name" if people else reason_stale(self.cohort, stage, parameters)
        if not reason and not force:
            self.leave(stage, "its results stand.")
            return
        self.watcher.began(stage, reason or "")
        self._results[stage.name] = None
        if most == 1:
            self._here(stage, parameters, people)
        else:
            self._start(stage, parameters)

    def results(self) -> list[Result]:
        """Wait for every stage; return what became of each, in the order in which they were taken."""
        while self._work:
            self._hear()
        return [found for found in self._results.values() if found]

    def _goes_on(self, name: str) -> bool:
        return name in self._results and self._results[name] is None

    def _here(self, stage: Stage, parameters: dict[str, Any], people: str | None) -> None:
        def tell(how_far: list) -> None:
            self.watcher.moved(stage, how_far)

        if people:
            self._end(runner.execute_slice(self.cohort, stage, parameters, people, tell=tell))
        else:
            self._end(runner.execute(self.cohort, stage, parameters, tell=tell))

    def _start(self, stage: Stage, parameters: dict[str, Any]) -> None:
        ours, theirs = self._context.Pipe(duplex=False)
        arguments = (theirs, self.cohort, stage, parameters, dict(os.environ))
        process = self._context.Process(target=_execute, args=arguments, daemon=True)
        process.start()
        theirs.close()
        self._work[ours] = (stage, process)

    def _hear(self) -> None:
        """Wait until a stage moves or ends."""
        for ours in wait([*self._work]):
            stage, process = self._work[ours]
            try:
                said = ours.recv()
            except EOFError:
                said = Result(stage, "failed", ENDED_MUTE)
            if isinstance(said, list):
                self.watcher.moved(stage, said)
                continue
            del self._work[ours]
            ours.close()
            process.join()
            if isinstance(said, ThalutilsError):
                raise said
            self._end(said)

    def _end(self, result: Result) -> None:
        self._results[result.stage.name] = result
        self.watcher.ended(result)


def _execute(
    words: Connection, cohort: Cohort, stage: Stage, parameters: dict[str, Any], environment: dict[str, str]
) -> None:
    """Execute a stage in this process, and say over `words` how far it is and what became of it."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # a keyboard's stop is for the course, which ends this process
    watch_parent()
    os.environ.clear()
    os.environ.update(environment)
    with suppress(KeyboardInterrupt, BrokenPipeError):
        try:
            words.send(runner.execute(cohort, stage, parameters, tell=words.send))
        except ThalutilsError as error:
            words.send(error)
