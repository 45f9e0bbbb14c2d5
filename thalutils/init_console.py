"""What ``thalutils init`` does: looks at a dataset and writes the YAML of its cohort."""

from pathlib import Path

from rich.console import Console

from thalutils.cohort import NAME
from thalutils.errors import UsageError
from thalutils.files import project_root, write_text
from thalutils.start import cohort_yaml
from thalutils.start.finding import times

DONE = 0
out = Console(highlight=False, soft_wrap=True)


def init(name: str, bids: Path, participants: Path | None, phenotype: list[Path]) -> int:
    """Write ``cohorts/NAME.yml`` and say how many questions it asks; return the exit code.

    Raises
    ------
    UsageError
        Where the name is none, or its YAML is there already.
    """
    if not NAME.match(name):
        raise UsageError(f"{name}: a cohort's name is lower-case letters, digits, - and _.")
    root = project_root()
    target = root / "cohorts" / f"{name}.yml"
    if target.exists():
        raise UsageError(f"{target} is there already. Choose another name, or remove it.")
    tables = [path for path in (participants, *phenotype) if path is not None]
    text, questions = cohort_yaml.write(name, bids, root, tables)
    write_text(target, text)
    out.print(f"Wrote {target}.", markup=False)
    asked = f"It asks {times(questions, 'question')}: look for QUESTION. " if questions else ""
    out.print(f"{asked}Then: [bold]thalutils check {name}[/]")
    return DONE
