"""What suites of cases share: their command line, the command they time, headings and verdicts."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Protocol, TypeVar

from benchmarks.market import Size
from benchmarks.measure import Cost, watch
from transforms.paths import PROJECT


class Bench(Protocol):
    """What the cases of a suite work on, and in which they note what failed."""

    failures: list[str]


B = TypeVar("B", bound=Bench)


def carry_out(
    description: str | None,
    cases: Mapping[str, Callable[[B], None]],
    make: Callable[[Path, argparse.Namespace], B],
    *,
    size: Size,
    **more: int,
) -> None:
    """Carry out the cases named on the command line, all if none is; leave with what failed.

    Args:
        make: Returns the bench, of the folder to work in and the options.
        size: The default of ``--symbols`` and ``--bars``.
        more: Other options and their defaults.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("cases", nargs="*", metavar="case", help=f"{', '.join(cases)}; all if none is given")
    parser.add_argument("--folder", type=Path, help="where bars, homes and peers are kept for the next time")
    for name, default in {"symbols": size.symbols, "bars": size.bars, **more}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    chosen = parser.parse_args()
    if unknown := [case for case in chosen.cases if case not in cases]:
        parser.error(f"unknown case {', '.join(unknown)}; there are {', '.join(cases)}")
    with tempfile.TemporaryDirectory() as fresh:
        root = (chosen.folder or Path(fresh)).resolve()
        root.mkdir(parents=True, exist_ok=True)
        bench = make(root, chosen)
        for case in chosen.cases or cases:
            cases[case](bench)
    if bench.failures:
        sys.exit(f"disagreeing: {', '.join(bench.failures)}")


def quantmill(home: Path, *overrides: str) -> Cost:
    """Run the command itself in a home."""
    command = [sys.executable, "-m", "flows", *overrides]
    return watch(
        " ".join(["quantmill", *overrides]),
        command,
        environment={"QUANTMILL_HOME": str(home)},
        folder=PROJECT,
    )


def stage_seconds(home: Path) -> dict[str, float]:
    """Return the seconds of each stage of the newest run."""
    manifest = max((home / "runs").glob("*/manifest.json"), key=lambda path: path.stat().st_mtime)
    stages = json.loads(manifest.read_text())["stages"]
    return {name: stage["seconds"] for name, stage in stages.items()}


def title(command: str, what: str) -> None:
    """Print a case's heading: by which command of this package, when and where it was measured."""
    cores = os.cpu_count()
    print(f"\n### {what}\n\n`python -m benchmarks.{command}`, {date.today()}, {cores} cores\n")  # noqa: DTZ011


def goal(what: str, measured: float, limit: float, *, at_least: bool = False) -> None:
    """Print whether a figure is what we promise."""
    is_met = measured >= limit if at_least else measured <= limit
    bound = "at least" if at_least else "at most"
    print(f"- {what}: {measured:,.2f}, {bound} {limit:g}: {'met' if is_met else 'MISSED'}")
