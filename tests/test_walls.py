"""The walls that the import linter does not see: who runs programs, and what a notebook may hold."""

import ast
from pathlib import Path

import nbformat
import pytest

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "thalutils"
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
RUNS_PROGRAMS = {"subprocess", "pty", "_posixsubprocess"}
RUNS_PROGRAMS_IN_OS = ("system", "popen", "fork", "forkpty", "exec", "spawn", "posix_spawn", "startfile")
NOT_IN_A_CELL = (
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Lambda,
)


def programs_run(source: str) -> set[str]:
    """Name what in this source could run another program."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] in RUNS_PROGRAMS}
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            found |= {f"os.{name.name}" for name in node.names if name.name.startswith(RUNS_PROGRAMS_IN_OS)}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in RUNS_PROGRAMS:
            found.add(node.module)
        elif isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "os":
            found |= {f"os.{node.attr}"} if node.attr.startswith(RUNS_PROGRAMS_IN_OS) else set()
        elif isinstance(node, ast.Attribute) and node.attr.startswith("create_subprocess"):
            found.add(f"asyncio.{node.attr}")
    return found


def not_in_a_cell(source: str) -> list[str]:
    """Name the loops and definitions of a cell."""
    return [type(node).__name__ for node in ast.walk(ast.parse(source)) if isinstance(node, NOT_IN_A_CELL)]


@pytest.mark.parametrize("module", MODULES)
def test_only_process_runs_programs(module):
    found = programs_run((PACKAGE / module).read_text(encoding="utf-8"))
    assert found == ({"subprocess"} if module == "process.py" else set())


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess", "from subprocess import run", "import os\nos.system('ls')", "from os import popen",
        "def f():\n    import subprocess as s", "import os\nos.execv('a', [])",
        "import asyncio\nasyncio.create_subprocess_exec('ls')",
    ],
)  # fmt: skip
def test_the_wall_sees_what_runs_programs(source):
    assert programs_run(source)


def test_the_wall_lets_the_rest_through():
    assert not programs_run("import os\nfrom os import environ\nos.replace('a', 'b')\nos.environ['x']")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_cell_loads_calls_and_shows(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert not not_in_a_cell(cell.source), cell.source


@pytest.mark.parametrize(
    "source",
    [
        "for x in y:\n    pass",
        "while x:\n    pass",
        "def f():\n    pass",
        "class A:\n    pass",
        "f = lambda x: x",
    ],
)
def test_the_wall_sees_loops_and_definitions(source):
    assert not_in_a_cell(source)


def test_there_are_modules_and_notebooks():
    assert "process.py" in MODULES
    assert "imaging/quality.py" in MODULES
    assert NOTEBOOKS
