from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.config import CostsConfig
from execution.costs import cost_table, linear_costs, require_known_symbols
from execution.slippage import SlippageModel
from tests.execution.markets import FREE, panel
from tests.execution.marts import write_marts
from transforms.errors import ConfigError
from transforms.warehouse import Warehouse

DAYS = [date(2025, 5, 13), date(2025, 5, 14)]  # the SEC fee fell to nothing on the second
RICH = CostsConfig(
    name="rich",
    commission_bps=1.0,
    commission_per_share=0.004,
    commission_per_order=0.5,
    commission_minimum=1.0,
    commission_maximum=20.0,
    commission_maximum_bps=100.0,
    sec_fee=True,
    taf=True,
    half_spread_bps=2.0,
    half_spread_bps_by_symbol={"B": 10.0},
    spread_minutes=[0, 30],
    spread_multiples=[3.0, 1.0],
    slippage_bps=1.0,
    slippage_volatility=0.1,
    impact=0.7,
    borrow_rate=0.01,
    borrow_rate_by_symbol={"A": 0.2},
)
MODEL = SlippageModel("s" + "0" * 16, (0, 375), (4.0, 8.0), {"A": (1.0, 2.0)}, fills=9)


def test_costs_of_nothing_are_zero_and_without_limit() -> None:
    table = cost_table(FREE, ("A", "B"), DAYS)
    assert (table.maximum, table.maximum_rate) == (np.inf, np.inf)
    rest = table._replace(maximum=0.0, maximum_rate=0.0)
    assert not any(np.any(value) for value in rest)
    assert (table.spread.shape, table.bucket.shape, table.borrow_rate.shape) == ((1, 2), (2,), (2,))


def test_a_config_becomes_fractions_and_dollars_by_bar_and_symbol() -> None:
    table = cost_table(RICH, ("A", "B"), DAYS, minutes=np.array([29, 30]))
    assert (table.per_share, table.per_order, table.minimum, table.maximum) == (0.004, 0.5, 1.0, 20.0)
    assert (table.rate, table.maximum_rate, table.slippage) == pytest.approx((1e-4, 1e-2, 1e-4))
    assert (table.slippage_volatility, table.impact) == (0.1, 0.7)
    np.testing.assert_allclose(table.sale_rate, [27.8e-6, 0.0])
    np.testing.assert_allclose(table.sale_per_share, 0.000166)
    np.testing.assert_allclose(table.sale_maximum, 8.30)
    np.testing.assert_allclose(table.spread, [[6e-4, 30e-4], [2e-4, 10e-4]])
    assert table.bucket.tolist() == [0, 1]
    assert table.borrow_rate.tolist() == [0.2, 0.01]


def test_bars_of_a_day_and_bars_before_the_open_are_in_the_first_part() -> None:
    assert cost_table(RICH, ("A",), DAYS).bucket.tolist() == [0, 0]
    assert cost_table(RICH, ("A",), DAYS, minutes=np.array([-90, 1])).bucket.tolist() == [0, 0]


def test_a_fitted_model_adds_its_slippage_in_its_own_parts_of_the_session() -> None:
    pinned = replace(RICH, slippage_model=MODEL.version)
    table = cost_table(pinned, ("A", "B"), DAYS, minutes=np.array([40, 380]), slippage=MODEL)
    # parts begin at 0, 30 and 375: the spread falls at 30, the fitted slippage rises at 375
    expected = [[6 + 1, 30 + 4], [2 + 1, 10 + 4], [2 + 2, 10 + 8]]
    np.testing.assert_allclose(table.spread, np.array(expected) * 1e-4)
    assert table.bucket.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("version", "model"), [(MODEL.version, None), (None, MODEL), ("s" + "1" * 16, MODEL)]
)
def test_another_model_than_the_config_pins_is_refused(
    version: str | None, model: SlippageModel | None
) -> None:
    with pytest.raises(ConfigError, match=r"costs\.slippage_model is .* but the model at hand is"):
        cost_table(replace(RICH, slippage_model=version), ("A",), DAYS, slippage=model)


def test_multiples_scale_what_they_name_and_nothing_else() -> None:
    once = cost_table(RICH, ("A", "B"), DAYS)
    moved = cost_table(replace(RICH, slippage_multiple=3.0), ("A", "B"), DAYS)
    charged = cost_table(replace(RICH, charges_multiple=2.0), ("A", "B"), DAYS)
    of_price = {"spread", "slippage", "slippage_volatility", "impact"}
    for name in set(once._fields) - {"bucket"}:
        value = np.asarray(getattr(once, name))
        np.testing.assert_allclose(getattr(moved, name), value * (3 if name in of_price else 1), rtol=1e-14)
        np.testing.assert_allclose(getattr(charged, name), value * (1 if name in of_price else 2), rtol=1e-14)


def test_no_charges_at_all_leave_no_limit_undefined() -> None:
    table = cost_table(replace(FREE, charges_multiple=0.0), ("A",), DAYS)
    assert (table.maximum, table.maximum_rate) == (np.inf, np.inf)


def test_linear_costs_are_what_one_more_dollar_costs_in_the_middle_of_its_life() -> None:
    table = cost_table(RICH, ("A", "B"), DAYS)
    costs = linear_costs(table, 0, price=np.array([50.0, 100.0]), volatility=np.array([0.02, np.nan]))
    by_hand = [
        6e-4 + 1e-4 + 0.1 * 0.02 + 1e-4 + 27.8e-6 / 2 + (0.004 + 0.000166 / 2) / 50,
        30e-4 + 1e-4 + 1e-4 + 27.8e-6 / 2 + (0.004 + 0.000166 / 2) / 100,
    ]
    np.testing.assert_allclose(costs, by_hand, rtol=1e-13)


def test_a_symbol_without_a_price_has_no_linear_cost() -> None:
    costs = linear_costs(cost_table(RICH, ("A",), DAYS), 1, price=np.array([np.nan]), volatility=np.zeros(1))
    assert np.isnan(costs[0])


@given(
    spread=st.floats(0, 100),
    slippage=st.floats(0, 100),
    rate=st.floats(0, 100),
    more=st.sampled_from(["half_spread_bps", "slippage_bps", "commission_bps", "commission_per_share"]),
)
def test_linear_costs_grow_with_every_cost(spread: float, slippage: float, rate: float, more: str) -> None:
    config = CostsConfig(name="test", half_spread_bps=spread, slippage_bps=slippage, commission_bps=rate)
    dearer = replace(config, **{more: getattr(config, more) + 1})
    price, still = np.array([10.0]), np.zeros(1)
    low, high = (
        linear_costs(cost_table(each, ("A",), DAYS), 0, price=price, volatility=still)
        for each in (config, dearer)
    )
    assert 0 <= low[0] < high[0]


def test_a_symbol_that_the_bars_never_had_is_refused_and_one_outside_the_universe_is_not(
    tmp_path: Path,
) -> None:
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        write_marts(warehouse, panel([[1.0, 2.0]], benchmark=[100.0]))
        require_known_symbols(replace(FREE, borrow_rate_by_symbol={"A": 0.1, "BENCH": 0.1}), warehouse)
        typo = replace(FREE, half_spread_bps_by_symbol={"A": 1.0, "BENCHH": 1.0})
        with pytest.raises(
            ConfigError, match=r"half_spread_bps_by_symbol: the bars have no symbol BENCHH.*BENCH\?"
        ):
            require_known_symbols(typo, warehouse)


def test_costs_without_symbols_need_no_bars(tmp_path: Path) -> None:
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        require_known_symbols(FREE, warehouse)
