"""The program ``cyclewise``: parses the command line, calls a module per command, gives exit codes.

=====  ================================================================
code   meaning
=====  ================================================================
0      done
1      something was found to differ, or a run of a batch failed
2      the input is wrong; one message says where and what is accepted
3      the simulation made no more progress; a message says where
70     a fault of cyclewise itself
130    interrupted
141    whoever read the output has gone
=====  ================================================================
"""

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any

import typer
from typer.main import get_command

from arch.errors import InputError
from cyclewise import __version__
from cyclewise.commands import (
    batch,
    check,
    collect,
    compare,
    curve,
    explore,
    import_,
    list,
    new,
    plan,
    report,
    rerun,
    run,
    schema,
    show,
    trace,
    validate,
    values,
)
from cyclewise.terminal import nobody_reads, note, one_line

INPUT, STUCK, FAULT, INTERRUPTED, PIPE = 2, 3, 70, 130, 141

app = typer.Typer(
    name="cyclewise",
    help="Cycle-accurate models of accelerators that attack the memory wall, described in YAML.",
    epilog="Begin with: cyclewise list",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

for module in (
    *(
        list,
        show,
        new,
        import_,
        schema,
        plan,
        run,
        rerun,
        batch,
        explore,
        collect,
        compare,
        report,
        curve,
        check,
        values,
    ),
    validate,
):
    app.command(name=module.__name__.rpartition(".")[2].rstrip("_"), epilog=module.EXAMPLE)(module.command)
app.add_typer(trace.app, name="trace", help=trace.__doc__, epilog=trace.EXAMPLE)


def _version(asked: bool) -> None:
    if asked:
        print(f"cyclewise {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program with ``arguments`` (default: the process's own) and return its exit code."""
    given = sys.argv[1:] if arguments is None else [*arguments]
    if sys.stdout is None:  # the caller has closed it
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  (open as long as the process)
    if sys.stderr is None:
        sys.stderr = sys.stdout
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files can hold anything
    try:
        code = _run(given)
        sys.stdout.flush()
        return code
    except InputError as error:
        return _told(str(error), INPUT)
    except KeyboardInterrupt:
        return _told("interrupted", INTERRUPTED)
    except BrokenPipeError:
        nobody_reads()
        return PIPE
    except OSError as error:
        nobody_reads()
        where = f"{error.filename}: " if error.filename else ""
        return _told(f"{where}{error.strerror or error}", INPUT)
    except Exception as error:
        # By name: importing the class would load the model for every `--help`.
        if type(error).__name__ == "SimulationStuckError":
            return _told(str(error), STUCK)
        if os.environ.get("CYCLEWISE_TRACEBACK"):
            raise
        what = f"{type(error).__name__}: {error}"
        return _told(f"a fault of cyclewise, not of yours ({what}); CYCLEWISE_TRACEBACK=1 shows where", FAULT)


def program() -> None:
    """The console script: :func:`main`, then an end at once.

    Python would take apart, piece by piece, what compiled code and its libraries left in memory, which is a
    fifth of a second after each simulation.
    """
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # whoever read it has gone
            stream.flush()
    os._exit(code)


def _run(given: Sequence[str]) -> int:
    """Parse and call; ``run`` finds the words in the context.

    Not typer's own ``app()``: that would print errors and leave the process itself.
    """
    command = get_command(app)
    try:
        with command.make_context("cyclewise", [*given], obj=given) as context:
            command.invoke(context)
    except typer.Exit as done:
        return done.exit_code
    except typer.Abort:
        raise KeyboardInterrupt from None
    except _USAGE_ERROR as error:
        return _misused(error)
    return 0


# typer brings its own copy of click in some versions and uses the installed one in others.
_USAGE_ERROR: type[Any] = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")


def _misused(error: Any) -> int:
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        if error.format_message().strip():  # else the help has been printed already
            print(error.format_message(), file=sys.stderr)
        return INPUT
    path = context.command_path if context else "cyclewise"
    message = error.format_message()
    note(f"{path}: {message}{'' if message.endswith(('.', '?')) else '.'} Try: {path} --help")
    return INPUT


def _told(message: str, code: int) -> int:
    with suppress(BrokenPipeError):
        print(f"cyclewise: {one_line(message)}", file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    program()
