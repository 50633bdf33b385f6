"""Config of the feature sets: which are built, with which windows, and what of them a model sees."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from transforms.alpha158 import ALPHA158_COLUMNS
from transforms.config import BAR_MINUTES, LABEL_COLUMNS, require, require_choice
from transforms.errors import ConfigError, nearest

HIGHER_TIMEFRAMES = ("5m", "15m", "30m", "1h", "session", "week", "month")
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


def _require_alpha158(columns: list[str], key: str) -> None:
    """Raise ``ConfigError`` for the first entry that is no column of Alpha158, and for duplicates."""
    for column in columns:
        if column not in ALPHA158_COLUMNS:
            hint = nearest(column, ALPHA158_COLUMNS)
            raise ConfigError(
                f"{key} must be columns of Alpha158, such as ma20 or rsv5, was {column!r}.{hint}"
            )
    require(len(set(columns)) == len(columns), key, "a list without duplicates", columns)


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
        _require_alpha158(self.alpha158_columns, "features.alpha158_columns")
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
