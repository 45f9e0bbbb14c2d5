"""Runs a stage's notebook in the test's own process: its cells, with other parameters, and what they show."""

import ast
from pathlib import Path
from typing import Any

import nbformat

from thalutils.cohort import Cohort

REPOSITORY = Path(__file__).parents[1]


def run(cohort: Cohort, name: str, folder: Path = REPOSITORY / "notebooks", **parameters: Any) -> str:
    """Execute the notebook of a stage on a cohort; return the HTML that its cells show."""
    shown: list[Any] = []
    space: dict[str, Any] = {"display": lambda *things: shown.extend(things)}
    for cell in nbformat.read(folder / f"{name}.ipynb", as_version=4).cells:
        if cell.cell_type == "code":
            shown += _run_cell(cell.source, space)
            if "parameters" in cell.metadata.get("tags", []):
                space |= {"cohort": str(cohort.path)} | parameters
    return "\n".join(str(getattr(one, "data", one)) for one in shown if one is not None)


def _run_cell(source: str, space: dict[str, Any]) -> list[Any]:
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), space)  # noqa: S102
    return [] if last is None else [eval(compile(ast.Expression(last.value), "cell", "eval"), space)]  # noqa: S307
