"""How long whole runs take and how much memory: ``python -m benchmarks.runs main|large``.

Each command runs in a home of its own, which is deleted afterwards; memory is the largest sum of resident sets
over the process and its children (Prefect's temporary server included), sampled every 50 ms.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from benchmarks.measure import table
from benchmarks.suite import quantmill, stage_seconds


@dataclass(frozen=True)
class Measured:
    """One command's cost."""

    what: str
    seconds: float
    peak_mib: float
    limit: str


def measure(what: str, home: Path, *args: str, limit: str = "") -> Measured:
    """Run ``quantmill`` with ``args`` and return what it cost."""
    cost = quantmill(home, *args)
    return Measured(what, cost.seconds, cost.peak_mib, limit)


def main_job(root: Path) -> list[Measured]:
    """The sample run cold, unchanged, with one model parameter changed, and the help page."""
    home = root / "main"
    return [
        measure("`quantmill --help`", home, "--help", limit="1"),
        measure("`quantmill`, cold", home, limit="90"),
        measure("`quantmill`, unchanged", home, limit="15"),
        measure("`quantmill model.max_depth=4`", home, "model.max_depth=4"),
        measure("`quantmill -m model.max_depth=2,5`", home, "-m", "model.max_depth=2,5"),
        measure("`quantmill flow=trade`", home, "flow=trade"),
    ]


def large(root: Path) -> list[Measured]:
    """Ingest, gate and build of N × 3,500 synthetic daily bars: the stages, and the whole command around them."""
    rows = []
    for symbols in (100, 400, 800):
        home = root / f"large-{symbols}"
        size = (f"source.symbol_count={symbols}", "source.bar_count=3500")
        command = measure(f"{symbols} × 3,500, whole command", home, "flow=build", "source=synthetic", *size)
        parts = {name: seconds for name, seconds in stage_seconds(home).items() if name != "publish"}
        named = ", ".join(f"{name} {seconds:.1f}" for name, seconds in parts.items())
        limit = "60" if symbols == 800 else ""
        what = f"{symbols} × 3,500, stages: {named}"
        rows += [Measured(what, sum(parts.values()), command.peak_mib, limit), command]
    return rows


def main() -> None:
    """Print the table of one suite."""
    suites = {"main": main_job, "large": large}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", choices=suites)
    chosen = parser.parse_args().suite
    with tempfile.TemporaryDirectory() as folder:
        rows = suites[chosen](Path(folder))
    print(f"{date.today()}, {os.cpu_count()} cores, `python -m benchmarks.runs {chosen}`\n")  # noqa: DTZ011
    cells = [[row.what, f"{row.seconds:.1f}", row.limit, f"{row.peak_mib:,.0f}"] for row in rows]
    print(table(["what", "wall (s)", "limit", "peak memory (MiB)"], cells))


if __name__ == "__main__":
    main()
