"""Config of data in: source, universe, engine. Light on purpose: ``--help`` imports this module."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from transforms.errors import ConfigError, nearest

TIMEFRAMES = ("1m", "5m", "15m", "30m", "1h", "1d")
# Minutes of a bar, for the timeframes that have a fixed number of them.
BAR_MINUTES = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60}
_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-_/=^]{0,31}")


def require(condition: bool, key: str, rule: str, value: object) -> None:
    """Raise ``ConfigError`` naming ``key``, the ``rule`` it must keep and the value it had."""
    if not condition:
        raise ConfigError(f"{key} must be {rule}, was {value!r}")


def require_choice(value: str, allowed: tuple[str, ...], key: str) -> None:
    """Raise ``ConfigError`` unless ``value`` is one of ``allowed``; suggest the nearest."""
    if value not in allowed:
        raise ConfigError(
            f"{key} must be one of {', '.join(allowed)}, was {value!r}.{nearest(value, allowed)}"
        )


def is_symbol(text: str) -> bool:
    """Whether ``text`` can be an instrument's symbol; nothing else ever reaches SQL or a path."""
    return _SYMBOL.fullmatch(text) is not None


def require_symbols(symbols: list[str], key: str) -> None:
    """Raise ``ConfigError`` for the first entry that is no symbol, and for duplicates."""
    for symbol in symbols:
        require(is_symbol(symbol), key, "symbols of letters, digits and . - _ / = ^ (at most 32)", symbol)
    require(len(set(symbols)) == len(symbols), key, "a list without duplicates", symbols)


def require_date(text: str | None, key: str) -> None:
    """Raise ``ConfigError`` unless ``text`` is None or an ISO date."""
    if text is None:
        return
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{key} must be a date like 2012-12-31, was {text!r}") from error


def sessions_per_year(calendar: str) -> int:
    """Return what figures of sessions are annualised by: 252, or 365 for the calendar that never rests."""
    return 365 if calendar == "24/7" else 252


@dataclass
class SourceConfig:
    """What every source can be asked for.

    Attributes:
        name: The source's name, as it stands in ``raw.bars.source``.
        timeframe: Length of a bar, one of ``TIMEFRAMES``.
        symbols: Symbols to fetch; empty means all that the source has.
        start: First session to fetch (ISO date), None for the earliest.
        end: Last session to fetch (ISO date), None for the latest.
        calendar: exchange_calendars name of the sessions, ``XNYS`` or ``24/7``.
        benchmark: The symbol of this source to measure results against, None if it has none.
    """

    implementation: ClassVar[str] = ""

    name: str = "???"
    benchmark: str | None = None
    timeframe: str = "1d"
    symbols: list[str] = field(default_factory=list)
    start: str | None = None
    end: str | None = None
    calendar: str = "XNYS"

    @property
    def dataset(self) -> str:
        """Which body of the source's data these settings mean; rows of two datasets are never mixed."""
        return "default"

    def __post_init__(self) -> None:
        require_choice(self.timeframe, TIMEFRAMES, "source.timeframe")
        require_symbols(self.symbols, "source.symbols")
        require_date(self.start, "source.start")
        require_date(self.end, "source.end")
        if self.start and self.end:
            require(
                self.start <= self.end, "source.start", f"on or before source.end ({self.end})", self.start
            )


@dataclass
class SampleSourceConfig(SourceConfig):
    """Real daily bars that ship inside installed data packages; needs no network."""

    implementation: ClassVar[str] = "transforms.sources.sample:SampleSource"

    name: str = "sample"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.timeframe == "1d", "source.timeframe", "1d for the sample source", self.timeframe)


@dataclass
class FileSourceConfig(SourceConfig):
    """Bars in files of the user's own.

    Attributes:
        path: A file, or a glob such as ``data/*.parquet``; ``~`` is expanded.
        columns: Contract column → the file's column, for those whose names differ.
        timezone: IANA zone of naive stamps. Required for intraday bars without a zone of their own.
        symbol: The symbol of files that hold one instrument and no symbol column; ``{stem}`` takes
            it from the file's name.
        actions_path: Optional file of corporate actions (symbol, ex_date, kind, value, and new_symbol where it
            has symbol changes).
    """

    path: str = "???"
    columns: dict[str, str] = field(default_factory=dict)
    timezone: str | None = None
    symbol: str | None = None
    actions_path: str | None = None

    @property
    def dataset(self) -> str:
        """Digest of where the files are and how they are read."""
        reading = [self.path, sorted(self.columns.items()), self.timezone, self.symbol, self.actions_path]
        return hashlib.sha256(json.dumps(reading).encode()).hexdigest()[:12]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.timezone is not None:
            try:
                ZoneInfo(self.timezone)
            except (ZoneInfoNotFoundError, ValueError) as error:
                raise ConfigError(
                    f"source.timezone must be an IANA zone like America/New_York, was {self.timezone!r}"
                ) from error
        allowed = ("symbol", "bar_at", "open", "high", "low", "close", "volume")
        for column in self.columns:
            require_choice(column, allowed, "source.columns")
        if self.symbol is not None and self.symbol != "{stem}":
            require_symbols([self.symbol], "source.symbol")


@dataclass
class ParquetSourceConfig(FileSourceConfig):
    """Bars in Parquet files."""

    implementation: ClassVar[str] = "transforms.sources.files:ParquetSource"

    name: str = "parquet"


@dataclass
class CsvSourceConfig(FileSourceConfig):
    """Bars in CSV files with a header row.

    Attributes:
        separator: What stands between two values of a line; one character.
    """

    implementation: ClassVar[str] = "transforms.sources.files:CsvSource"

    name: str = "csv"
    separator: str = ","


@dataclass
class SyntheticSourceConfig(SourceConfig):
    """Seeded artificial bars; the trade flow refuses them outside the simulated broker.

    Attributes:
        symbol_count: Number of symbols, ``S0000`` onwards, besides the benchmark ``SYNX``.
        bar_count: Bars per symbol, ending at the last session on or before ``last_session``.
        last_session: No bar is after it (ISO date).
        seed: The generator's seed; the same seed gives the same bars, bit for bit.
    """

    implementation: ClassVar[str] = "transforms.sources.synthetic:SyntheticSource"

    name: str = "synthetic"
    symbol_count: int = 20
    bar_count: int = 1500
    last_session: str = "2025-12-31"
    seed: int = 7

    @property
    def dataset(self) -> str:
        """What the generator was asked for: another seed or size is another market."""
        calendar = re.sub(r"[^A-Za-z0-9]", "", self.calendar)
        size = f"{self.symbol_count}x{self.bar_count}-{self.timeframe}"
        return f"seed{self.seed}-{size}-{self.last_session}-{calendar}"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice(self.timeframe, ("1d", "1m"), "source.timeframe")
        require(1 <= self.symbol_count <= 20_000, "source.symbol_count", "in 1..20000", self.symbol_count)
        require(2 <= self.bar_count <= 2_000_000, "source.bar_count", "in 2..2000000", self.bar_count)
        require_date(self.last_session, "source.last_session")


@dataclass
class UniverseConfig:
    """Which instruments a strategy may hold; ``docs/universe.md`` says how a dynamic universe is decided.

    Attributes:
        symbols: The members, or the candidates of a dynamic universe; empty means every symbol of the source but
            the benchmark.
        benchmark: The symbol results are measured against; never traded. None: no comparison.
        selection: ``static`` (the same members from each one's first bar on) or ``dynamic`` (the most traded,
            chosen anew at every rebalance from the bars before it). What follows is for dynamic universes.
        rebalance: ``monthly`` or ``quarterly``: on the first session of a month or quarter.
        enter_rank: A candidate enters at this rank by dollar volume or better.
        exit_rank: A member leaves below this rank, so that two of nearly the same rank do not change places
            at every rebalance.
        lookback_months: Whole calendar months before the rebalance that dollar volume is averaged over.
        min_dollar_volume: Least average of close times volume per session, USD.
        min_price: Least price at the last session before the rebalance, USD per share as traded.
        min_history: Least number of bars before the rebalance.
        max_absence: Most sessions in a row without a bar, up to the rebalance; after more of them a candidate no
            longer trades.
        retention_months: A member stays this long at least, unless it no longer trades.
    """

    name: str = "???"
    symbols: list[str] = field(default_factory=list)
    benchmark: str | None = None
    selection: str = "static"
    rebalance: str = "monthly"
    enter_rank: int = 100
    exit_rank: int = 120
    lookback_months: int = 3
    min_dollar_volume: float = 0.0
    min_price: float = 0.0
    min_history: int = 252
    max_absence: int = 5
    retention_months: int = 3

    def __post_init__(self) -> None:
        require_symbols(self.symbols, "universe.symbols")
        if self.benchmark is not None:
            require_symbols([self.benchmark], "universe.benchmark")
        require(
            self.benchmark not in self.symbols,
            "universe.benchmark",
            "no member of universe.symbols",
            self.benchmark,
        )
        require_choice(self.selection, ("static", "dynamic"), "universe.selection")
        require_choice(self.rebalance, ("monthly", "quarterly"), "universe.rebalance")
        require(1 <= self.enter_rank <= 100_000, "universe.enter_rank", "in 1..100000", self.enter_rank)
        require(
            self.enter_rank <= self.exit_rank <= 100_000,
            "universe.exit_rank",
            f"in enter_rank..100000 (enter_rank is {self.enter_rank})",
            self.exit_rank,
        )
        require(1 <= self.lookback_months <= 60, "universe.lookback_months", "in 1..60", self.lookback_months)
        require(
            0 <= self.min_dollar_volume < 1e15,
            "universe.min_dollar_volume",
            "in [0, 1e15)",
            self.min_dollar_volume,
        )
        require(0 <= self.min_price < 1e9, "universe.min_price", "in [0, 1e9)", self.min_price)
        require(1 <= self.min_history <= 1_000_000, "universe.min_history", "in 1..1000000", self.min_history)
        require(0 <= self.max_absence <= 250, "universe.max_absence", "in 0..250", self.max_absence)
        require(
            0 <= self.retention_months <= 120,
            "universe.retention_months",
            "in 0..120",
            self.retention_months,
        )


# What the labels say, of whatever kind (transforms/labels.py): never an input of a model.
LABEL_COLUMNS = (
    *("label", "label_value", "forward_return", "label_end_at"),
    "members_ranked",
    *("touched", "touched_at", "barrier_volatility"),
    *("max_gain", "min_loss", "time_to_max", "coverage"),
)


@dataclass
class LabelsConfig:
    """What a model learns to foresee; each kind is a class of its own (``transforms.labels``).

    Attributes:
        kind: Which labels these are; fixed by the choice of ``labels``.
        horizon: Bars from entry to exit.
        entry: ``next_open`` (enter at the next bar's open, exit ``horizon`` opens later: what an order
            can reach) or ``close`` (close to close).
    """

    name: str = "???"
    kind: str = "???"
    horizon: int = 5
    entry: str = "next_open"

    def __post_init__(self) -> None:
        require(1 <= self.horizon <= 2520, "labels.horizon", "in 1..2520", self.horizon)
        require_choice(self.entry, ("next_open", "close"), "labels.entry")

    def _require_kind(self, kind: str) -> None:
        require(
            self.kind == kind, "labels.kind", f"{kind} here (labels=<choice> takes another kind)", self.kind
        )

    def require_fit(self, timeframe: str, universe: UniverseConfig) -> None:
        """Raise ``ConfigError`` where the bars or the universe cannot give these labels; name the key."""

    def horizon_bars(self, timeframe: str) -> int:
        """Return how many bars of ``timeframe`` a label looks ahead, entry to exit."""
        return self.horizon


@dataclass
class EngineConfig:
    """What the machine lends to a run. Nothing here changes a result.

    Attributes:
        threads: Threads of DuckDB, dbt and xgboost; 0 takes one per core.
        memory_limit: DuckDB's memory limit, such as ``4GB``.
    """

    threads: int = 0
    memory_limit: str = "4GB"

    def __post_init__(self) -> None:
        require(0 <= self.threads <= 256, "engine.threads", "in 0..256", self.threads)
        pattern = r"[1-9][0-9]*(MB|GB)"
        require(
            re.fullmatch(pattern, self.memory_limit) is not None,
            "engine.memory_limit",
            "like 4GB",
            self.memory_limit,
        )


def as_plain(config: Any) -> dict[str, Any]:
    """Return a config dataclass as plain, sorted, JSON-ready data (for fingerprints and manifests)."""
    from dataclasses import asdict

    return dict(sorted(asdict(config).items()))
