"""The `thalutils` command."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

HELP = "Run the study of thalamic atrophy on a cohort, and build its book."
DONE, FAILED, WRONG_USE = 0, 1, 2


class Stopped(Exception):
    """The command was interrupted; what it wants to say of that."""


class Commands(TyperGroup):
    """Lets an interruption through, which Typer would end on without a word."""

    def invoke(self, ctx: typer.Context) -> object:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            raise Stopped(str(stop)) from None


app = typer.Typer(
    cls=Commands, help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
CohortArgument = Annotated[str, typer.Argument(help="A cohort in cohorts/, or the path of its YAML.")]
StageOption = Annotated[
    str | None, typer.Option("--stage", "-s", help="One stage only; see `thalutils stages`.")
]
ParameterOption = Annotated[
    list[str] | None,
    typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="Set a notebook's parameter."),
]


@app.command()
def init(
    name: Annotated[str, typer.Argument(help="What to call the cohort: its YAML is cohorts/NAME.yml.")],
    bids: Annotated[Path, typer.Option(help="The BIDS dataset.")],
    participants: Annotated[
        Path | None,
        typer.Option(
            help="A table of people; of what the dataset's participants.tsv has too, it is believed."
        ),
    ] = None,
    phenotype: Annotated[
        list[Path] | None,
        typer.Option(
            help="A table of visits and scores, beside the dataset's phenotype/*.tsv; may be given again."
        ),
    ] = None,
) -> None:
    """Look at a BIDS dataset and write its cohort's YAML, with what could not be decided as questions in it."""
    from thalutils import init_console

    raise typer.Exit(init_console.init(name, bids, participants, phenotype or []))


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
        str,
        typer.Option(
            help="Ids separated by commas: their part of the visit-by-visit stages; with --stage, also of a stage over "
            "everyone, as a page and tables of these people alone, apart from the cohort's."
        ),
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
def fetch(
    cohort: Annotated[str, typer.Argument(help="A cohort of public scans, as open_ms.")],
) -> None:
    """Download a public cohort's scans, check them, and lay them out as BIDS; can be stopped and resumed."""
    from thalutils import fetch_console

    raise typer.Exit(fetch_console.fetch(cohort))


@app.command()
def book(
    cohorts: Annotated[list[str], typer.Argument(help="The cohorts of the book; the first comes first.")],
) -> None:
    """Build the book from executed notebooks; refuses stale and failed pages."""
    from thalutils import console

    raise typer.Exit(console.book(cohorts))


@app.command()
def segment(
    scans: Annotated[
        list[Path], typer.Argument(metavar="SCAN...", help="T1w, FLAIR, T2w, PDw or R1 of a head.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The mask of one scan; default beside it.")
    ] = None,
    output_dir: Annotated[
        Path | None, typer.Option(help="A folder for the masks and volumes.tsv; default beside each scan.")
    ] = None,
    preview: Annotated[
        Path | None, typer.Option(help="A picture to look at: a PNG for one scan, a folder for several.")
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="A folder of weights that `thalutils train` made; default the package's."),
    ] = None,
    flair: Annotated[
        Path | None,
        typer.Option(help="A FLAIR of the same head, registered to SCAN, its T1w: one mask from both."),
    ] = None,
    r1: Annotated[
        Path | None, typer.Option("--r1", help="An R1 map of the same head, registered to SCAN, its T1w.")
    ] = None,
    probability: Annotated[
        Path | None,
        typer.Option(
            help="A map of the probability of thalamus: a NIfTI for one scan, a folder for several."
        ),
    ] = None,
) -> None:
    """Draw both thalami on scans of any contrast with ThalNet; print their volumes."""
    from thalutils import segment_console

    others = {name: path for name, path in (("FLAIR", flair), ("R1", r1)) if path}
    raise typer.Exit(
        segment_console.segment(scans, output, output_dir, preview, weights, others, probability)
    )


@app.command()
def train(
    output: Annotated[Path, typer.Argument(help="A folder for checkpoints, logs and weights.")],
    part: Annotated[
        str, typer.Option(help="locate, sketch, draw or joint: fitted in this order; or all.")
    ] = "all",
    steps: Annotated[
        int | None, typer.Option(min=1, help="Updates; default what the package's weights had.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Of the first weights and of every image; default what the package's weights had."),
    ] = None,
) -> None:
    """Fit ThalNet anew on images drawn from public label maps; takes hours, and can be stopped and resumed."""
    from thalutils import train_console

    raise typer.Exit(train_console.train(output, part, steps, seed))


tools_app = typer.Typer(help="List the tools of the study, and install those that a package registry brings.")
app.add_typer(tools_app, name="tools")


@tools_app.callback(invoke_without_command=True)
def tools(
    context: typer.Context,
    tsv: Annotated[bool, typer.Option("--tsv", help="Tab-separated values, for programs.")] = False,
) -> None:
    """List every tool: whether it is here, its version, licence, how to get it and what it fills."""
    if context.invoked_subcommand is None:
        from thalutils import tools_console

        raise typer.Exit(tools_console.show(tsv))


@tools_app.command()
def install(
    name: Annotated[str, typer.Argument(help="samseg, dbsegment or mindglide.")],
    python: Annotated[
        str | None, typer.Option(help="The interpreter of its environment; default the one that runs this.")
    ] = None,
) -> None:
    """Install a tool into an environment of its own."""
    from thalutils import tools_console

    raise typer.Exit(tools_console.install(name, python))


@app.command()
def plan(cohort: CohortArgument) -> None:
    """Print a cohort's people and stages as JSON, for programs that spread the work over machines."""
    from thalutils import plan_console

    raise typer.Exit(plan_console.plan(cohort))


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
    except (KeyboardInterrupt, Stopped) as stop:
        told = str(stop) or "What was finished is kept; the same command goes on from there."
        print(f"\nStopped. {told}", file=sys.stderr)
        sys.exit(FAILED)
    except ThalutilsError as error:
        print(f"thalutils: {error}", file=sys.stderr)
        sys.exit(WRONG_USE if isinstance(error, CohortError | TableError | UsageError) else FAILED)


if __name__ == "__main__":
    main()
