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
        kind: ``percent``, ``signed`` (percent with sign), ``ratio``, ``precise`` (four decimals), ``times``,
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
    "precise": partial(ratio, digits=4),
    "times": partial(_written, digits=1, unit="×"),
    "count": count,
    "usd": usd,
}
_METRICS = {
    "total_return": Metric("Total return", "signed", "Last equity over first, less one"),
    "cagr": Metric("CAGR", "signed", "Compound annual growth rate"),
    "volatility": Metric("Volatility", "percent", "Standard deviation of returns, annualised"),
    "sharpe": Metric(
        "Sharpe", "ratio", "Mean over standard deviation of returns, annualised; risk-free rate 0"
    ),
    "sortino": Metric("Sortino", "ratio", "Mean return over downside deviation, annualised"),
    "max_drawdown": Metric("Max drawdown", "percent", "Deepest fall from the highest equity so far"),
    "max_drawdown_sessions": Metric(
        "Longest drawdown", "count", "Sessions below an earlier peak, longest run"
    ),
    "calmar": Metric("Calmar", "ratio", "CAGR over deepest drawdown"),
    "alpha": Metric("Alpha", "signed", "Intercept of returns on the benchmark's, annualised"),
    "beta": Metric("Beta", "ratio", "Slope of returns on the benchmark's"),
    "information_ratio": Metric(
        "Information ratio", "ratio", "Mean over deviation of the return above the benchmark's"
    ),
    "exposure": Metric("Exposure", "percent", "Mean gross exposure, fraction of equity"),
    "turnover": Metric("Turnover", "times", "Value bought and sold over equity, a year"),
    "trades": Metric("Trades", "count", "Round trips"),
    "hit_rate": Metric("Hit rate", "percent", "Closed trades with a profit"),
    "profit_factor": Metric("Profit factor", "ratio", "Sum of profits over sum of losses of closed trades"),
    "commission": Metric("Commission", "usd", "USD, all fills"),
    "slippage": Metric("Slippage", "usd", "USD against the open, all fills"),
    "costs": Metric("Costs", "usd", "Commission and slippage, USD"),
    "initial_equity": Metric("Initial equity", "usd", "USD at the first session's close"),
    "final_equity": Metric("Final equity", "usd", "USD at the last session's close"),
    "sessions": Metric("Sessions", "count", "Sessions with an equity"),
    "auc": Metric("AUC", "precise", "Area under the ROC curve, out of sample; 0.5 is chance"),
    "log_loss": Metric(
        "Log loss", "precise", "Mean negative log likelihood, out of sample; ln 2 = 0.6931 is chance"
    ),
    "precision": Metric("Precision", "percent", "Share of rows called positive that were"),
    "information_coefficient": Metric("IC", "precise", "Rank correlation of score and forward return"),
}

METRIC_NAMES = tuple(_METRICS)


def metric(name: str) -> Metric:
    """Return how to write metric ``name``; one that is not known here is written as a plain number."""
    known = _METRICS.get(name)
    return known or Metric(name.replace("_", " ").capitalize(), "ratio")
