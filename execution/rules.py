"""Config → what the kernel takes: its rules, and the market they meet."""

from __future__ import annotations

from dataclasses import dataclass

from execution.config import BookConfig
from execution.costs import cost_table, require_known_symbols
from execution.kernel import check_market
from execution.kernel.types import FILL_AT, ORDER_TYPES, TIMES_IN_FORCE, CostTable, Market, Rules
from execution.panel import Panel
from execution.session_clock import minutes_since_open
from execution.slippage import pinned
from transforms.paths import Home
from transforms.warehouse import Warehouse

_BPS = 1e-4


def kernel_rules(config: BookConfig) -> Rules:
    """Return a book's config as the kernel's scalars (docs/simulator.md)."""
    portfolio, orders, exits = config.portfolio, config.orders, config.exits
    account, risk = config.account, config.risk
    return Rules(
        whole_shares=portfolio.whole_shares,
        lot=float(orders.lot),
        min_trade_weight=float(portfolio.min_trade_weight),
        min_notional=float(orders.min_notional),
        order_type=ORDER_TYPES.index(orders.type),
        time_in_force=TIMES_IN_FORCE.index(orders.time_in_force),
        fill_at=FILL_AT.index(orders.fill_at),
        limit_distance=orders.limit_bps * _BPS,
        stop_distance=orders.stop_bps * _BPS,
        trail=orders.trail_bps * _BPS,
        participation=float(orders.participation),
        carries_remainder=orders.remainder == "carry",
        stop_loss=float(exits.stop_loss),
        take_profit=float(exits.take_profit),
        trailing_stop=float(exits.trailing_stop),
        exits_by_volatility=exits.scale == "volatility",
        max_bars=exits.max_bars,
        is_margin=config.is_margin,
        initial_margin=float(account.initial_margin),
        maintenance_margin=float(account.maintenance_margin) if config.is_margin else 0.0,
        margin_rate=float(account.margin_rate),
        cash_rate=float(account.cash_rate),
        exit_after_missing_sessions=account.exit_after_missing_sessions,
        vanished_recovery=float(account.vanished_recovery),
        max_position_weight=float(risk.max_position_weight),
        max_gross=float(risk.max_gross),
        min_confidence=float(risk.min_confidence),
        min_price=float(risk.min_price),
        max_price_move=float(risk.max_price_move),
        max_stale_sessions=risk.max_stale_sessions,
    )


@dataclass(frozen=True)
class Terms:
    """The market that a book meets and the terms it trades on: what the kernel runs with.

    Attributes:
        panel: The bars; ``market`` and ``costs`` are over its bars and symbols.
    """

    panel: Panel
    market: Market
    costs: CostTable
    rules: Rules


def terms_of(panel: Panel, config: BookConfig, costs: CostTable) -> Terms:
    """Return the terms on which a book with this config trades a panel.

    Raises:
        ConfigError: If ``account.not_shortable`` names a symbol that the panel does not have.
        QuantmillError: If the bars cannot be; the message names array, symbol and bar.
    """
    market = panel.market(config.account)
    check_market(market, panel.symbols, panel.bar_at)
    return Terms(panel, market, costs, kernel_rules(config))


def load_terms(warehouse: Warehouse, home: Home, panel: Panel, config: BookConfig) -> Terms:
    """Return the same, with the costs that the config asks for laid out over the panel.

    Raises:
        ConfigError: If ``costs`` or ``account`` names a symbol that the bars do not have.
        ArtifactError: If there is no slippage model of the version that ``costs.slippage_model`` pins.
        QuantmillError: If the bars cannot be.
    """
    require_known_symbols(config.costs, warehouse)
    costs = cost_table(
        config.costs,
        panel.symbols,
        panel.session_date,
        minutes=minutes_since_open(warehouse, panel.bar_at, panel.session_date),
        slippage=pinned(home, config.costs),
    )
    return terms_of(panel, config, costs)
