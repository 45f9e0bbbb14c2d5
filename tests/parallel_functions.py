"""Functions that spawned workers import, and programs that a test kills."""

import os
import sys
from pathlib import Path

from thalutils.errors import ImageError
from thalutils.process import parallel_map, run_program

MINUTES_S = 600.0


def square(number: int) -> int:
    """Return the square; 3 is the data's fault, 4 is ours."""
    if number == 3:
        raise ImageError("three.nii.gz: broken.")
    if number == 4:
        raise ZeroDivisionError("ours")
    return number**2


def die_at_two(number: int) -> int:
    """End this process at 2, as the system does when memory is short."""
    if number == 2:
        os._exit(9)
    return number


def sleep(pids: str) -> None:
    """Run a shell and its child until killed; the file `pids` then names both and this process."""
    script = 'sleep 300 & echo $$ $! $1 > "$0.part"; mv "$0.part" "$0"; wait'
    run_program(["sh", "-c", script, pids, str(os.getpid())], log=Path(pids + ".log"), timeout_s=MINUTES_S)


def as_text(item: str) -> str:
    """Describe an item."""
    return str(item)


if __name__ == "__main__":
    how, *paths = sys.argv[1:]
    if how == "alone":
        sleep(paths[0])
    else:
        parallel_map(sleep, paths, describe=as_text, label="sleep")
