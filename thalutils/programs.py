"""FSL and FreeSurfer as programs: an installation on this machine, or a container that holds one.

Command lines are plain lists. niwrap's typed wrappers know FSL's flags (they check ours in
``tests/oracles``), but not ``recon-all -i`` and ``-T2``, and its runners have neither a time limit nor a
log of their own nor an end for what a program leaves behind, which :mod:`thalutils.process` gives.
"""

import os
import shutil
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from thalutils.errors import ToolError, UsageError
from thalutils.process import run_program

ENGINES = ("docker", "podman", "apptainer", "singularity")
KILL_LIMIT_S = 60.0


@dataclass(frozen=True)
class Suite:
    """A suite of programs that people install by themselves.

    Attributes
    ----------
    name : str
    home : str
        The variable that names its folder.
    image : str
        The variable that names a container with it, as ``docker:NAME`` or ``apptainer:FILE``.
    probe : str
        A program that is there where the suite is.
    version_files : tuple of str
        Files in its folder whose first line is its version.
    """

    name: str
    home: str
    image: str
    probe: str
    version_files: tuple[str, ...]


FSL = Suite("FSL", "FSLDIR", "THALUTILS_FSL_IMAGE", "flirt", ("etc/fslversion",))
FREESURFER = Suite(
    "FreeSurfer", "FREESURFER_HOME", "THALUTILS_FREESURFER_IMAGE", "recon-all", ("build-stamp.txt", "VERSION")
)


@dataclass(frozen=True)
class Place:
    """Where a suite is: ``folder`` of an installation, or ``engine`` and ``image`` of a container."""

    suite: Suite
    folder: Path | None = None
    engine: str = ""
    image: str = ""

    @property
    def version(self) -> str:
        """The suite's version; of a container, its name, which says it."""
        if self.folder is None:
            return f"{self.engine} {self.image}"
        for name in self.suite.version_files:
            with suppress(OSError, IndexError):
                return (self.folder / name).read_text(encoding="utf-8").splitlines()[0].strip()[:80]
        return "unknown version"

    @property
    def words(self) -> str:
        """Where it is, for people."""
        return str(self.folder) if self.folder else f"{self.engine}:{self.image}"


def find(suite: Suite) -> Place:
    """Return where a suite is.

    Raises
    ------
    ToolError
        Where it is nowhere, saying what to do.
    """
    given = os.environ.get(suite.image)
    if given:
        engine, _, image = given.partition(":")
        if engine not in ENGINES or not image:
            raise ToolError(
                f"{suite.image} is {given!r}: give {' or '.join(f'{one}:IMAGE' for one in ENGINES)}."
            )
        if shutil.which(engine) is None:
            raise ToolError(f"{suite.image} names a container, and {engine} is not on this machine.")
        return Place(suite, engine=engine, image=image)
    home = os.environ.get(suite.home)
    if home:
        if (Path(home) / "bin" / suite.probe).is_file():
            return Place(suite, Path(home))
        raise ToolError(f"{suite.home} is {home}, which has no bin/{suite.probe}. Correct it.")
    found = shutil.which(suite.probe)
    if found:
        return Place(suite, Path(found).resolve().parent.parent)
    raise ToolError(
        f"not found: set {suite.home} to the folder of an installation, "
        f"or {suite.image} to a container (docker:IMAGE, apptainer:FILE)."
    )


def run(
    suite: Suite, argv: list[str | Path], *, log: Path, timeout_s: float,
    folders: Iterable[Path], folder: Path | None = None,
) -> str:  # fmt: skip
    """Run one program of a suite, wherever the suite is; return its output.

    Parameters
    ----------
    suite : Suite
    argv : list
        The program's name and its arguments, with absolute paths.
    log, timeout_s
        As for :func:`thalutils.process.run_program`.
    folders : iterable of Path
        The folders that it reads from and writes to, which a container is to see.
    folder : Path, optional
        Where it runs.

    Raises
    ------
    ToolError
        Where the suite is absent, or the program fails or runs out of time.
    """
    place = find(suite)
    variables = environment(place)
    if place.folder is not None:
        program = place.folder / "bin" / str(argv[0])
        return run_program(
            [program, *argv[1:]], log=log, timeout_s=timeout_s, environment=variables, folder=folder
        )
    name = f"thalutils-{uuid.uuid4().hex[:12]}"
    command = container_command(place, argv, folders, folder, variables, name)
    try:
        return run_program(command, log=log, timeout_s=timeout_s)
    except ToolError:
        if place.engine in ("docker", "podman"):
            # Ending the client leaves the container at work.
            with suppress(ToolError):
                ending = log.with_name(f"{log.stem}-kill.log")
                run_program([place.engine, "kill", name], log=ending, timeout_s=KILL_LIMIT_S)
        raise


def environment(place: Place) -> dict[str, str]:
    """Return the variables that a suite's own set-up script would set, as far as its programs need them."""
    home = place.folder
    if place.suite is FSL:
        # the last: no cluster's queue
        found = {"FSLOUTPUTTYPE": "NIFTI_GZ", "FSLMULTIFILEQUIT": "TRUE", "FSLSUBALREADYRUN": "true"}
        inside = {} if home is None else {"FSLDIR": str(home), "PATH": _path(home / "bin")}
        return found | inside
    if home is None:
        return {"FS_LICENSE": os.environ["FS_LICENSE"]} if "FS_LICENSE" in os.environ else {}
    mni = home / "mni"
    perl = [str(one) for one in (mni / "share/perl5", mni / "lib/perl5/5.8.5") if one.is_dir()]
    return {
        "FREESURFER_HOME": str(home),
        "FREESURFER": str(home),
        "FS_LICENSE": os.environ.get("FS_LICENSE", str(home / "license.txt")),
        "FSFAST_HOME": str(home / "fsfast"),
        "FIX_VERTEX_AREA": "",
        "FSF_OUTPUT_FORMAT": "nii.gz",
        "MNI_DIR": str(mni),
        "MINC_BIN_DIR": str(mni / "bin"),
        "MINC_LIB_DIR": str(mni / "lib"),
        "MNI_DATAPATH": str(mni / "data"),
        "MNI_PERL5LIB": perl[0] if perl else "",
        "PERL5LIB": os.pathsep.join([*perl, *filter(None, [os.environ.get("PERL5LIB")])]),
        "PATH": _path(home / "bin", home / "tktools", mni / "bin"),
    }


def _path(*folders: Path) -> str:
    return os.pathsep.join([*map(str, folders), os.environ.get("PATH", "/usr/bin:/bin")])


def container_command(
    place: Place, argv: list[str | Path], folders: Iterable[Path], folder: Path | None,
    variables: dict[str, str], name: str,
) -> list[str]:  # fmt: skip
    """Return the command line that runs a program in a container, with the same paths inside as outside."""
    program = [str(part) for part in argv]
    seen = list(dict.fromkeys(str(Path(one).absolute()) for one in folders))
    if "FS_LICENSE" in variables:
        seen.append(variables["FS_LICENSE"])
    if place.engine in ("docker", "podman"):
        command = [
            place.engine,
            "run",
            "--rm",
            "--init",
            "--name",
            name,
            "--user",
            f"{os.getuid()}:{os.getgid()}",
        ]
        for one in seen:
            command += ["--volume", f"{one}:{one}"]
        for variable, value in variables.items():
            command += ["--env", f"{variable}={value}"]
        if folder is not None:
            command += ["--workdir", str(folder)]
        return [*command, "--entrypoint", program[0], place.image, *program[1:]]
    command = [place.engine, "exec", "--cleanenv"]
    for one in seen:
        command += ["--bind", f"{one}:{one}"]
    for variable, value in variables.items():
        command += ["--env", f"{variable}={value}"]
    if folder is not None:
        command += ["--pwd", str(folder)]
    return [*command, place.image, *program]


def time_limit_s(tool: str, usual_s: float) -> float:
    """Return how long a tool may take: ``THALUTILS_<TOOL>_LIMIT_S``, else what is usual.

    Raises
    ------
    UsageError
        Where the variable is no positive number.
    """
    variable = f"THALUTILS_{tool.upper()}_LIMIT_S"
    given = os.environ.get(variable)
    if given is None:
        return usual_s
    try:
        limit = float(given)
    except ValueError:
        limit = 0.0
    if not 0 < limit < float("inf"):
        raise UsageError(f"{variable} is {given!r}: give a number of seconds.")
    return limit
