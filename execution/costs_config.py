"""Config of costs: what fills and holdings cost. Light: ``--help`` imports this module."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from itertools import pairwise

from transforms.config import require, require_date, require_symbols

_BPS = (0.0, 1000.0)
_USD = (0.0, 1e6)


@dataclass
class CostsConfig:
    """What a fill costs, and holding a short; ``docs/costs.md`` has the formulas.

    Attributes:
        commission_bps: Commission on traded value (basis points).
        commission_per_share: Commission per share (USD).
        commission_per_order: Commission on each fill, whatever its size (USD).
        commission_minimum: Least commission of a fill (USD).
        commission_maximum: Largest commission of a fill (USD); null for none.
        commission_maximum_bps: Largest commission of a fill as a part of its value (basis points); null for none.
            Where it is below the minimum, it holds.
        sec_fee: Whether sales pay the SEC's Section 31 fee, at the rate of their day.
        sec_fee_rates: Effective date to USD per million of sales, in place of the published rates; empty for those.
        taf: Whether sales pay FINRA's Trading Activity Fee, at the rate of their day.
        taf_rates: Effective date to USD per share and largest USD per fill, in place of the published rates; empty
            for those.
        half_spread_bps: Half the distance between bid and ask (basis points of the price).
        half_spread_bps_by_symbol: Symbol to half spread, where it differs. Every symbol must be one of the source's.
        spread_minutes: Minutes after the open at which the session's parts begin, ascending from 0. Daily and longer
            bars fill in the first part.
        spread_multiples: What the half spread is multiplied by in each of these parts.
        slippage_bps: Distance of the fill from the reference price, against us (basis points).
        slippage_volatility: The same in multiples of the symbol's daily volatility.
        impact: Square-root impact: multiples of daily volatility times √(shares / the bar's volume).
        slippage_model: Version of a slippage model that `flow=fit_slippage` fitted to recorded fills; null for none.
        borrow_rate: What shorts pay a year, as a fraction of their value.
        borrow_rate_by_symbol: Symbol to borrow rate, where it differs. Every symbol must be one of the source's.
        slippage_multiple: Multiplies spread, slippage (the fitted one too) and impact, for stress.
        charges_multiple: Multiplies commission, fees and borrow rates, for stress.
    """

    name: str = "???"
    commission_bps: float = 0.0
    commission_per_share: float = 0.0
    commission_per_order: float = 0.0
    commission_minimum: float = 0.0
    commission_maximum: float | None = None
    commission_maximum_bps: float | None = None
    sec_fee: bool = False
    sec_fee_rates: dict[str, float] = field(default_factory=dict)
    taf: bool = False
    taf_rates: dict[str, list[float]] = field(default_factory=dict)
    half_spread_bps: float = 0.0
    half_spread_bps_by_symbol: dict[str, float] = field(default_factory=dict)
    spread_minutes: list[int] = field(default_factory=lambda: [0])
    spread_multiples: list[float] = field(default_factory=lambda: [1.0])
    slippage_bps: float = 0.0
    slippage_volatility: float = 0.0
    impact: float = 0.0
    slippage_model: str | None = None
    borrow_rate: float = 0.0
    borrow_rate_by_symbol: dict[str, float] = field(default_factory=dict)
    slippage_multiple: float = 1.0
    charges_multiple: float = 1.0

    def __post_init__(self) -> None:
        for name, bounds in (
            ("commission_bps", _BPS),
            ("commission_per_share", _USD),
            ("commission_per_order", _USD),
            ("commission_minimum", _USD),
            ("half_spread_bps", _BPS),
            ("slippage_bps", _BPS),
            ("slippage_volatility", (0.0, 10.0)),
            ("impact", (0.0, 10.0)),
            ("borrow_rate", (0.0, 10.0)),
            ("slippage_multiple", (0.0, 100.0)),
            ("charges_multiple", (0.0, 100.0)),
        ):
            _require_within(getattr(self, name), bounds, f"costs.{name}")
        if self.commission_maximum is not None:
            _require_within(self.commission_maximum, _USD, "costs.commission_maximum")
            require(
                self.commission_maximum >= self.commission_minimum,
                "costs.commission_maximum",
                f"at least costs.commission_minimum ({self.commission_minimum:g})",
                self.commission_maximum,
            )
        if self.commission_maximum_bps is not None:
            _require_within(self.commission_maximum_bps, (0.0, 10_000.0), "costs.commission_maximum_bps")
        for day, rate in self.sec_fee_rates.items():
            _require_day(day, "costs.sec_fee_rates")
            _require_within(rate, (0.0, 10_000.0), f"costs.sec_fee_rates.{day}")
        for day, pair in self.taf_rates.items():
            _require_day(day, "costs.taf_rates")
            key = f"costs.taf_rates.{day}"
            require(len(pair) == 2, key, "[USD per share, largest USD per fill]", pair)
            _require_within(pair[0], (0.0, 1.0), f"{key}[0]")
            _require_within(pair[1], _USD, f"{key}[1]")
        for name, bounds in (("half_spread_bps_by_symbol", _BPS), ("borrow_rate_by_symbol", (0.0, 10.0))):
            by_symbol: dict[str, float] = getattr(self, name)
            require_symbols(list(by_symbol), f"costs.{name}")
            for symbol, value in by_symbol.items():
                _require_within(value, bounds, f"costs.{name}.{symbol}")
        self._require_parts()
        if self.slippage_model is not None:
            ok = re.fullmatch(r"s[0-9a-f]{16}", self.slippage_model) is not None
            rule = "null, or a version (s and 16 hex digits) that quantmill flow=fit_slippage has made"
            require(ok, "costs.slippage_model", rule, self.slippage_model)

    def _require_parts(self) -> None:
        """Raise ``ConfigError`` unless the parts of the session are in order and each has a multiple."""
        minutes, multiples = self.spread_minutes, self.spread_multiples
        require_ascending_minutes(minutes, "costs.spread_minutes")
        require(
            len(multiples) == len(minutes),
            "costs.spread_multiples",
            f"as many as costs.spread_minutes ({len(minutes)})",
            multiples,
        )
        for multiple in multiples:
            _require_within(multiple, (0.0, 100.0), "costs.spread_multiples")


def require_ascending_minutes(minutes: list[int], key: str) -> None:
    """Raise ``ConfigError`` unless ``minutes`` can be where the parts of a session begin."""
    rises = all(early < late for early, late in pairwise(minutes))
    ok = bool(minutes) and minutes[0] == 0 and rises and minutes[-1] < 1440
    require(ok, key, "ascending minutes below 1440 that begin with 0", minutes)


def _require_within(value: float, bounds: tuple[float, float], key: str) -> None:
    low, high = bounds
    require(math.isfinite(value) and low <= value <= high, key, f"in [{low:g}, {high:g}]", value)


def _require_day(day: str, key: str) -> None:
    require_date(day, key)
    # fromisoformat takes 20240101 as well, which would not sort among the others.
    require(re.fullmatch(r"\d{4}-\d\d-\d\d", day) is not None, key, "a date like 2012-12-31", day)
