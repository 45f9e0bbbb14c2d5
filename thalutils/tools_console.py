"""What ``thalutils tools`` does: lists the tools of the study, and installs those that a registry brings."""

import sys

from rich.console import Console

from thalutils.segmenters import catalogue, installed

DONE = 0
out = Console(highlight=False, soft_wrap=True)


def show(tsv: bool) -> int:
    """Print every tool, for people or as tab-separated values; return the exit code."""
    table = catalogue.tools_table()
    if tsv:
        sys.stdout.write(table.to_csv(sep="\t", index=False, na_rep="n/a", lineterminator="\n"))
        return DONE
    for tool in table.fillna("").itertuples():
        here = f"{tool.version} ({tool.where})" if tool.where else tool.version
        out.print(f"[bold]{tool.name}[/]: {'here, ' if tool.available == 'yes' else 'not here'}", end="")
        out.print(here if tool.available == "yes" else "", markup=False)
        for label, text in (("licence", tool.licence), ("fills", tool.fills), ("why", tool.reason)):
            if text:
                out.print(f"    {label}: {text}", markup=False)
    return DONE


def install(name: str, python: str | None) -> int:
    """Install a tool into an environment of its own; return the exit code.

    Raises
    ------
    UsageError
        Where no package registry brings it.
    ToolError
        Where it cannot be installed.
    """
    if name.lower() in installed.RECIPES:
        out.print(f"Installing {name}: this downloads packages and may take minutes.", markup=False)
    folder = installed.install(name.lower(), python or sys.executable)
    out.print(f"{name} is in {folder}.", markup=False)
    return DONE
