"""Writes the notebooks of stages that do next to nothing."""

from pathlib import Path

import nbformat

PARAMETERS = 'cohort: str = "tiny"  # a cohort\nparticipants: str = "all"  # who\nnumber: int = 1  # any\n'


def write_notebook(root: Path, name: str, code: str) -> None:
    """Write a stage's notebook: its title, its parameters, and one cell of code."""
    cells = [
        nbformat.v4.new_markdown_cell(f"# {name}"),
        nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(code),
    ]
    for place, cell in enumerate(cells):
        cell["id"] = f"{name}-{place}"
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    nbformat.write(notebook, root / "notebooks" / f"{name}.ipynb")
