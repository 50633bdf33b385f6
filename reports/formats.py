"""How figures are written in reports: one way for each kind, and a dash where there is nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import partial

DASH = "–"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
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
    # The same amount, summed in another order, differs in its last bits; half a cent must not fall two ways.
    text = f"{round(abs(figure) * scale, digits + 6):,.{digits}f}"
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


def shade(value: float | None, scale: float) -> str | None:
    """Return a cell's background: white at 0, blue at +scale, orange at −scale; light enough for dark ink."""
    if value is None or scale <= 0:
        return None
    depth = min(1.0, abs(value) / scale)
    full = (118, 178, 226) if value >= 0 else (245, 172, 120)
    red, green, blue = (round(255 + (channel - 255) * depth) for channel in full)
    return f"#{red:02x}{green:02x}{blue:02x}"


def shading_scale(values: Iterable[float | None]) -> float:
    """Return the size that deserves full colour: the 90 % quantile, lest one wild value blanch all others."""
    sizes = sorted(abs(value) for value in values if value is not None)
    return sizes[int(0.9 * (len(sizes) - 1))] if sizes else 0.0


@dataclass(frozen=True)
class Metric:
    """How one metric is labelled and written.

    Attributes:
        label: What people call it.
        kind: ``percent``, ``signed`` (percent with sign), ``small`` (signed percent, two decimals), ``ratio``,
            ``precise`` (three decimals), ``times``, ``decimal`` (one decimal), ``count`` or ``usd``.
        about: One line that says what it is.
        group: The heading under which it stands among all figures.
    """

    label: str
    kind: str
    about: str = ""
    group: str = "Other"

    def written(self, value: object) -> str:
        """Write ``value`` in this metric's way."""
        return _WRITERS[self.kind](value)

    def difference(self, value: object, base: object) -> str:
        """Write by how much ``value`` is above ``base``, with its sign; of percentages in points (pp)."""
        ours, theirs = number(value), number(base)
        if ours is None or theirs is None or math.isinf(ours) or math.isinf(theirs):
            return DASH
        return _DIFFERENCES.get(self.kind, partial(ratio, signed=True))(ours - theirs)


def points(value: object, digits: int = 1) -> str:
    """Write a difference of two fractions in percentage points: 0.012 → ``+1.2 pp``."""
    return _written(value, digits, scale=100, signed=True, unit=" pp")


_WRITERS: dict[str, Callable[[object], str]] = {
    "percent": percent,
    "signed": partial(percent, signed=True),
    "small": partial(percent, digits=2, signed=True),
    "ratio": ratio,
    "precise": partial(ratio, digits=3),
    "times": partial(_written, digits=1, unit="×"),
    "decimal": partial(_written, digits=1),
    "count": count,
    "usd": usd,
}
_DIFFERENCES: dict[str, Callable[[object], str]] = {
    "percent": points,
    "signed": points,
    "small": partial(points, digits=2),
    "precise": partial(ratio, digits=3, signed=True),
    "times": partial(_written, digits=1, signed=True, unit="×"),
    "decimal": partial(_written, digits=1, signed=True),
    "count": partial(_written, digits=0, signed=True),
    "usd": partial(usd, signed=True),
}
_CHANCE = "Probability that the true Sharpe ratio is above "
# In the order in which they are shown; consecutive ones of a group stand under its heading.
_GROUPS: dict[str, dict[str, tuple[str, str, str]]] = {
    "Return": {
        "total_return": ("Total return", "signed", "Last equity over first, less one"),
        "cagr": ("CAGR", "signed", "Compound annual growth rate"),
        "initial_equity": ("Initial equity, USD", "usd", "Equity at the close of the first session"),
        "final_equity": ("Final equity, USD", "usd", "Equity at the close of the last session"),
        "sessions": ("Sessions", "count", "Days on which equity was measured"),
    },
    "Return for risk": {
        "sharpe": (
            "Sharpe",
            "ratio",
            "Mean over standard deviation of returns, annualised, no risk-free rate",
        ),
        "sortino": ("Sortino", "ratio", "Mean return over downside deviation, annualised"),
        "calmar": ("Calmar", "ratio", "CAGR over deepest drawdown"),
        "omega": ("Omega", "ratio", "Sum of gains over sum of losses of all sessions"),
        "probabilistic_sharpe": (
            "Probabilistic Sharpe",
            "percent",
            _CHANCE + "0, given length, skew and tails of the returns",
        ),
        "deflated_sharpe": (
            "Deflated Sharpe",
            "percent",
            _CHANCE + "what the best of all configs tried would show by luck",
        ),
        "expected_max_sharpe": (
            "Sharpe of luck",
            "ratio",
            "Sharpe ratio that the best of as many worthless configs would show",
        ),
        "trials": ("Trials", "count", "Configs of this strategy that were backtested on these data so far"),
    },
    "Risk": {
        "volatility": ("Volatility", "percent", "Standard deviation of returns, annualised"),
        "max_drawdown": ("Max drawdown", "percent", "Deepest fall from a peak of equity"),
        "max_drawdown_sessions": (
            "Longest drawdown, sessions",
            "count",
            "Most sessions in a row below an earlier peak",
        ),
        "var_95": ("VaR 95 %", "small", "Return that one session in twenty falls below"),
        "var_99": ("VaR 99 %", "small", "Return that one session in a hundred falls below"),
        "cvar_95": ("CVaR 95 %", "small", "Mean return of the worst twentieth of sessions"),
        "cvar_99": ("CVaR 99 %", "small", "Mean return of the worst hundredth of sessions"),
        "skew": ("Skew", "ratio", "Skewness of returns; below 0 the large moves are losses"),
        "kurtosis": ("Excess kurtosis", "ratio", "Fatness of the tails of returns; 0 is the normal's"),
        "tail_ratio": (
            "Tail ratio",
            "ratio",
            "95 % quantile of returns over the 5 % one, both without sign",
        ),
    },
    "Against the benchmark": {
        "alpha": ("Alpha", "signed", "Return a year that the benchmark's moves do not explain"),
        "beta": ("Beta", "ratio", "Slope of returns on the benchmark's"),
        "information_ratio": (
            "Information ratio",
            "ratio",
            "Mean over deviation of returns less the benchmark's, annualised",
        ),
        "tracking_error": (
            "Tracking error",
            "percent",
            "Deviation of returns less the benchmark's, annualised",
        ),
        "up_capture": ("Up capture", "ratio", "Growth over the benchmark's, on the sessions it rose"),
        "down_capture": ("Down capture", "ratio", "Growth over the benchmark's, on the sessions it fell"),
    },
    "Exposure and capacity": {
        "exposure": ("Exposure", "percent", "Mean gross exposure, fraction of equity"),
        "net_exposure": ("Net exposure", "percent", "Mean of long less short, fraction of equity"),
        "turnover": ("Turnover", "times", "Bought plus sold value over equity, a year"),
        "capacity": (
            "Capacity, USD",
            "usd",
            "Equity at which the mean share of traded volume reaches the configured limit",
        ),
    },
    "Trades": {
        "trades": ("Trades", "count", "Round trips, open ones included"),
        "hit_rate": ("Hit rate", "percent", "Closed trades with a profit"),
        "profit_factor": ("Profit factor", "ratio", "Sum of profits over sum of losses of closed trades"),
        "payoff_ratio": ("Payoff", "ratio", "Mean profit over mean loss of closed trades"),
        "expectancy": ("Expectancy, USD", "usd", "Mean profit or loss of a closed trade"),
        "expectancy_return": ("Expectancy", "small", "Mean return on entry value of a closed trade"),
        "holding_sessions": (
            "Holding time, sessions",
            "decimal",
            "Mean sessions that a closed trade was held",
        ),
        "mae": ("MAE", "percent", "Mean worst excursion of the price from entry while held"),
        "mfe": ("MFE", "percent", "Mean best excursion of the price from entry while held"),
        "mae_winners": ("MAE of winners", "percent", "Mean worst excursion of trades that made a profit"),
        "mfe_losers": ("MFE of losers", "percent", "Mean best excursion of trades that made a loss"),
    },
    "Costs": {
        "costs": ("Costs, USD", "usd", "Commission, fees, slippage and borrow, all fills and sessions"),
        "commission": ("Commission, USD", "usd", "Paid to the broker"),
        "fees": ("Fees, USD", "usd", "Paid to regulators and exchanges"),
        "slippage": (
            "Slippage, USD",
            "usd",
            "Fill prices against reference prices: spread, slippage and impact",
        ),
        "borrow": ("Borrow, USD", "usd", "Paid for shares sold short"),
        "interest": ("Interest, USD", "usd", "Paid on margin, less what cash earned; below 0 it earned more"),
    },
    "Model": {
        "auc": ("AUC", "precise", "Area under the ROC curve, out of sample; 0.5 is chance"),
        "log_loss": (
            "Log loss",
            "precise",
            "Mean negative log likelihood, out of sample; ln 2 = 0.693 is a coin's",
        ),
        "brier": ("Brier", "precise", "Mean squared error of the probability; 0.25 is a coin's"),
        "accuracy": ("Accuracy", "percent", "Share of rows called rightly"),
        "precision": ("Precision", "percent", "Share of rows called positive that were"),
        "base_rate": ("Base rate", "percent", "Share of rows that were positive"),
        "information_coefficient": (
            "IC",
            "precise",
            "Rank correlation of score and forward return, mean over bars",
        ),
        "ic_t_stat": ("IC t", "ratio", "t-statistic of the IC (Newey and West)"),
        "rows": ("Scored rows with a label", "count", "Rows behind these figures"),
        "ic_cross_sections": ("Bars with an IC", "count", "Cross-sections behind the IC"),
    },
}
_METRICS = {
    name: Metric(*shape, group) for group, members in _GROUPS.items() for name, shape in members.items()
}

METRIC_NAMES = tuple(_METRICS)


def metric(name: str) -> Metric:
    """Return how to write metric ``name``; one that is not known here is written as a plain number."""
    known = _METRICS.get(name)
    return known or Metric(name.replace("_", " ").capitalize(), "ratio")
