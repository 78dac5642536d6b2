"""`python -m app.embedded run | exec -- COMMAND ... | migration PURPOSE | serve DIRECTORY OWNER`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from app.embedded.errors import StartFailed
from app.embedded.processes import die_with_parent


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return _dispatch(options)
    except StartFailed as failure:
        print(f"✗ {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app.embedded", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="start everything and stay in the foreground")
    run.add_argument("--stop-with-parent", action="store_true", help="stop when the calling make is killed")
    execute = commands.add_parser("exec", help="run a command on the data of `run`")
    execute.add_argument("words", nargs="+")
    migration = commands.add_parser("migration", help="write a migration from the models")
    migration.add_argument("purpose")
    serve = commands.add_parser("serve", help="throw-away servers for a test run")
    serve.add_argument("directory", type=Path)
    serve.add_argument("owner", type=int, help="the process with which they end")
    return parser


def _dispatch(options: argparse.Namespace) -> int:
    if options.command == "run":
        from app.embedded.launch import run

        if options.stop_with_parent:
            die_with_parent(os.getppid(), signal.SIGTERM)
        return run(os.environ)
    if options.command == "serve":
        from app.embedded.throwaway import serve

        return serve(options.directory, options.owner)
    from app.embedded import commands

    if options.command == "exec":
        return commands.execute(options.words, os.environ)
    return commands.write_migration(options.purpose)


if __name__ == "__main__":
    sys.exit(main())
