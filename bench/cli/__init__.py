"""The command ``bench``. Nothing heavy is imported until a command needs it: ``bench --help`` is instant."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from bench.cli import cost, judge, lists, train
from bench.cli.options import INTERRUPTED, OK, WRONG_INPUT
from bench.errors import UserError

app = typer.Typer(
    name="bench",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
    epilog="Example: [bold]bench run suites/ablation.yaml[/bold]",
    help="Compare neural-network blocks honestly: suites of runs, paired statistics, counted costs.",
)
for commands in (train, cost, judge, lists):
    app.add_typer(commands.app)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        typer.echo(f"ablation-bench {metadata.version('ablation-bench')}")
        raise typer.Exit


@app.callback()
def _bench(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and gives its exit code; a user's mistake is one message and code 2, never a traceback."""
    try:
        app(args=arguments, prog_name="bench")
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            print(
                "interrupted: what was finished is recorded, and the same command goes on from there", file=sys.stderr
            )
        return stop.code if isinstance(stop.code, int) else OK
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG_INPUT
    return OK


def entry() -> None:
    """What the installed command calls."""
    sys.exit(main())


__all__ = ["app", "entry", "main"]
