"""`python -m bench [check ...]`: measure, print the table, and with all checks write it to docs/performance.md."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from bench.data import Sizes
from bench.figures import Effort, Figure
from bench.installation import open_installation
from bench.report import save, table

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: list[str] | None = None) -> int:
    from bench.checks import CHECKS

    options = _options(list(CHECKS), arguments)
    directory = Path(os.environ.get("DATA_DIR") or ROOT / ".data") / "bench"
    effort = Effort(options.rounds, options.seconds)
    figures: list[Figure] = []
    sizes = Sizes(options.patients, options.appointments, payments=options.payments, diaries=options.diaries)
    with open_installation(directory, sizes, fresh=options.fresh) as found:
        for name in options.checks or CHECKS:
            print(f"Measuring: {name} ...", flush=True)
            for figure in CHECKS[name](found, effort):
                figures.append(figure)
                print(f"  {figure.what}: {figure.shown} (target {figure.shown_target}) {figure.detail}", flush=True)
        print(f"\n{table(figures)}")
        if not options.checks:
            save(figures, found.sizes, directory, ROOT / "docs" / "performance.md")
    return 0 if all(figure.reached for figure in figures) else 1


def _options(names: list[str], arguments: list[str] | None) -> argparse.Namespace:
    usual, sizes = Effort(), Sizes()
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("checks", nargs="*", choices=[[], *names], metavar="check", help=", ".join(names))
    parser.add_argument("--patients", type=int, default=sizes.patients)
    parser.add_argument("--appointments", type=int, default=sizes.appointments)
    parser.add_argument("--payments", type=int, default=sizes.payments, help="in the books of the check of revenue")
    parser.add_argument("--diaries", type=int, default=sizes.diaries, help="appointments of the check of free slots")
    parser.add_argument("--rounds", type=int, default=usual.rounds, help="how often both sides take turns")
    parser.add_argument("--seconds", type=float, default=usual.seconds, help="of load a side takes in a round")
    parser.add_argument("--fresh", action="store_true", help="load again even if the data are there")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
