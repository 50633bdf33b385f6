"""What every engine's program takes and says; the standard library only, for it runs in the peers' environment too.

``python -m benchmarks.engines.<engine> CASE DATA OUT --repeats N`` reads ``DATA``, computes ``CASE`` N times, writes
the values of the sampled symbols to ``OUT`` and prints one line of JSON.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

MARK = "figures: "  # before the line of JSON, among whatever libraries print
_EVERY = 50  # one symbol of so many is compared between engines


def arguments(cases: tuple[str, ...]) -> argparse.Namespace:
    """Return ``case``, ``data``, ``out`` and ``repeats`` of the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("case", choices=cases)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--repeats", type=int, default=1)
    return parser.parse_args()


def timed(compute: Callable[[], T], repeats: int) -> tuple[T, list[float]]:
    """Return what the last call returned and the seconds of each; nothing of one call is held during the next."""
    seconds: list[float] = []
    result: Any = None
    for _ in range(repeats):
        result = None
        gc.collect()
        started = time.perf_counter()
        result = compute()
        seconds.append(time.perf_counter() - started)
    return result, seconds


def sampled(symbols: list[str]) -> list[str]:
    """Return the symbols whose values are compared: every fiftieth, in order."""
    return sorted(symbols)[::_EVERY]


def say(engine: str, seconds: list[float], **more: Any) -> None:
    """Print the figures: the times, and whatever else a benchmark shows of its engines."""
    figures = {
        "engine": engine,
        "seconds": statistics.median(seconds),
        "first": seconds[0],
        **more,
    }
    sys.stdout.write(f"{MARK}{json.dumps(figures)}\n")


def heard(output: str) -> dict[str, Any]:
    """Return the figures within what an engine printed."""
    line = next(line for line in reversed(output.splitlines()) if line.startswith(MARK))
    figures: dict[str, Any] = json.loads(line.removeprefix(MARK))
    return figures
