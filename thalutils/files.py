"""Files at the edge: the project's root, atomic writes, content hashes."""

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from thalutils.errors import DiskError, UsageError

ROOT_MARKS = ("_toc.yml", "cohorts")


def project_root(start: str | Path | None = None) -> Path:
    """Find the checkout that holds the study: the nearest folder upwards with its table of contents.

    Parameters
    ----------
    start : path, optional
        Where to begin; default the variable ``THALUTILS_ROOT``, else the working directory.

    Raises
    ------
    UsageError
        Where no folder upwards is a checkout.
    """
    begin = Path(start or os.environ.get("THALUTILS_ROOT") or Path.cwd()).resolve()
    for folder in (begin, *begin.parents):
        if all((folder / mark).exists() for mark in ROOT_MARKS):
            return folder
    raise UsageError(
        f"{begin} is not inside a checkout of the study (no _toc.yml and cohorts/ here or above): "
        "change into it, or set THALUTILS_ROOT."
    )


def user_data() -> Path:
    """Return where the package keeps things among the user's own data, where it is used without a checkout."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "thalutils"


@contextmanager
def atomic_path(target: str | Path, stands: Callable[[Path], bool] = lambda target: False) -> Iterator[Path]:
    """Give a temporary path beside `target`, which takes its place only when the block succeeds.

    Works for a file and for a folder (make it in the block). A folder that stands at `target`
    already is replaced, unless `stands` says at the last moment that it is good as it is: another
    process may have made it meanwhile, and a third be reading it.

    Raises
    ------
    DiskError
        Where the disk is full or the folder cannot be written, naming the target.
    """
    target = Path(target)
    with beside(target) as draft:
        yield draft
        if not stands(target):
            _swap(draft, target, draft.with_name(f"replaced-{target.name}"))


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """Give a path of the same name in a scratch folder beside `target`, which goes when the block ends.

    Raises
    ------
    DiskError
        Where the disk is full or the folder cannot be written, naming the target.
    """
    scratch = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".partial-", dir=target.parent))
        yield scratch / target.name
    except OSError as error:
        raise _explain(error, target) from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def _swap(draft: Path, target: Path, replaced: Path) -> None:
    if not target.is_dir() or target.is_symlink():
        try:
            draft.replace(target)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not target.is_dir():
                raise  # else another process put a folder there just now
    target.rename(replaced)
    try:
        draft.replace(target)
    except OSError:
        replaced.rename(target)
        raise


def _explain(error: OSError, target: Path) -> Exception:
    named = target.parent if error.filename is None else Path(str(error.filename))
    # A folder above the target may be the one that cannot be made or written.
    elsewhere = not (named.is_relative_to(target.parent) or target.is_relative_to(named))
    if elsewhere and error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return error
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskError(
            f"{target}: the disk is full. Free some space and run the same command again; "
            "what was finished is kept."
        )
    if error.errno == errno.EFBIG:
        return DiskError(
            f"{target}: a file may not become so large here. Raise the limit (`ulimit -f`, or the file system's) and "
            "run the same command again; what was finished is kept."
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return DiskError(
            f"{target}: cannot be written ({error.strerror}). Make the folder writable and run again."
        )
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return DiskError(f"{target}: cannot be written: a part of this path is a file, not a folder.")
    return error


def write_text(target: str | Path, text: str) -> None:
    """Write `text` as UTF-8 at `target`, whole or not at all."""
    with atomic_path(target) as draft:
        draft.write_text(text, encoding="utf-8")


def write_json(target: str | Path, content: Any) -> None:
    """Write `content` as JSON at `target`, whole or not at all; NaN is refused."""
    write_text(target, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file; ``None`` where it is absent or was cut short."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
        return None


def hash_bytes(content: bytes) -> str:
    """Return the SHA-256 of `content`, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def hash_json(content: Any) -> str:
    """Return the SHA-256 of `content` as canonical JSON.

    Examples
    --------
    >>> hash_json({"a": 1, "b": 2}) == hash_json({"b": 2, "a": 1})
    True
    """
    return hash_bytes(json.dumps(content, sort_keys=True, default=str).encode())


def hash_file(path: str | Path) -> str:
    """Return the SHA-256 of a file's content; remembered by this process while its size, time and inode stand."""
    path = Path(path)
    return _hash_file(str(path.resolve()), *_stamp(path))


def hash_files(paths: Iterable[Path], memo: Path) -> dict[Path, str]:
    """Return the SHA-256 of the content of many files, which are read only where they are new or not as they were.

    It is empty for a file that is gone or cannot be read.

    Parameters
    ----------
    paths : iterable of Path
    memo : Path
        Where sums are kept with size, time of change and inode of each file; those of other files go. Where it cannot be
        written, the files are read anew next time.
    """
    known = read_json(memo)
    known = known if isinstance(known, dict) else {}
    found, kept = {}, {}
    for path in paths:
        try:
            stamp, name = list(_stamp(path)), str(path.absolute())
            before = known.get(name)
            found[path] = before[-1] if before and before[:-1] == stamp else hash_file(path)
            kept[name] = [*stamp, found[path]]
        except OSError:
            found[path] = ""
    if kept != known:
        with suppress(OSError, DiskError):
            write_text(memo, json.dumps(kept))
    return found


def _stamp(path: Path) -> tuple[int, int, int]:
    """Return what tells that a file may have another content: its size, time of change and inode."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino


@lru_cache(maxsize=100_000)
def _hash_file(path: str, size: int, mtime_ns: int, inode: int) -> str:
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def place(source: str | Path, target: str | Path) -> None:
    """Put a file that another folder holds at `target` too: a hard link where possible, else a copy.

    Of a symbolic link it is the file that it leads to: the link itself, as DataLad's are, may lead nowhere from `target`.
    """
    with atomic_path(target) as draft:
        try:
            os.link(Path(source).resolve(), draft)
        except OSError:
            shutil.copy2(source, draft)
