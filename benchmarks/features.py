"""What the feature sets cost, beside peers: ``python -m benchmarks.features [CASE …] [--folder F] [--symbols N]``.

Every engine runs in a process of its own on the same bars and the same machine, and what it computed is compared with
ours; the command's exit code is 1 if an engine disagrees. Peers read from memory (qlib: from its store) and write to
memory; ours reads from the warehouse's file and writes to it, through dbt.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks import peers
from benchmarks.agreement import compare
from benchmarks.engines.factors import FACTORS, WARM_UP
from benchmarks.engines.protocol import heard
from benchmarks.growth import draw
from benchmarks.market import Size, daily_bars, write_qlib, write_source
from benchmarks.measure import Cost, table, watch
from benchmarks.suite import carry_out, goal, quantmill, stage_seconds, title
from transforms.paths import PROJECT

_TOLERANCE = 1e-3  # standard deviations: qlib's single precision, polars' running sums
_GROWTH_PLOT = PROJECT / "docs" / "images" / "feature_growth.svg"
_DAILY = Size(800, 3_500)
_MINUTES = Size(50, 252 * 390)  # a year


@dataclass(frozen=True)
class Timing:
    """An engine's figures on one case."""

    engine: str
    seconds: float
    first: float
    columns: int
    rows: int
    peak_mib: float
    whole: float | None = None

    @classmethod
    def of(cls, cost: Cost) -> Timing:
        return cls(**heard(cost.output), peak_mib=cost.peak_mib)


@dataclass
class Bench:
    """The run's folder, and what is in it by now: bars, homes, peers. All of it is made when it is first needed."""

    root: Path
    size: Size
    failures: list[str] = field(default_factory=list)

    @cached_property
    def peers(self) -> Path | None:
        return peers.install(self.root / "peers", "pyqlib")

    @property
    def minutes(self) -> Size:
        """Minute bars in the proportion of the daily ones."""
        return Size(
            max(1, _MINUTES.symbols * self.size.symbols // _DAILY.symbols),
            _MINUTES.bars * self.size.bars // _DAILY.bars,
        )

    def data(self, size: Size) -> Path:
        """Return the folder with bars of this size: ``bars.parquet``, ``source/``, ``qlib/``."""
        folder = self.root / f"data-{size.symbols}-{size.bars}"
        if not (folder / "bars.parquet").exists():
            shutil.rmtree(folder, ignore_errors=True)
            bars = daily_bars(size)
            write_source(bars, folder / "source")
            write_qlib(bars, folder / "qlib")
            bars.write_parquet(folder / "bars.parquet")
        return folder

    def overrides(self, size: Size, sets: tuple[str, ...]) -> list[str]:
        """Return what follows ``quantmill`` for a run on these bars."""
        path = self.data(size) / "source" / "*.parquet"
        return ["source=parquet", f"source.path='{path}'", f"features.sets=[{','.join(sets)}]"]

    def home(self, name: str, overrides: list[str]) -> Path:
        """Return a home into which the source's bars have been ingested."""
        home = self.root / f"home-{name}"
        if not (home / "ready").exists():
            shutil.rmtree(home, ignore_errors=True)
            quantmill(home, "flow=ingest", *overrides)
            (home / "ready").touch()
        return home

    def peer(
        self, engine: str, case: str, *, repeats: int, python: Path | None = None, strategy: str = "over"
    ) -> tuple[Timing, Path]:
        """Run a peer on the bars of the bench; return its figures and where its sample is."""
        data = self.data(self.size)
        out = self.root / f"{case}-{engine}-{strategy}.parquet"
        command = [python or sys.executable, "-m", f"benchmarks.engines.{engine}", case, data, out]
        cost = watch(
            f"{engine} {case}",
            [*command, "--repeats", str(repeats)],
            environment={"STRATEGY": strategy, "PYTHONDONTWRITEBYTECODE": "1"},
            folder=PROJECT,
        )
        return Timing.of(cost), out

    def ours(
        self,
        home: Path,
        overrides: list[str],
        models: tuple[str, ...],
        *,
        repeats: int = 3,
    ) -> tuple[Timing, Path]:
        """Build models in a home; return the figures and where the sample of the first of them is."""
        out = self.root / f"{home.name}-{models[0]}.parquet"
        environment = {"MODELS": " ".join(models), "OVERRIDES": json.dumps(overrides)}
        command = [sys.executable, "-m", "benchmarks.engines.quantmill_sets"]
        watch("preparing", [*command, "prepare", home, out], environment=environment, folder=PROJECT)
        cost = watch(
            " ".join(models),
            [*command, "build", home, out, "--repeats", str(repeats)],
            environment=environment,
            folder=PROJECT,
        )
        return Timing.of(cost), out

    def check(self, ours: Path, theirs: Path, engine: str) -> None:
        """Compare an engine's values with ours and say how it went."""
        agreement = compare(ours, theirs, warm_up=WARM_UP)
        print(f"- {engine}: {agreement}")
        if not agreement.holds(_TOLERANCE):
            self.failures.append(engine)


def show(timings: list[Timing]) -> None:
    """Print the figures, ours first; the ratio is the engine's time over ours."""
    ours = timings[0]
    rows = [
        [
            timing.engine,
            str(timing.columns),
            f"{timing.seconds:.2f}",
            f"{timing.first:.2f}",
            "" if timing.whole is None else f"{timing.whole:.2f}",
            f"{timing.seconds / ours.seconds:.2f} ×",
            f"{timing.peak_mib:,.0f}",
        ]
        for timing in timings
    ]
    header = ["engine", "columns", "median (s)", "first (s)", "with dbt (s)", "over ours", "peak (MiB)"]
    print(table(header, rows), flush=True)


def _beside_qlib(bench: Bench, case: str, ours: Timing, sample: Path) -> list[Timing]:
    """Run polars both ways and qlib; compare each with ours and print the table. Return the peers' figures."""
    runs = [bench.peer("polars_factors", case, repeats=3, strategy=way) for way in ("over", "partition")]
    if bench.peers is not None:
        runs.append(bench.peer("qlib_factors", case, repeats=1, python=bench.peers))
    show([ours, *(timing for timing, _ in runs)])
    print()
    for timing, path in runs:
        bench.check(sample, path, timing.engine)
    return [timing for timing, _ in runs]


def alpha158(bench: Bench) -> None:
    """All 158 factors of qlib's Alpha158."""
    title("features alpha158", f"Alpha158, {bench.size} daily bars")
    overrides = bench.overrides(bench.size, ("alpha158",))
    ours, sample = bench.ours(
        bench.home(f"{bench.size.symbols}-{bench.size.bars}", overrides),
        overrides,
        ("int_features_alpha158",),
    )
    theirs = _beside_qlib(bench, "alpha158", ours, sample)
    goal(
        "ours over polars (the quicker of both ways)", ours.seconds / min(t.seconds for t in theirs[:2]), 1.0
    )
    if theirs[2:]:
        goal("ours over qlib", ours.seconds / theirs[2].seconds, 1 / 6)
    goal("peak (GiB)", ours.peak_mib / 1024, 4)


def factors(bench: Bench) -> None:
    """Fourteen of them."""
    title("features factors", f"Fourteen factors of Alpha158, {bench.size} daily bars")
    columns = ",".join(name.lower() for name in FACTORS)
    overrides = [*bench.overrides(bench.size, ("alpha158",)), f"features.alpha158_columns=[{columns}]"]
    ours, sample = bench.ours(
        bench.home(f"{bench.size.symbols}-{bench.size.bars}", overrides),
        overrides,
        ("int_features_alpha158",),
        repeats=5,
    )
    theirs = _beside_qlib(bench, "factors", ours, sample)
    goal(
        "ours over polars (the quicker of both ways)", ours.seconds / min(t.seconds for t in theirs[:2]), 1.2
    )
    if theirs[2:]:
        goal("ours over qlib", ours.seconds / theirs[2].seconds, 1 / 5)


def core(bench: Bench) -> None:
    """The indicators of ``core``; TA-Lib has a part of them."""
    title("features core", f"core, {bench.size} daily bars")
    overrides = bench.overrides(bench.size, ("core",))
    ours, sample = bench.ours(
        bench.home(f"{bench.size.symbols}-{bench.size.bars}", overrides), overrides, ("int_features_core",)
    )
    talib, path = bench.peer("talib_core", "core", repeats=3)
    show([ours, talib])
    print()
    bench.check(sample, path, talib.engine)
    goal("core (s)", ours.seconds, 8)


def append(bench: Bench) -> None:
    """One more session after a full build: what the models of ``core`` take to catch up, and the whole command."""
    title("features append", f"One session more, {bench.size} daily bars")
    home = bench.root / "home-append"
    shutil.rmtree(home, ignore_errors=True)
    source = bench.data(bench.size) / "source"
    growing = bench.root / "growing"
    shutil.rmtree(growing, ignore_errors=True)
    growing.mkdir()
    shutil.copyfile(source / "bars-0.parquet", growing / "bars-0.parquet")
    overrides = ["flow=build", "source=parquet", f"source.path='{growing}/*.parquet'", "features.sets=[core]"]
    rows = []
    seconds: dict[str, float] = {}
    for what in ("everything", "one session more"):
        cost = quantmill(home, *overrides)
        seconds = _model_seconds(home)
        rows.append(
            [
                what,
                f"{cost.seconds:.1f}",
                f"{stage_seconds(home)['build']:.2f}",
                f"{sum(seconds.values()):.2f}",
                f"{seconds['int_features_core']:.2f}",
                f"{cost.peak_mib:,.0f}",
            ]
        )
        shutil.copyfile(source / "bars-1.parquet", growing / "bars-1.parquet")
    header = ["what", "whole command (s)", "build stage (s)", "all models (s)", "core (s)", "peak (MiB)"]
    print(table(header, rows))
    print()
    slowest = sorted(seconds.items(), key=lambda item: -item[1])[:8]
    print("- slowest models: " + ", ".join(f"{name} {value:.2f} s" for name, value in slowest))
    goal("core, one session more (s)", seconds["int_features_core"], 1)


def _model_seconds(home: Path) -> dict[str, float]:
    """Return model → seconds of the newest dbt invocation."""
    results: list[dict[str, Any]] = json.loads((home / "dbt" / "target" / "run_results.json").read_text())[
        "results"
    ]
    named = ((result["unique_id"].split("."), result["execution_time"]) for result in results)
    return {name[2]: seconds for name, seconds in named if name[0] == "model"}


def intraday(bench: Bench) -> None:
    """A year of minute bars."""
    title("features intraday", f"core and intraday, {bench.minutes} minute bars")
    overrides = [
        "source=synthetic",
        "source.timeframe=1m",
        f"source.symbol_count={bench.minutes.symbols}",
        f"source.bar_count={bench.minutes.bars}",
        "features=intraday",
    ]
    models = ("int_features_core", "int_features_intraday")
    ours, _ = bench.ours(
        bench.home(f"minutes-{bench.minutes.symbols}-{bench.minutes.bars}", overrides), overrides, models
    )
    show([ours])
    print()
    goal("core and intraday (s)", ours.seconds, 30)


def growth(bench: Bench) -> None:
    """How the cost grows with symbols, bars and columns; a table and a plot."""
    title("features growth", "How the cost grows")
    sets = ("core", "timeseries", "alpha158")
    symbols, bars = bench.size.symbols, bench.size.bars
    middle = Size(symbols // 2, bars)
    series: dict[str, list[tuple[Size, tuple[str, ...]]]] = {
        "symbols": [(Size(symbols // part, bars), sets[:1]) for part in (8, 4, 2, 1)],
        "bars per symbol": [(Size(middle.symbols, bars // part), sets[:1]) for part in (4, 2, 1)],
        "columns": [(middle, sets[: count + 1]) for count in range(len(sets))],
    }
    rows = []
    panels: dict[str, list[tuple[float, float]]] = {}
    for axis, points in series.items():
        panels[axis] = []
        for size, chosen in points:
            overrides = bench.overrides(size, chosen)
            home = bench.home(f"{size.symbols}-{size.bars}", overrides)
            models = tuple(f"int_features_{name}" for name in chosen)
            timing, _ = bench.ours(home, overrides, models)
            place = {"symbols": size.symbols, "bars per symbol": size.bars, "columns": timing.columns}[axis]
            panels[axis].append((place, timing.seconds))
            rows.append(
                [
                    axis,
                    str(size),
                    ", ".join(chosen),
                    str(timing.columns),
                    f"{timing.seconds:.2f}",
                    f"{timing.seconds / size.rows / timing.columns * 1e9:.1f}",
                    f"{timing.peak_mib:,.0f}",
                ]
            )
    header = ["along", "size", "sets", "columns", "median (s)", "ns per cell", "peak (MiB)"]
    print(table(header, rows, text_columns=3))
    plot = _GROWTH_PLOT if bench.size == _DAILY else bench.root / _GROWTH_PLOT.name
    plot.write_text(draw(panels))
    print(f"\nplot: {plot}")


CASES: dict[str, Callable[[Bench], None]] = {
    "alpha158": alpha158,
    "factors": factors,
    "core": core,
    "append": append,
    "intraday": intraday,
    "growth": growth,
}


def main() -> None:
    """Carry out the chosen cases."""
    carry_out(__doc__, CASES, lambda root, given: Bench(root, Size(given.symbols, given.bars)), size=_DAILY)


if __name__ == "__main__":
    main()
