"""What fills and holdings cost: one table for the simulator and the optimiser (``docs/costs.md``)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from execution.config import CostsConfig
from execution.kernel.types import CostTable
from execution.regulatory_fees import section_31_rates, trading_activity_fees
from execution.slippage import SlippageModel
from execution.types import Floats
from transforms.errors import ConfigError, nearest
from transforms.warehouse import Warehouse

_BPS = 1e-4


def cost_table(
    config: CostsConfig,
    symbols: Sequence[str],
    sessions: Sequence[date],
    *,
    minutes: NDArray[np.int64] | None = None,
    slippage: SlippageModel | None = None,
) -> CostTable:
    """Lay out a config's costs over bars and symbols.

    Args:
        symbols: In the order of the columns, (N,).
        sessions: The session of each bar, (T,).
        minutes: Minutes from the session's open to each bar's start, (T,); None for bars of a day and longer, whose
            fills are in the first part of the session.
        slippage: The model that ``config.slippage_model`` names (``execution.slippage.pinned`` loads it).

    Raises:
        ConfigError: If the config pins a slippage model and another one, or none, is given.
    """
    if config.slippage_model != (slippage.version if slippage else None):
        raise ConfigError(
            f"costs.slippage_model is {config.slippage_model or 'null'}, but the model at hand is "
            f"{slippage.version if slippage else 'none'}: load it with execution.slippage.pinned"
        )
    starts = np.union1d(config.spread_minutes, slippage.minutes if slippage else [0]).astype(np.int64)
    part = np.searchsorted(config.spread_minutes, starts, side="right") - 1
    spread = np.outer(
        np.array(config.spread_multiples)[part],
        _by_symbol(symbols, config.half_spread_bps, config.half_spread_bps_by_symbol),
    )
    if slippage is not None:
        spread += slippage.bps(symbols)[np.searchsorted(slippage.minutes, starts, side="right") - 1]
    count = len(sessions)
    none = np.zeros(count)
    sale_rate = section_31_rates(sessions, config.sec_fee_rates) if config.sec_fee else none
    per_share, most = trading_activity_fees(sessions, config.taf_rates) if config.taf else (none, none)
    charged, moved = config.charges_multiple, config.slippage_multiple
    return CostTable(
        per_share=config.commission_per_share * charged,
        per_order=config.commission_per_order * charged,
        rate=config.commission_bps * _BPS * charged,
        minimum=config.commission_minimum * charged,
        maximum=_scaled(config.commission_maximum, charged),
        maximum_rate=_scaled(config.commission_maximum_bps, _BPS * charged),
        sale_rate=sale_rate * charged,
        sale_per_share=per_share * charged,
        sale_maximum=most * charged,
        spread=spread * _BPS * moved,
        bucket=_part_of(starts, minutes, count),
        slippage=config.slippage_bps * _BPS * moved,
        slippage_volatility=config.slippage_volatility * moved,
        impact=config.impact * moved,
        borrow_rate=_by_symbol(symbols, config.borrow_rate, config.borrow_rate_by_symbol) * charged,
    )


def linear_costs(table: CostTable, t: int, *, price: Floats, volatility: Floats) -> Floats:
    """Return what trading one more dollar of each symbol costs at bar ``t``, one way, (N,); for the optimiser.

    The part of ``docs/costs.md`` that is in proportion to size: spread, slippage, commission per share and in bps,
    and half of the fees on sales (what is bought is sold once). Minima, maxima, commission per order and impact
    are not.

    Args:
        price: Last prices, USD per share, (N,); NaN where there is none, and so is the cost.
        volatility: Daily volatility (fraction), (N,); 0 or NaN if unknown.
    """
    moved = (
        table.spread[table.bucket[t]] + table.slippage + table.slippage_volatility * np.nan_to_num(volatility)
    )
    per_share = table.per_share + table.sale_per_share[t] / 2
    costs: Floats = moved + table.rate + table.sale_rate[t] / 2 + per_share / price
    return costs


def require_known_symbols(config: CostsConfig, warehouse: Warehouse) -> None:
    """Refuse costs for a symbol that ``marts.bars`` has never had; one outside the universe is allowed.

    Raises:
        ConfigError: Names the key, the symbol and the nearest known ones.
    """
    asked = (
        ("half_spread_bps_by_symbol", config.half_spread_bps_by_symbol),
        ("borrow_rate_by_symbol", config.borrow_rate_by_symbol),
    )
    if not any(named for _, named in asked):
        return
    known = set(warehouse.read("select distinct symbol from marts.bars")["symbol"].to_list())
    for key, named in asked:
        for symbol in named:
            if symbol not in known:
                raise ConfigError(f"costs.{key}: the bars have no symbol {symbol}.{nearest(symbol, known)}")


def _by_symbol(symbols: Sequence[str], default: float, named: dict[str, float]) -> Floats:
    return np.array([named.get(symbol, default) for symbol in symbols], dtype=np.float64)


def _scaled(limit: float | None, multiple: float) -> float:
    return np.inf if limit is None else limit * multiple


def _part_of(starts: NDArray[np.int64], minutes: NDArray[np.int64] | None, count: int) -> NDArray[np.int64]:
    """Return which part of the session each bar's fills are in; what is before the open is in the first."""
    if minutes is None:
        return np.zeros(count, dtype=np.int64)
    return np.maximum(np.searchsorted(starts, minutes, side="right") - 1, 0).astype(np.int64)
