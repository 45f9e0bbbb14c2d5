"""Suites of programs: where they are found, how a container runs them, and how long they may take."""

import os
from pathlib import Path

import pytest

from thalutils import programs
from thalutils.errors import ToolError, UsageError
from thalutils.programs import FREESURFER, FSL, Place

CONTAINER = Place(FSL, engine="docker", image="brainlife/fsl:6.0.7")


def fake_engine(folder: Path, name: str, monkeypatch, body: str = 'echo "$@"') -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin:/bin")


def test_an_absent_suite_says_what_to_do(no_tools):
    with pytest.raises(ToolError, match="set FSLDIR .* or THALUTILS_FSL_IMAGE to a container"):
        programs.find(FSL)


def test_an_installation_is_found_by_its_variable_or_on_the_path(no_tools, fake_suite, monkeypatch):
    home = fake_suite("FSLDIR", "etc/fslversion", flirt="")
    assert programs.find(FSL).version == "6.0.7.4"
    monkeypatch.delenv("FSLDIR")
    monkeypatch.setenv("PATH", f"{home / 'bin'}:/usr/bin")
    assert programs.find(FSL).folder == home


def test_a_wrong_folder_is_named(no_tools, monkeypatch, tmp_path):
    monkeypatch.setenv("FREESURFER_HOME", str(tmp_path))
    with pytest.raises(ToolError, match=r"which has no bin/recon-all\. Correct it"):
        programs.find(FREESURFER)


@pytest.mark.parametrize("given", ["brainlife/fsl", "lxc:fsl", "docker:"])
def test_a_container_needs_an_engine_and_an_image(no_tools, monkeypatch, given):
    monkeypatch.setenv("THALUTILS_FSL_IMAGE", given)
    with pytest.raises(ToolError, match="give docker:IMAGE or podman:IMAGE"):
        programs.find(FSL)


def test_a_container_whose_engine_is_absent_is_told(no_tools, monkeypatch):
    monkeypatch.setenv("THALUTILS_FSL_IMAGE", "apptainer:/images/fsl.sif")
    with pytest.raises(ToolError, match="apptainer is not on this machine"):
        programs.find(FSL)


def test_docker_sees_the_folders_at_their_own_paths():
    argv = ["flirt", "-in", Path("/data/in/a.nii.gz")]
    found = programs.container_command(
        CONTAINER, argv, [Path("/data/in"), Path("/scratch/out")], Path("/scratch/out"), {"A": "1"}, "mine"
    )
    user = f"{os.getuid()}:{os.getgid()}"
    assert found == [
        "docker", "run", "--rm", "--init", "--name", "mine", "--user", user,
        "--volume", "/data/in:/data/in", "--volume", "/scratch/out:/scratch/out", "--env", "A=1",
        "--workdir", "/scratch/out", "--entrypoint", "flirt", "brainlife/fsl:6.0.7", "-in", "/data/in/a.nii.gz",
    ]  # fmt: skip


def test_apptainer_sees_the_same():
    place = Place(FREESURFER, engine="apptainer", image="/images/fs.sif")
    variables = {"FS_LICENSE": "/keys/license.txt"}
    found = programs.container_command(place, ["recon-all", "-all"], [Path("/d")], None, variables, "x")
    assert found == [
        "apptainer", "exec", "--cleanenv", "--bind", "/d:/d", "--bind", "/keys/license.txt:/keys/license.txt",
        "--env", "FS_LICENSE=/keys/license.txt", "/images/fs.sif", "recon-all", "-all",
    ]  # fmt: skip


def test_a_container_that_hangs_is_killed_by_its_name(no_tools, monkeypatch, tmp_path):
    """Ending docker's client alone would leave the container at work."""
    body = f'[ "$1" = kill ] && echo "$2" > {tmp_path}/killed && exit; sleep 60'
    fake_engine(tmp_path / "engines", "docker", monkeypatch, body)
    monkeypatch.setenv("THALUTILS_FSL_IMAGE", "docker:fsl")
    with pytest.raises(ToolError, match="was stopped after 1 s"):
        programs.run(FSL, ["flirt"], log=tmp_path / "a.log", timeout_s=1, folders=[tmp_path])
    assert (tmp_path / "killed").read_text().startswith("thalutils-")


def test_a_container_is_run_by_its_engine(no_tools, monkeypatch, tmp_path):
    fake_engine(tmp_path / "engines", "singularity", monkeypatch)
    monkeypatch.setenv("THALUTILS_FSL_IMAGE", "singularity:fsl.sif")
    said = programs.run(FSL, ["flirt", "-version"], log=tmp_path / "a.log", timeout_s=20, folders=[tmp_path])
    assert said.startswith("exec --cleanenv --bind")
    assert said.endswith("fsl.sif flirt -version\n")
    assert programs.find(FSL).version == "singularity fsl.sif"


def test_fsl_writes_gz_and_takes_no_queue(no_tools, fake_suite, tmp_path):
    body = "print(os.environ['FSLOUTPUTTYPE'], os.environ['FSLSUBALREADYRUN'], os.getcwd())"
    fake_suite("FSLDIR", "etc/fslversion", flirt=body)
    said = programs.run(
        FSL, ["flirt"], log=tmp_path / "a.log", timeout_s=20, folders=[tmp_path], folder=tmp_path
    )
    assert said == f"NIFTI_GZ true {tmp_path}\n"


def test_freesurfer_has_what_its_set_up_script_sets(no_tools, fake_suite):
    home = fake_suite("FREESURFER_HOME", "build-stamp.txt", recon__all="")
    (home / "mni" / "share" / "perl5").mkdir(parents=True)
    found = programs.environment(programs.find(FREESURFER))
    assert found["FS_LICENSE"] == f"{home}/license.txt"
    assert found["MNI_PERL5LIB"] == f"{home}/mni/share/perl5"
    assert found["PATH"].startswith(f"{home}/bin:")


def test_a_limit_is_the_users_to_set(monkeypatch):
    assert programs.time_limit_s("first", 60.0) == 60.0
    monkeypatch.setenv("THALUTILS_FIRST_LIMIT_S", "7200")
    assert programs.time_limit_s("first", 60.0) == 7200.0
    for wrong in ("soon", "-1", "inf"):
        monkeypatch.setenv("THALUTILS_FIRST_LIMIT_S", wrong)
        with pytest.raises(UsageError, match="give a number of seconds"):
            programs.time_limit_s("first", 60.0)
