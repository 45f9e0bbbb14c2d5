"""The `thalutils` command."""

import sys
from typing import Annotated

import typer

HELP = "Run the study of thalamic atrophy on a cohort, and build its book."
DONE, FAILED, WRONG_USE = 0, 1, 2

app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
CohortArgument = Annotated[str, typer.Argument(help="A cohort in cohorts/, or the path of its YAML.")]
StageOption = Annotated[
    str | None, typer.Option("--stage", "-s", help="One stage only; see `thalutils stages`.")
]
ParameterOption = Annotated[
    list[str] | None,
    typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="Set a notebook's parameter."),
]


@app.command()
def check(cohort: CohortArgument, stage: StageOption = None, parameter: ParameterOption = None) -> None:
    """Tell what is there, what is missing, which tools are available, and what would run."""
    from thalutils import console

    raise typer.Exit(console.check(cohort, stage, parameter or []))


@app.command()
def run(
    cohort: CohortArgument,
    stage: StageOption = None,
    participants: Annotated[
        str, typer.Option(help="Ids separated by commas: makes their part of the visit-by-visit stages only.")
    ] = "all",
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", help="Processes at a time; default one a core.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Run stages whose results still stand, too.")
    ] = False,
    parameter: ParameterOption = None,
) -> None:
    """Run the stages whose results do not stand."""
    from thalutils import console

    raise typer.Exit(console.run(cohort, stage, participants, jobs, force, parameter or []))


@app.command()
def book(
    cohorts: Annotated[list[str], typer.Argument(help="The cohorts of the book; the first comes first.")],
) -> None:
    """Build the book from executed notebooks; refuses stale and failed pages."""
    from thalutils import console

    raise typer.Exit(console.book(cohorts))


@app.command()
def stages() -> None:
    """List the stages in the order in which they run, and their parameters."""
    from thalutils import console

    raise typer.Exit(console.stages())


def main() -> None:
    """Run the command; a user's mistake gives a sentence and an exit code, never a traceback."""
    from thalutils.errors import CohortError, TableError, ThalutilsError, UsageError

    try:
        app()
    except KeyboardInterrupt:
        print("\nStopped. What was finished is kept; the same command goes on from there.", file=sys.stderr)
        sys.exit(FAILED)
    except ThalutilsError as error:
        print(f"thalutils: {error}", file=sys.stderr)
        sys.exit(WRONG_USE if isinstance(error, CohortError | TableError | UsageError) else FAILED)


if __name__ == "__main__":
    main()
