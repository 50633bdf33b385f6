"""Cost of a command: wall time, and the largest sum of resident sets over its process and all that it starts."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_SAMPLED_EVERY = 0.05  # seconds


@dataclass(frozen=True)
class Cost:
    """What one command cost, and what it printed."""

    seconds: float
    peak_mib: float
    output: str


def watch(
    what: str,
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Cost:
    """Run ``command`` to its end and return its cost; leave the program with its errors if it fails.

    Args:
        what: What to call it in messages.
        command: Program and arguments.
        environment: Variables beside those of this process.
        folder: Where it runs; None: here.
    """
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as printed:
        process = psutil.Popen(
            [str(part) for part in command],
            env={**os.environ, **(environment or {})},
            cwd=folder,
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
        peak = 0
        while process.poll() is None:
            peak = max(peak, _resident(process))
            time.sleep(_SAMPLED_EVERY)
        seconds = time.monotonic() - started
        printed.seek(0)
        output = printed.read()
    if process.returncode:
        sys.exit(f"{what}: exit {process.returncode}: {output}")
    return Cost(seconds, peak / 2**20, output)


def _resident(process: psutil.Process) -> int:
    """Return the bytes of memory that the process and its children hold now."""
    total = 0
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for member in family:
        try:
            total += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, text_columns: int = 1) -> str:
    """Return a Markdown table; the first ``text_columns`` are aligned to the left, the others to the right."""
    rule = ["---"] * text_columns + ["---:"] * (len(header) - text_columns)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *rows))
