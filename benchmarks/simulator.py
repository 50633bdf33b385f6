"""What simulating costs, beside peers: ``python -m benchmarks.simulator [CASE …] [--folder F] [--symbols N]``.

Every engine runs in a process of its own on the same bars and the same machine, and its equity is compared with ours;
the command's exit code is 1 if an engine disagrees. All read from memory and leave their result there.
"""

from __future__ import annotations

import math
import shutil
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks import peers
from benchmarks.engines import minutes, portfolio
from benchmarks.engines.protocol import heard
from benchmarks.growth import draw
from benchmarks.market import COLUMNS, Size, daily_bars, write_source
from benchmarks.measure import Cost, table, watch
from benchmarks.suite import carry_out, goal, quantmill, stage_seconds, title
from transforms.paths import PROJECT, Home
from transforms.warehouse import Warehouse

_PLOT = PROJECT / "docs" / "images" / "simulator_growth.svg"
_DAILY = Size(500, 2_520)
_MINUTES = 1_000_000
_PAIRS = 100  # of the grid's pairs, for peers
# A thousand runs: two values of the last key
_LOOKBACK = "strategy.parameters.lookback_bars"
_SWEEP = {
    _LOOKBACK: [20, 40, 63, 84, 105, 126, 147, 168, 210, 252],
    "strategy.parameters.skip_bars": [0, 5, 10, 15, 21],
    "portfolio.k": [5, 10, 15, 20, 25, 30, 40, 50, 75, 100],
    "portfolio.rebalance": ["weekly", "monthly"],
}
_SWEEP_LIMIT = 60  # seconds
_EXACT = 1e-9  # relative, where an engine means the same by everything
_CLOSE = 0.02  # where it knows no open, no slippage or no fraction of a share


@dataclass(frozen=True)
class Peer:
    """An engine of others.

    Attributes:
        packages: To be installed; none: it is in the project's own environment.
        tolerance: Of its equity beside ours, relative, at every bar.
        pairs: Of the grid that it runs.
    """

    engine: str
    packages: tuple[str, ...] = ()
    strategy: str = ""
    tolerance: float = _CLOSE
    repeats: int = 1
    pairs: int = _PAIRS


_RUST = ("vectorbt", "vectorbt-rust")
_PORTFOLIO = (
    Peer("vectorbt", strategy="numba", tolerance=_EXACT, repeats=5),
    Peer("vectorbt", _RUST, strategy="rust", tolerance=_EXACT, repeats=5),
    Peer("bt", ("bt",)),
    Peer("cvxportfolio", ("cvxportfolio",)),
    Peer("zipline", ("zipline-reloaded",)),
    Peer("nautilus", ("nautilus_trader",)),
    Peer("backtrader", ("backtrader", "pandas")),
)
_GRID = (
    Peer("vectorbt", strategy="numba", tolerance=_EXACT),
    Peer("vectorbt", _RUST, strategy="rust", tolerance=_EXACT),
    Peer("backtesting", pairs=1),
)


@dataclass(frozen=True)
class Timing:
    """An engine's figures on one case; ``rows`` are symbol-bars, or bars × pairs."""

    engine: str
    seconds: float
    first: float
    rows: int
    fills: int
    peak_mib: float

    @classmethod
    def of(cls, cost: Cost) -> Timing:
        return cls(**heard(cost.output), peak_mib=cost.peak_mib)

    @property
    def speed(self) -> float:
        """Millions of rows per second."""
        return self.rows / self.seconds / 1e6


@dataclass
class Bench:
    """The run's folder, and what is in it by now: bars and peers. All of it is made when it is first needed."""

    root: Path
    size: Size
    minutes: int
    failures: list[str] = field(default_factory=list)

    def daily(self, size: Size | None = None, *, positions: int | None = None, every: int = 5) -> Path:
        """Return a folder with daily bars and weights that hold so many positions, decided every so many bars."""
        size = size or self.size
        held = positions or max(1, size.symbols // 10)
        folder = self.root / f"daily-{size.symbols}-{size.bars}-{held}-{every}"
        if not (folder / "portfolio.npz").exists():
            folder.mkdir(parents=True, exist_ok=True)
            bars = daily_bars(size)
            wide = {
                name: np.ascontiguousarray(bars[name].to_numpy().reshape(size.symbols, size.bars).T)
                for name in COLUMNS
            }
            weight = portfolio.weights(wide["close"], positions=held, every=every)
            portfolio.write(folder, portfolio.Inputs(**wide, weight=weight))
        return folder

    def minute_bars(self) -> Path:
        """Return a folder with minute bars of one symbol."""
        folder = self.root / f"minutes-{self.minutes}"
        if not (folder / "minutes.npz").exists():
            folder.mkdir(parents=True, exist_ok=True)
            minutes.write(folder, self.minutes)
        return folder

    def home(self) -> tuple[Path, list[str]]:
        """Return a home whose warehouse holds the daily bars, and what follows ``quantmill`` to use them."""
        home = self.root / f"home-{self.size.symbols}-{self.size.bars}"
        source = home / "source"
        overrides = ["source=parquet", f"source.path='{source}/*.parquet'", "features.sets=[core]"]
        if not (home / "ready").exists():
            shutil.rmtree(home, ignore_errors=True)
            write_source(daily_bars(self.size), source)
            quantmill(home, "flow=build", *overrides)
            (home / "ready").touch()
        return home, overrides

    def run(
        self,
        engine: str,
        case: str,
        data: Path,
        *,
        repeats: int,
        python: Path | None = None,
        **environment: str,
    ) -> tuple[Timing, Path]:
        """Run an engine; return its figures and where its equity is."""
        out = (
            self.root
            / f"{case}-{engine}{''.join(f'-{value}' for value in environment.values() if '/' not in value)}.npy"
        )
        command = [python or sys.executable, "-m", f"benchmarks.engines.{engine}_simulator", case, data, out]
        cost = watch(
            f"{engine} {case}",
            [*command, "--repeats", str(repeats)],
            environment={"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", **environment},
            folder=PROJECT,
        )
        return Timing.of(cost), out

    def beside(self, case: str, data: Path, chosen: tuple[Peer, ...]) -> list[tuple[Peer, Timing, Path]]:
        """Run the peers that can be installed."""
        found = []
        for peer in chosen:
            python = None
            if peer.packages:
                python = peers.install(self.root / "peers" / "+".join(peer.packages), *peer.packages)
                if python is None:
                    continue
            environment = {"STRATEGY": peer.strategy, "PAIRS": str(peer.pairs)}
            timing, out = self.run(
                peer.engine, case, data, repeats=peer.repeats, python=python, **environment
            )
            found.append((peer, timing, out))
        return found

    def check(self, what: str, ours: Path, theirs: Path, tolerance: float) -> None:
        """Compare two equity curves (or final equities of pairs) and say how far they are apart."""
        difference = apart(np.load(ours), np.load(theirs))
        verdict = "agrees" if difference <= tolerance else "DISAGREES"
        print(f"- {what}: {difference:.1e} apart at most, {tolerance:g} allowed: {verdict}")
        if difference > tolerance:
            self.failures.append(what)


def apart(ours: portfolio.Floats, theirs: portfolio.Floats) -> float:
    """Return the largest relative difference; infinite where the curves are of different lengths or not finite."""
    if ours.shape != theirs.shape or not np.isfinite(theirs).all():
        return np.inf
    return float(np.max(np.abs(theirs / ours - 1.0)))


def show(timings: list[Timing], ours: Timing) -> None:
    """Print the figures; the ratio is the engine's time per row over ours."""
    rows = [
        [
            timing.engine,
            f"{timing.seconds:,.3f}",
            f"{timing.first:,.3f}",
            f"{timing.speed:,.2f}",
            f"{ours.speed / timing.speed:,.1f} ×",
            f"{timing.fills:,}",
            f"{timing.peak_mib:,.0f}",
        ]
        for timing in timings
    ]
    header = ["engine", "median (s)", "first (s)", "million rows/s", "over ours", "fills", "peak (MiB)"]
    print(table(header, rows), flush=True)
    print()


def daily(bench: Bench) -> None:
    """One portfolio over daily bars: what peers have too, everything on, compiling and loading apart."""
    title("simulator portfolio", f"A weekly portfolio, {bench.size} daily bars")
    data = bench.daily()
    ours, out = bench.run("quantmill", "portfolio", data, repeats=15)
    full, _ = bench.run("quantmill", "realism", data, repeats=15)
    both, _ = bench.run("quantmill", "shorts", data, repeats=15)
    found = bench.beside("portfolio", data, _PORTFOLIO)
    show([ours, full, both, *(timing for _, timing, _ in found)], ours)
    for peer, timing, path in found:
        bench.check(timing.engine, out, path, peer.tolerance)
    print()
    with tempfile.TemporaryDirectory() as cache:
        fresh = [
            bench.run("quantmill", "realism", data, repeats=3, NUMBA_CACHE_DIR=cache)[0] for _ in range(2)
        ]
    for what, timing in zip(
        ("compiling, once per machine", "compiled kernels from disk"), fresh, strict=True
    ):
        print(f"- {what}: {timing.first - timing.seconds:.2f} s before the first run of a process")
    home, _ = bench.home()
    loaded, _ = bench.run("quantmill", "load", home, repeats=5)
    print(f"- the bars from the warehouse into matrices: {loaded.seconds:.3f} s")
    goal("everything on, million symbol-bars/s", full.speed, 60, at_least=True)
    rivals = [timing.seconds for peer, timing, _ in found if peer.engine == "vectorbt"]
    if rivals:
        goal("vectorbt (the quicker of both) over ours", min(rivals) / ours.seconds, 15, at_least=True)


def grid(bench: Bench) -> None:
    """A grid of moving-average crossovers over minute bars of one symbol."""
    title("simulator grid", f"Crossovers of {len(minutes.PAIRS):,} pairs, {bench.minutes:,} minute bars")
    data = bench.minute_bars()
    ours, _ = bench.run("quantmill", "grid", data, repeats=3, PAIRS=str(len(minutes.PAIRS)))
    found = bench.beside("grid", data, _GRID)
    show([ours, *(timing for _, timing, _ in found)], ours)
    for peer, timing, path in found:
        _, out = bench.run("quantmill", "grid", data, repeats=1, PAIRS=str(peer.pairs))
        bench.check(f"{timing.engine}, {peer.pairs} pairs", out, path, peer.tolerance)
    goal("peak (GiB)", ours.peak_mib / 1024, 0.5)
    rivals = [timing.speed for peer, timing, _ in found if peer.engine == "vectorbt"]
    if rivals:
        goal("vectorbt (the quicker of both) per pair over ours", ours.speed / max(rivals), 20, at_least=True)


def growth(bench: Bench) -> None:
    """How the cost grows with symbols, bars, positions and orders, everything on; a table and a plot."""
    title("simulator growth", "How the cost of everything on grows")
    symbols, bars = bench.size.symbols, bench.size.bars
    series = {
        "symbols": [(Size(symbols * part // 4, bars), 25, 5) for part in (1, 2, 4, 8)],
        "bars": [(Size(symbols, bars * part // 4), 25, 5) for part in (1, 2, 4, 8)],
        "positions": [(bench.size, held, 20) for held in (25, 50, 100, 200)],
        "fills per bar": [(bench.size, 100, every) for every in (20, 10, 5, 2, 1)],
    }
    rows = []
    panels: dict[str, list[tuple[float, float]]] = {}
    for axis, points in series.items():
        panels[axis] = []
        for size, held, every in points:
            data = bench.daily(size, positions=held, every=every)
            timing, _ = bench.run("quantmill", "realism", data, repeats=9)
            of_bar = timing.fills / size.bars
            places = {
                "symbols": size.symbols,
                "bars": size.bars,
                "positions": held,
                "fills per bar": of_bar,
            }
            panels[axis].append((places[axis], timing.seconds))
            rows.append(
                [
                    axis,
                    str(size),
                    str(held),
                    f"{of_bar:.1f}",
                    f"{timing.seconds * 1e3:.1f}",
                    f"{timing.speed:.0f}",
                    f"{timing.peak_mib:,.0f}",
                ]
            )
    header = ["along", "size", "positions", "fills per bar", "median (ms)", "million rows/s", "peak (MiB)"]
    print(table(header, rows, text_columns=2))
    plot = _PLOT if bench.size == _DAILY else bench.root / _PLOT.name
    plot.write_text(draw(panels))
    print(f"\nplot: {plot}")


def sweep(bench: Bench) -> None:
    """A thousand backtests of one strategy's parameters through the command, their results in the warehouse.

    The first run builds the strategy's signals, for the home was built for another one.
    """
    title("simulator sweep", f"A thousand runs of momentum, {bench.size} daily bars")
    built, overrides = bench.home()
    home = bench.root / "home-sweep"  # of its own, for a sweep that was carried out once is not tried again
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(built, home, symlinks=True)
    wanted = math.prod(len(values) for values in _SWEEP.values())
    rows = []
    for what, later in (("the strategy's first run", 0), ("its next, other lookbacks", 1)):
        grid = _SWEEP | {_LOOKBACK: [value + later for value in _SWEEP[_LOOKBACK]]}
        axes = ",".join(f"{key}:[{','.join(map(str, values))}]" for key, values in grid.items())
        cost = quantmill(
            home, "flow=sensitivity", "strategy=momentum", *overrides, f"sensitivity.grid={{{axes}}}"
        )
        stages = stage_seconds(home)
        with Warehouse(Home(home).warehouse) as warehouse:
            kept = warehouse.value("select count(*) from execution.sensitivity") - len(rows) * wanted
        rows.append(
            [
                what,
                f"{cost.seconds:.1f}",
                f"{stages['build']:.1f}",
                f"{stages['sensitivity']:.1f}",
                str(kept),
                f"{cost.peak_mib:,.0f}",
            ]
        )
        if kept != wanted:
            bench.failures.append(f"sweep: {kept} trials in the warehouse, not {wanted}")
    header = ["sweep", "whole command (s)", "build (s)", "trials (s)", "trials kept", "peak (MiB)"]
    print(table(header, rows))
    print()
    for what, seconds, *_ in rows:
        goal(f"the whole command, {what} (s)", float(seconds), _SWEEP_LIMIT)


CASES: dict[str, Callable[[Bench], None]] = {
    "portfolio": daily,
    "grid": grid,
    "growth": growth,
    "sweep": sweep,
}


def main() -> None:
    """Carry out the chosen cases."""

    def bench(root: Path, given: Namespace) -> Bench:
        return Bench(root, Size(given.symbols, given.bars), given.minutes)

    carry_out(__doc__, CASES, bench, size=_DAILY, minutes=_MINUTES)


if __name__ == "__main__":
    main()
