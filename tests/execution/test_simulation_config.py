"""Config of orders, exits and account: what cannot be is refused by key."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from execution import simulation_config
from execution.config import (
    AccountConfig,
    BookConfig,
    CostsConfig,
    ExitsConfig,
    OrdersConfig,
    PortfolioConfig,
    RiskConfig,
)
from execution.kernel import types
from transforms.errors import ConfigError


def book(portfolio: dict[str, Any] | None = None, **groups: Any) -> BookConfig:
    return BookConfig(PortfolioConfig(name="p", **portfolio or {}), RiskConfig(), CostsConfig(), **groups)


@pytest.mark.parametrize(
    ("kind", "values", "key"),
    [
        (OrdersConfig, {"type": "iceberg"}, "orders.type"),
        (OrdersConfig, {"fill_at": "midday"}, "orders.fill_at"),
        (OrdersConfig, {"time_in_force": "ioc"}, "orders.time_in_force"),
        (OrdersConfig, {"remainder": "drop"}, "orders.remainder"),
        (OrdersConfig, {"limit_bps": -1.0}, "orders.limit_bps"),
        (OrdersConfig, {"stop_bps": float("nan")}, "orders.stop_bps"),
        (OrdersConfig, {"type": "trailing_stop"}, "orders.trail_bps"),
        (OrdersConfig, {"participation": 1.5}, "orders.participation"),
        (OrdersConfig, {"lot": -1.0}, "orders.lot"),
        (OrdersConfig, {"min_notional": float("inf")}, "orders.min_notional"),
        (ExitsConfig, {"stop_loss": 1.0}, "exits.stop_loss"),
        (ExitsConfig, {"take_profit": -0.1}, "exits.take_profit"),
        (ExitsConfig, {"trailing_stop": float("nan")}, "exits.trailing_stop"),
        (ExitsConfig, {"scale": "atr"}, "exits.scale"),
        (ExitsConfig, {"max_bars": -1}, "exits.max_bars"),
        (AccountConfig, {"kind": "ira"}, "account.kind"),
        (AccountConfig, {"initial_margin": 0.0}, "account.initial_margin"),
        (AccountConfig, {"maintenance_margin": 0.6}, "account.maintenance_margin"),
        (AccountConfig, {"margin_rate": -0.01}, "account.margin_rate"),
        (AccountConfig, {"cash_rate": 2.0}, "account.cash_rate"),
        (AccountConfig, {"exit_after_missing_sessions": -1}, "account.exit_after_missing_sessions"),
        (AccountConfig, {"vanished_recovery": 1.1}, "account.vanished_recovery"),
        (AccountConfig, {"not_shortable": {"A'": []}}, "account.not_shortable"),
        (AccountConfig, {"not_shortable": {"A": [[]]}}, "account.not_shortable.A"),
        (AccountConfig, {"not_shortable": {"A": [["soon"]]}}, "account.not_shortable.A"),
        (
            AccountConfig,
            {"not_shortable": {"A": [["2024-02-01", "2024-01-01"]]}},
            "account.not_shortable.A",
        ),
    ],
)
def test_a_value_out_of_range_is_refused_by_key(kind: type, values: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError, match=key.replace(".", r"\.")):
        kind(name="x", **values)


def test_a_spell_without_an_end_goes_on() -> None:
    account = AccountConfig(name="x", not_shortable={"A": [["2024-01-01", "2024-01-05"], ["2024-03-01"]]})
    assert account.spells("A") == [
        (date(2024, 1, 1), date(2024, 1, 5)),
        (date(2024, 3, 1), date.max),
    ]
    assert account.spells("B") == []


def test_lots_of_part_shares_do_not_go_with_whole_shares() -> None:
    orders = OrdersConfig(name="x", lot=0.5)
    assert book({"whole_shares": False}, orders=orders).orders.lot == 0.5
    with pytest.raises(ConfigError, match=r"orders\.lot"):
        book(orders=orders)


def test_a_cash_account_cannot_carry_a_short_side() -> None:
    with pytest.raises(ConfigError, match=r"account\.kind"):
        book({"side": "long_short"}, account=AccountConfig(name="x", kind="cash"))


@pytest.mark.parametrize(
    ("portfolio", "kind", "is_margin"),
    [
        ({}, "auto", False),
        ({"side": "long_short"}, "auto", True),
        ({"gross": 1.5}, "auto", True),
        ({"gross": 1.5}, "cash", False),
        ({}, "margin", True),
    ],
)
def test_an_account_is_on_margin_where_told_or_needed(
    portfolio: dict[str, Any], kind: str, is_margin: bool
) -> None:
    assert book(portfolio, account=AccountConfig(name="x", kind=kind)).is_margin is is_margin


def test_names_are_the_kernels() -> None:
    assert simulation_config.ORDER_TYPES == types.ORDER_TYPES
    assert simulation_config.TIMES_IN_FORCE == types.TIMES_IN_FORCE
    assert simulation_config.FILL_AT == types.FILL_AT
