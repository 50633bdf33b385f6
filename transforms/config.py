"""Config of data in: source, universe, engine. Light on purpose: ``--help`` imports this module."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from transforms.alpha158 import ALPHA158_COLUMNS
from transforms.errors import ConfigError, nearest

TIMEFRAMES = ("1m", "5m", "15m", "30m", "1h", "1d")
HIGHER_TIMEFRAMES = ("5m", "15m", "30m", "1h", "session", "week", "month")
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


def require_alpha158(columns: list[str], key: str) -> None:
    """Raise ``ConfigError`` for the first entry that is no column of Alpha158, and for duplicates."""
    for column in columns:
        if column not in ALPHA158_COLUMNS:
            hint = nearest(column, ALPHA158_COLUMNS)
            raise ConfigError(
                f"{key} must be columns of Alpha158, such as ma20 or rsv5, was {column!r}.{hint}"
            )
    require(len(set(columns)) == len(columns), key, "a list without duplicates", columns)


def require_date(text: str | None, key: str) -> None:
    """Raise ``ConfigError`` unless ``text`` is None or an ISO date."""
    if text is None:
        return
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{key} must be a date like 2012-12-31, was {text!r}") from error


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
    """Bars in CSV files with a header row."""

    implementation: ClassVar[str] = "transforms.sources.files:CsvSource"

    name: str = "csv"
    separator: str = ","


@dataclass
class SyntheticSourceConfig(SourceConfig):
    """Seeded artificial bars; the trade flow refuses them outside the simulated broker.

    Attributes:
        symbol_count: Number of symbols, ``S0000`` onwards, besides the benchmark ``SYNX``.
        bar_count: Bars per symbol, ending at the last session on or before ``last_session``.
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


# Each is a model intermediate/features/int_features_<set>.sql.
FEATURE_SETS = ("core", "alpha158", "timeseries", "intraday", "cross_section", "multi_timeframe")


MAX_WINDOW = 10_000  # bars; the range that operators take

CROSS_SECTION_FORMS = ("rank", "zscore", "winsorised")
_CROSS_SECTION_COLUMNS = (
    *("return_1", "return_5", "return_20", "return_60", "momentum_12_1", "residual_momentum"),
    *("volatility_20", "log_dollar_volume_20", "amihud_20"),
)
_CROSS_SECTION_COLUMN = (
    r"(return|log_dollar_volume|amihud)_[1-9][0-9]{0,3}|volatility_([2-9]|[1-9][0-9]{1,3})"
    r"|momentum_12_1|residual_momentum"
)

_LEVEL_COLUMNS = (
    *("sma_[0-9]*", "ema_[0-9]*", "macd_[0-9]*", "macd_signal_*", "macd_hist_*[0-9]"),
    *("bbands_upper_*", "bbands_middle_*", "bbands_lower_*", "donchian_upper_*", "donchian_lower_*"),
    *("keltner_upper_*", "keltner_lower_*", "atr_[0-9]*", "obv", "diff_*", "seasonal_trend_*"),
)


@dataclass
class FeaturesConfig:
    """Which feature columns a model may see; the SQL that builds them is in ``models_sql/``.

    Attributes:
        sets: The feature sets that are built and joined into ``marts.features``.
        columns: Columns of ``marts.features``; empty means all numeric ones but ``level_columns``.
        level_columns: Patterns (``*``, ``?``, ``[0-9]``) of columns in units of price or shares, which mean nothing
            from one symbol to the next: kept for people and rules, shown to a model only if named in ``columns``.
        periods_per_year: Bars per year, for annualised volatility.
        alpha158_columns: alpha158: which of its columns are built; empty means all 158.
        return_windows: core: bars of return_N.
        sma_windows: core: bars of sma_N and sma_distance_N.
        ema_windows: core: bars of ema_N.
        rsi_windows: core: bars of rsi_N.
        roc_windows: core: bars of roc_N.
        volatility_windows: core: bars of volatility_N.
        donchian_windows: core: bars of donchian_upper_N, donchian_lower_N and donchian_position_N.
        timeseries_lags: timeseries: bars of return_N, and how long ago lag_return_N was.
        timeseries_windows: timeseries: bars of return_mean_N, return_std_N and return_skew_N.
        timeseries_differences: timeseries: bars of diff_N.
        seasonal_period: timeseries: bars of a season.
        opening_range_minutes: intraday: how long a session's opening range lasts.
        momentum_minutes: intraday: how far momentum_<minutes> look back, by the clock.
        volume_profile_sessions: intraday: with how many earlier sessions a bar's volume is compared.
        regime_short_bars: intraday: bars of the volatility that volatility_regime puts over the long one's.
        regime_long_bars: intraday: bars of the long one.
        higher_timeframes: multi_timeframe: which bars it looks at, of ``HIGHER_TIMEFRAMES``.
        cross_section_columns: cross_section: what is compared among the members of a bar: return_N, volatility_N,
            log_dollar_volume_N, amihud_N (N bars), momentum_12_1 and residual_momentum.
        cross_section_forms: cross_section: in which forms, each a suffix: ``rank``, ``zscore``, ``winsorised``.
        winsorise_by: cross_section: ``deviations`` or ``quantile``: where winsorised values end.
        winsorise_deviations: cross_section: so many standard deviations from the mean of the members.
        winsorise_quantile: cross_section: at this quantile of the members on either side.
        beta_window: cross_section: bars of beta_N and correlation_N, and of the betas of residual_momentum.
    """

    name: str = "???"
    sets: list[str] = field(default_factory=lambda: ["core"])
    columns: list[str] = field(default_factory=list)
    level_columns: list[str] = field(default_factory=lambda: list(_LEVEL_COLUMNS))
    periods_per_year: int = 252
    alpha158_columns: list[str] = field(default_factory=list)
    return_windows: list[int] = field(default_factory=lambda: [1, 5, 10, 20, 60])
    sma_windows: list[int] = field(default_factory=lambda: [10, 20, 50, 200])
    ema_windows: list[int] = field(default_factory=lambda: [9, 12, 21, 26])
    rsi_windows: list[int] = field(default_factory=lambda: [14])
    roc_windows: list[int] = field(default_factory=lambda: [10, 20])
    volatility_windows: list[int] = field(default_factory=lambda: [10, 20, 60])
    donchian_windows: list[int] = field(default_factory=lambda: [20, 55])
    timeseries_lags: list[int] = field(default_factory=lambda: [1, 5, 10, 20])
    timeseries_windows: list[int] = field(default_factory=lambda: [5, 10, 20, 60])
    timeseries_differences: list[int] = field(default_factory=lambda: [1, 5])
    seasonal_period: int = 252
    opening_range_minutes: int = 30
    momentum_minutes: list[int] = field(default_factory=lambda: [5, 30, 60])
    volume_profile_sessions: int = 20
    regime_short_bars: int = 30
    regime_long_bars: int = 390
    higher_timeframes: list[str] = field(default_factory=lambda: ["week", "month"])
    cross_section_columns: list[str] = field(default_factory=lambda: list(_CROSS_SECTION_COLUMNS))
    cross_section_forms: list[str] = field(default_factory=lambda: list(CROSS_SECTION_FORMS))
    winsorise_by: str = "deviations"
    winsorise_deviations: float = 3.0
    winsorise_quantile: float = 0.01
    beta_window: int = 60

    def __post_init__(self) -> None:
        require(bool(self.sets), "features.sets", "at least one set", self.sets)
        for feature_set in self.sets:
            require_choice(feature_set, FEATURE_SETS, "features.sets")
        require(len(set(self.sets)) == len(self.sets), "features.sets", "free of repetitions", self.sets)
        for column in self.columns:
            ok = re.fullmatch(r"[a-z][a-z0-9_]{0,62}", column) is not None
            require(ok, "features.columns", "lower-case column names", column)
            if column in LABEL_COLUMNS:
                raise ConfigError(
                    f"features.columns: {column!r} is a column of the labels and never a feature"
                )
        for pattern in self.level_columns:
            ok = re.fullmatch(r"[a-z0-9_*?\[\]-]{1,63}", pattern) is not None
            require(ok, "features.level_columns", "patterns of lower-case column names", pattern)
        require(
            1 <= self.periods_per_year <= 1_000_000,
            "features.periods_per_year",
            "in 1..1000000",
            self.periods_per_year,
        )
        require_alpha158(self.alpha158_columns, "features.alpha158_columns")
        self._check_windows()
        self._check_cross_section()
        self._check_intraday()
        for timeframe in self.higher_timeframes:
            require_choice(timeframe, HIGHER_TIMEFRAMES, "features.higher_timeframes")
        require(
            len(set(self.higher_timeframes)) == len(self.higher_timeframes) > 0,
            "features.higher_timeframes",
            "at least one timeframe, none twice",
            self.higher_timeframes,
        )

    def _check_windows(self) -> None:
        # What each statistic needs at least; the most is far beyond any history of daily bars.
        lowest = {
            "return_windows": 1,
            "sma_windows": 1,
            "ema_windows": 1,
            "rsi_windows": 2,
            "roc_windows": 1,
            "volatility_windows": 2,
            "donchian_windows": 1,
            "timeseries_lags": 1,
            "timeseries_windows": 3,
            "timeseries_differences": 1,
        }
        for name, low in lowest.items():
            windows: list[int] = getattr(self, name)
            for window in windows:
                require(
                    low <= window <= MAX_WINDOW, f"features.{name}", f"bars in {low}..{MAX_WINDOW}", window
                )
            distinct = len(set(windows)) == len(windows) > 0
            require(distinct, f"features.{name}", "at least one window, none twice", windows)
        period = self.seasonal_period
        require(2 <= period <= MAX_WINDOW, "features.seasonal_period", f"in 2..{MAX_WINDOW}", period)

    def _check_cross_section(self) -> None:
        columns, forms = self.cross_section_columns, self.cross_section_forms
        for column in columns:
            ok = re.fullmatch(_CROSS_SECTION_COLUMN, column) is not None
            rule = (
                "columns like return_20, volatility_20, log_dollar_volume_20, amihud_20 (bars in 1..9999, of "
                "volatility from 2), momentum_12_1 or residual_momentum"
            )
            require(ok, "features.cross_section_columns", rule, column)
        distinct = len(set(columns)) == len(columns) > 0
        require(distinct, "features.cross_section_columns", "at least one column, none twice", columns)
        for form in forms:
            require_choice(form, CROSS_SECTION_FORMS, "features.cross_section_forms")
        distinct = len(set(forms)) == len(forms) > 0
        require(distinct, "features.cross_section_forms", "at least one form, none twice", forms)
        require_choice(self.winsorise_by, ("deviations", "quantile"), "features.winsorise_by")
        limit = self.winsorise_deviations
        require(0.1 <= limit < 100, "features.winsorise_deviations", "in [0.1, 100)", limit)
        limit = self.winsorise_quantile
        require(0 <= limit < 0.5, "features.winsorise_quantile", "in [0, 0.5)", limit)
        window = self.beta_window
        require(2 <= window <= MAX_WINDOW, "features.beta_window", f"in 2..{MAX_WINDOW}", window)

    def _check_intraday(self) -> None:
        minutes = self.opening_range_minutes
        require(1 <= minutes <= 1440, "features.opening_range_minutes", "in 1..1440", minutes)
        for minutes in self.momentum_minutes:
            require(1 <= minutes <= 1440, "features.momentum_minutes", "minutes in 1..1440", minutes)
        require(
            len(set(self.momentum_minutes)) == len(self.momentum_minutes) > 0,
            "features.momentum_minutes",
            "at least one number of minutes, none twice",
            self.momentum_minutes,
        )
        sessions = self.volume_profile_sessions
        require(2 <= sessions <= 1000, "features.volume_profile_sessions", "in 2..1000", sessions)
        require(
            self.regime_short_bars >= 1, "features.regime_short_bars", "at least 1", self.regime_short_bars
        )
        require(
            self.regime_short_bars < self.regime_long_bars <= 10_000,
            "features.regime_long_bars",
            f"above features.regime_short_bars ({self.regime_short_bars}) and at most 10000",
            self.regime_long_bars,
        )

    def require_timeframe(self, timeframe: str) -> None:
        """Raise ``ConfigError`` unless the chosen sets can be built over bars of ``timeframe``; name both keys."""
        length = BAR_MINUTES.get(timeframe)
        if "intraday" in self.sets:
            require(
                length is not None,
                "source.timeframe",
                f"one of {', '.join(BAR_MINUTES)} where features.sets has intraday",
                timeframe,
            )
            for key, values in {
                "features.opening_range_minutes": [self.opening_range_minutes],
                "features.momentum_minutes": self.momentum_minutes,
            }.items():
                whole = all(value % (length or 1) == 0 for value in values)
                require(whole, key, f"multiples of {length}, as source.timeframe is {timeframe}", values)
        if "multi_timeframe" in self.sets:
            above = timeframes_above(timeframe)
            for higher in self.higher_timeframes:
                require(
                    higher in above,
                    "features.higher_timeframes",
                    f"longer than source.timeframe ({timeframe}): of {', '.join(above)}",
                    higher,
                )


def timeframes_above(timeframe: str) -> tuple[str, ...]:
    """Return the timeframes into which bars of ``timeframe`` can be put together, shortest first."""
    length = BAR_MINUTES.get(timeframe)
    if length is None:
        return ("week", "month")
    return tuple(name for name in HIGHER_TIMEFRAMES if BAR_MINUTES.get(name, 1440) > length)


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
