"""Files at the edge: whole or not at all, and an error that names the target."""

import errno
import json
import os
import tempfile
from pathlib import Path

import pytest

from thalutils import files
from thalutils.errors import ThalutilsError, UsageError
from thalutils.files import (
    atomic_path,
    hash_file,
    hash_json,
    place,
    project_root,
    read_json,
    write_json,
    write_text,
)

FULL, REFUSED = (errno.ENOSPC, errno.EDQUOT), (errno.EACCES, errno.EPERM, errno.EROFS)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def failing(code: int):
    def fail(*_args, **_more):
        raise OSError(code, os.strerror(code))

    return fail


def test_a_block_that_raises_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError, match="midway"), atomic_path(tmp_path / "table.tsv") as draft:
        draft.write_text("half")
        raise RuntimeError("midway")
    assert names(tmp_path) == []


def test_a_block_that_raises_leaves_the_old_file_as_it_was(tmp_path):
    target = tmp_path / "table.tsv"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_path(target) as draft:
        draft.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert names(tmp_path) == ["table.tsv"]


def test_the_target_is_not_touched_before_the_block_ends(tmp_path):
    target = tmp_path / "table.tsv"
    target.write_text("old")
    with atomic_path(target) as draft:
        draft.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert names(tmp_path) == ["table.tsv"]


def test_folders_above_the_target_are_made(tmp_path):
    write_text(tmp_path / "a" / "b" / "c.txt", "µ")
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == "µ".encode()


def test_of_a_link_the_file_is_placed_that_it_leads_to(tmp_path):
    """DataLad's scans are relative links into its annex; placed elsewhere, such a link led nowhere."""
    (tmp_path / "annex").mkdir()
    (tmp_path / "annex" / "key").write_text("scan")
    (tmp_path / "anat").mkdir()
    (tmp_path / "anat" / "t1w.nii.gz").symlink_to(Path("..") / "annex" / "key")
    target = tmp_path / "cache" / "deep" / "A.nii.gz"
    place(tmp_path / "anat" / "t1w.nii.gz", target)
    assert target.read_text() == "scan" and not target.is_symlink()


def test_a_folder_is_replaced_and_not_filled_up(tmp_path):
    target = tmp_path / "sub-01"
    target.mkdir()
    (target / "old.tsv").write_text("old")
    with atomic_path(target) as draft:
        draft.mkdir()
        (draft / "new.tsv").write_text("new")
    assert names(tmp_path) == ["sub-01", "sub-01/new.tsv"]


def test_a_folder_that_stands_at_the_last_moment_is_left_alone(tmp_path):
    target = tmp_path / "t"
    with atomic_path(target, lambda path: (path / "whole").exists()) as draft:
        draft.mkdir()
        (draft / "mine").touch()
        target.mkdir()  # another process was faster
        (target / "whole").touch()
    assert [path.name for path in target.iterdir()] == ["whole"]


def test_a_folder_that_appears_while_the_draft_is_moved_is_replaced(tmp_path, monkeypatch):
    target, seen = tmp_path / "t", []
    is_dir = Path.is_dir

    def late(path):
        if path == target and not seen:
            seen.append(path)
            target.mkdir()
            (target / "other").touch()
            return False
        return is_dir(path)

    monkeypatch.setattr(Path, "is_dir", late)
    with atomic_path(target) as draft:
        draft.mkdir()
        (draft / "mine").touch()
    assert [path.name for path in target.iterdir()] == ["mine"]


def test_a_folder_outlives_a_block_that_makes_nothing(tmp_path):
    """The old folder was moved aside and thrown away although nothing took its place."""
    target = tmp_path / "sub-01"
    target.mkdir()
    (target / "old.tsv").write_text("old")
    with pytest.raises(OSError, match="sub-01"), atomic_path(target):
        pass
    assert names(tmp_path) == ["sub-01", "sub-01/old.tsv"]


@pytest.mark.parametrize("code", FULL)
def test_a_full_disk_names_the_target_and_keeps_the_old(tmp_path, code):
    target = tmp_path / "table.tsv"
    target.write_text("old")
    with pytest.raises(ThalutilsError) as caught, atomic_path(target) as draft:
        draft.write_text("half")
        failing(code)()
    assert str(caught.value).startswith(f"{target}: the disk is full.")
    assert target.read_text() == "old"
    assert names(tmp_path) == ["table.tsv"]


def test_a_limit_of_file_sizes_names_the_target_and_keeps_the_old(tmp_path):
    target = tmp_path / "table.tsv"
    target.write_text("old")
    with (
        pytest.raises(ThalutilsError, match=r"table\.tsv: a file may not become so large here"),
        atomic_path(target),
    ):
        failing(errno.EFBIG)()
    assert target.read_text() == "old"


@pytest.mark.parametrize("code", REFUSED)
def test_a_read_only_folder_names_the_target(tmp_path, monkeypatch, code):
    monkeypatch.setattr(tempfile, "mkdtemp", failing(code))
    with pytest.raises(ThalutilsError) as caught:
        write_text(tmp_path / "table.tsv", "new")
    assert str(caught.value).startswith(f"{tmp_path / 'table.tsv'}: cannot be written")
    assert os.strerror(code) in str(caught.value)


def test_a_disk_that_fills_up_at_the_last_step_names_the_target(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "replace", failing(errno.ENOSPC))
    with pytest.raises(ThalutilsError, match=r"table\.tsv: the disk is full"):
        write_text(tmp_path / "table.tsv", "new")
    assert names(tmp_path) == []


def test_other_faults_are_not_taken_for_a_full_disk(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "table.tsv"):
        (tmp_path / "absent").read_text()


def test_json_refuses_nan_and_keeps_the_old(tmp_path):
    target = tmp_path / "numbers.json"
    write_json(target, {"n": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(target, {"n": float("nan")})
    assert json.loads(target.read_text()) == {"n": 1}


@pytest.mark.parametrize("content", [None, b"", b'{"a": 1', b"\xff\xfe"])
def test_json_that_is_absent_or_cut_short_is_none(tmp_path, content):
    path = tmp_path / "made.json"
    if content is not None:
        path.write_bytes(content)
    assert read_json(path) is None


def test_hash_json_knows_no_order_of_keys_but_of_items():
    assert hash_json({"a": {"x": 1, "y": 2}, "b": 3}) == hash_json({"b": 3, "a": {"y": 2, "x": 1}})
    assert hash_json([1, 2]) != hash_json([2, 1])
    assert hash_json({"a": 1}) != hash_json({"a": 2})
    assert hash_json({"path": Path("a")}) == hash_json({"path": "a"})


def test_hash_file_follows_the_content(tmp_path):
    path = tmp_path / "scan.nii"
    path.write_bytes(b"one")
    first = hash_file(path)
    path.write_bytes(b"three")
    assert hash_file(path) != first
    # echo -n abc | sha256sum
    path.write_bytes(b"abcd"[:3])
    os.utime(path, ns=(0, 0))
    assert hash_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_many_files_are_read_once_while_they_stand(tmp_path, monkeypatch):
    paths = [tmp_path / name for name in ("a.nii", "b.nii")]
    for path in paths:
        path.write_text(path.name)
    memo, read = tmp_path / "cache" / "sums.json", []
    monkeypatch.setattr(files, "hash_file", lambda path: read.append(path) or hash_file(path))
    first = files.hash_files(paths, memo)
    assert first == {path: hash_file(path) for path in paths}
    assert files.hash_files(paths, memo) == first
    assert read == paths
    # another file of the same size and time, in its place
    other, status = tmp_path / "other", paths[0].stat()
    other.write_text("A.nii")
    os.utime(other, ns=(status.st_mtime_ns, status.st_mtime_ns))
    other.replace(paths[0])
    changed = files.hash_files(paths, memo)
    assert read == [*paths, paths[0]]
    assert (changed[paths[0]], changed[paths[1]]) == (hash_file(paths[0]), first[paths[1]])
    assert changed[paths[0]] != first[paths[0]]
    assert list(json.loads(memo.read_text())) == [str(path) for path in paths]
    files.hash_files(paths[1:], memo)
    assert list(json.loads(memo.read_text())) == [str(paths[1])]


def test_sums_are_told_where_they_cannot_be_kept_or_a_file_is_gone(tmp_path, monkeypatch):
    path, gone, memo = (tmp_path / name for name in ("a.nii", "b.nii", "sums.json"))
    path.write_text("scan")
    memo.write_text("[1]")
    monkeypatch.setattr(tempfile, "mkdtemp", failing(errno.ENOSPC))
    assert files.hash_files([path, gone], memo) == {path: hash_file(path), gone: ""}
    assert memo.read_text() == "[1]"


def test_place_falls_back_to_a_copy(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("scan")
    place(tmp_path / "a", tmp_path / "linked" / "b")
    monkeypatch.setattr(os, "link", failing(errno.EXDEV))
    place(tmp_path / "a", tmp_path / "copied" / "b")
    assert (tmp_path / "linked" / "b").samefile(tmp_path / "a")
    assert not (tmp_path / "copied" / "b").samefile(tmp_path / "a")
    assert (tmp_path / "copied" / "b").read_text() == "scan"


def test_project_root_is_found_from_inside_and_by_the_variable(checkout, tmp_path, monkeypatch):
    assert project_root(checkout / "notebooks") == checkout
    monkeypatch.chdir(tmp_path)
    assert project_root() == checkout
    monkeypatch.delenv("THALUTILS_ROOT")
    monkeypatch.chdir(checkout / "cohorts")
    assert project_root() == checkout


@pytest.mark.parametrize("missing", ["_toc.yml", "cohorts"])
def test_project_root_elsewhere_says_what_to_do(checkout, missing):
    (checkout / missing).rename(checkout / "away")
    with pytest.raises(UsageError, match=r"is not inside a checkout.*set THALUTILS_ROOT") as caught:
        project_root(checkout)
    assert str(caught.value).startswith(str(checkout))
