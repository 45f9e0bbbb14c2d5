"""Tools that a package registry brings: what is installed in a tool's own environment, and installing it."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from thalutils.errors import ToolError, UsageError
from thalutils.process import run_program, tool_environment

INSTALL_LIMIT_S = 2 * 3600.0
UNFINISHED = ".unfinished"


@dataclass(frozen=True)
class Recipe:
    """How a tool is installed.

    Attributes
    ----------
    packages : tuple of str
        Requirements with their versions.
    pythons : tuple of (int, int)
        The versions of Python that it has wheels for; empty where any will do.
    program : str
        What is there once it is installed.
    """

    packages: tuple[str, ...]
    pythons: tuple[tuple[int, int], ...]
    program: str


RECIPES = {
    "samseg": Recipe(("samseg==0.4a0", "numpy==1.26.4", "surfa==0.6.3"), ((3, 10), (3, 11)), "run_samseg"),
    "dbsegment": Recipe(("DBSegment==0.2.2",), ((3, 9), (3, 10), (3, 11)), "DBSegment"),
    "mindglide": Recipe(("mindglide==1.3.0",), (), "mindglide"),
}


def installed_version(environment: Path, package: str) -> str | None:
    """Return the version of a package in an environment, or ``None``; an unfinished one has none."""
    if (environment / UNFINISHED).exists():
        return None
    for found in sorted(environment.glob("lib/python*/site-packages/*.dist-info")):
        name, _, version = found.name.removesuffix(".dist-info").rpartition("-")
        if re.sub(r"[-_.]+", "-", name).lower() == package:
            return version
    return None


def install(name: str, python: str = sys.executable) -> Path:
    """Install a tool into an environment of its own; return the environment's folder.

    Parameters
    ----------
    name : str
        One of :data:`RECIPES`.
    python : str
        The interpreter that the environment is made with.

    Raises
    ------
    UsageError
        Where no registry brings such a tool.
    ToolError
        Where the interpreter does not fit, or the installation fails.
    """
    if name not in RECIPES:
        raise UsageError(
            f"{name}: no package registry brings it. Installed can be {', '.join(RECIPES)}; "
            "`thalutils tools` says how to get the others."
        )
    recipe, target = RECIPES[name], tool_environment(name)
    log = target.with_name(f"{name}-install.log")
    version = run_program(
        [python, "-c", "import sys; print(*sys.version_info[:2])"], log=log, timeout_s=INSTALL_LIMIT_S
    ).split()
    if recipe.pythons and tuple(map(int, version)) not in recipe.pythons:
        fitting = " or ".join(f"{major}.{minor}" for major, minor in recipe.pythons)
        raise ToolError(
            f"{name} has wheels for Python {fitting}, and {python} is {'.'.join(version)}. Give --python."
        )
    # An environment cannot be moved, so that it is made in place, and taken away where it is not finished.
    mark = target / UNFINISHED
    run_program([python, "-m", "venv", "--clear", target], log=log, timeout_s=INSTALL_LIMIT_S)
    mark.touch()
    pip = [target / "bin" / "python", "-m", "pip", "install", "--disable-pip-version-check"]
    run_program([*pip, *recipe.packages], log=log, timeout_s=INSTALL_LIMIT_S)
    if not (target / "bin" / recipe.program).exists():
        raise ToolError(f"{name} was installed without its program {recipe.program}; see {log}.")
    mark.unlink()
    return target
