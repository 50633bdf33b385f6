"""How figures are written in reports: one way for each kind, and a dash where there is nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import partial

DASH = "–"
_MINUS = "−"  # as wide as "+" among tabular numerals


def number(value: object) -> float | None:
    """Return ``value`` as float; None for None, NaN and what is no number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return None if math.isnan(value) else float(value)


def _written(value: object, digits: int, *, scale: float = 1.0, signed: bool = False, unit: str = "") -> str:
    figure = number(value)
    if figure is None:
        return DASH
    if math.isinf(figure):
        return "∞" if figure > 0 else f"{_MINUS}∞"
    text = f"{abs(figure) * scale:,.{digits}f}"
    is_zero = not text.strip("0.,")  # what rounds to nothing carries no sign
    sign = "" if is_zero else _MINUS if figure < 0 else "+" if signed else ""
    return f"{sign}{text}{unit}"


def percent(value: object, digits: int = 1, *, signed: bool = False) -> str:
    """Write a fraction as percent: 0.0834 → ``8.3%``."""
    return _written(value, digits, scale=100, signed=signed, unit="%")


def ratio(value: object, digits: int = 2, *, signed: bool = False) -> str:
    """Write a plain number: 1.2345 → ``1.23``."""
    return _written(value, digits, signed=signed)


def usd(value: object, digits: int = 2, *, signed: bool = False) -> str:
    """Write an amount of USD: 1234.5 → ``1,234.50``."""
    return _written(value, digits, signed=signed)


def count(value: object) -> str:
    """Write a whole number: 12345 → ``12,345``."""
    return _written(value, 0)


def shares(value: object) -> str:
    """Write a quantity; decimals only where there are any."""
    figure = number(value)
    whole = figure is None or math.isinf(figure) or figure == round(figure)
    return _written(value, 0 if whole else 4)


def seconds(value: object) -> str:
    """Write a duration in seconds: 0.0421 → ``0.04 s``."""
    return _written(value, 2 if (number(value) or 0.0) < 10 else 1, unit=" s")


def moment(value: object) -> str:
    """Write a date or a UTC stamp; a midnight, as daily bars carry it, as its date."""
    if isinstance(value, datetime):
        daily = value.time() == time(0)
        return value.date().isoformat() if daily else value.isoformat(sep=" ", timespec="minutes")
    return value.isoformat() if isinstance(value, date) else DASH


def text(value: object) -> str:
    """Write anything else; a dash for None and the empty string."""
    return DASH if value is None or value == "" else str(value)


@dataclass(frozen=True)
class Metric:
    """How one metric is labelled and written.

    Attributes:
        label: What people call it.
        kind: ``percent``, ``signed`` (percent with sign), ``ratio``, ``precise`` (three decimals), ``times``,
            ``count`` or ``usd``.
        about: One line that says what it is.
    """

    label: str
    kind: str
    about: str = ""

    def written(self, value: object) -> str:
        """Write ``value`` in this metric's way."""
        return _WRITERS[self.kind](value)


_WRITERS: dict[str, Callable[[object], str]] = {
    "percent": percent,
    "signed": partial(percent, signed=True),
    "ratio": ratio,
    "precise": partial(ratio, digits=3),
    "times": partial(_written, digits=1, unit="×"),
    "count": count,
    "usd": usd,
}
# In the order in which they are shown.
_METRICS = {
    "total_return": Metric("Total return", "signed", "Last equity over first, less one"),
    "cagr": Metric("CAGR", "signed", "Compound annual growth rate"),
    "volatility": Metric("Volatility", "percent", "Standard deviation of returns, annualised"),
    "sharpe": Metric(
        "Sharpe", "ratio", "Mean over standard deviation of returns, annualised, no risk-free rate"
    ),
    "sortino": Metric("Sortino", "ratio", "Mean return over downside deviation, annualised"),
    "calmar": Metric("Calmar", "ratio", "CAGR over deepest drawdown"),
    "max_drawdown": Metric("Max drawdown", "percent", "Deepest fall from a peak of equity"),
    "max_drawdown_sessions": Metric(
        "Longest drawdown, sessions", "count", "Most sessions in a row below an earlier peak"
    ),
    "alpha": Metric("Alpha", "signed", "Return a year that the benchmark's moves do not explain"),
    "beta": Metric("Beta", "ratio", "Slope of returns on the benchmark's"),
    "information_ratio": Metric(
        "Information ratio", "ratio", "Mean over deviation of returns less the benchmark's, annualised"
    ),
    "exposure": Metric("Exposure", "percent", "Mean gross exposure, fraction of equity"),
    "turnover": Metric("Turnover", "times", "Bought plus sold value over equity, a year"),
    "trades": Metric("Trades", "count", "Round trips, open ones included"),
    "hit_rate": Metric("Hit rate", "percent", "Closed trades with a profit"),
    "profit_factor": Metric("Profit factor", "ratio", "Sum of profits over sum of losses of closed trades"),
    "initial_equity": Metric("Initial equity, USD", "usd", "Equity at the close of the first session"),
    "final_equity": Metric("Final equity, USD", "usd", "Equity at the close of the last session"),
    "costs": Metric("Costs, USD", "usd", "Commission and slippage of all fills"),
    "commission": Metric("Commission, USD", "usd", "Paid to the broker"),
    "slippage": Metric("Slippage, USD", "usd", "Fill prices against the bar's open"),
    "sessions": Metric("Sessions", "count", "Days on which equity was measured"),
    "auc": Metric("AUC", "precise", "Area under the ROC curve, out of sample; 0.5 is chance"),
    "log_loss": Metric(
        "Log loss", "precise", "Mean negative log likelihood, out of sample; ln 2 = 0.693 is a coin's"
    ),
    "brier": Metric("Brier", "precise", "Mean squared error of the probability; 0.25 is a coin's"),
    "accuracy": Metric("Accuracy", "percent", "Share of rows called rightly"),
    "precision": Metric("Precision", "percent", "Share of rows called positive that were"),
    "base_rate": Metric("Base rate", "percent", "Share of rows that were positive"),
    "information_coefficient": Metric(
        "IC", "precise", "Rank correlation of score and forward return, mean over bars"
    ),
    "ic_t_stat": Metric("IC t", "ratio", "t-statistic of the IC (Newey and West)"),
    "rows": Metric("Scored rows with a label", "count", "Rows behind these figures"),
    "ic_cross_sections": Metric("Bars with an IC", "count", "Cross-sections behind the IC"),
}

METRIC_NAMES = tuple(_METRICS)


def metric(name: str) -> Metric:
    """Return how to write metric ``name``; one that is not known here is written as a plain number."""
    known = _METRICS.get(name)
    return known or Metric(name.replace("_", " ").capitalize(), "ratio")
