"""The tables that a backtest writes about itself agree with its equity, its fills and the ledger."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from execution.backtest import BacktestResult, run_backtest
from execution.config import CostsConfig, RiskConfig, StrategyConfig
from execution.performance import total_return, volatility
from execution.statistics_config import StatisticsConfig
from execution.trials import Trial
from reports.performance_sections import curves
from reports.queries import session_equity
from reports.side_by_side import common
from tests.execution.markets import EVERY_DAY, book_config, midnight, panel, weekdays
from tests.execution.marts import write_marts
from transforms import schemas
from transforms.errors import ConfigError
from transforms.paths import Home
from transforms.warehouse import Warehouse

COUNT = 60
TRIAL = Trial("model", "sample", "default", "1d", {}, {"k": 2}, "run-1")
WEEKLY = replace(EVERY_DAY, rebalance="weekly", k=2, gross=0.9, side="long_short")
COSTS = CostsConfig(name="test", commission_bps=10, slippage_bps=5)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    """Sixty sessions of four symbols with a split, dividends and a gap; scores of both signs."""
    random = np.random.default_rng(8)
    close = random.uniform(20, 80, 4) * np.exp(np.cumsum(random.normal(0, 0.02, (COUNT, 4)), axis=0))
    close[15, 2] = np.nan
    split, dividend = np.ones_like(close), np.zeros_like(close)
    split[25, 0], dividend[20:40, 1] = 2.0, 0.1
    close[25:, 0] /= 2
    bars = panel(
        close, open_=close * 1.002, split=split, dividend=dividend, benchmark=random.uniform(90, 110, COUNT)
    )
    with Warehouse(tmp_path / "warehouse.duckdb") as opened:
        write_marts(opened, bars, score=random.normal(0, 0.3, close.shape), model_id="m1")
        yield opened


def run(warehouse: Warehouse, book: str = "backtest/1", **changes: Any) -> BacktestResult:
    given: dict[str, Any] = {
        "strategy": StrategyConfig(name="model"),
        "model_id": "m1",
        "trial": TRIAL,
        **changes,
    }
    groups = {"portfolio": WEEKLY, "risk": RiskConfig(name="test"), "costs": COSTS}
    config = book_config(**{name: given.pop(name, group) for name, group in groups.items()})
    return run_backtest(warehouse, Home(Path("none")), book=book, config=config, **given)


def rows(warehouse: Warehouse, contract: schemas.Table, book: str = "backtest/1") -> pl.DataFrame:
    keys = ", ".join(f'"{column}"' for column in contract.key)
    return warehouse.read(f"select * from {contract.name} where book = ? order by {keys}", [book])


def test_attribution_sums_to_return_volatility_and_costs(warehouse: Warehouse) -> None:
    result = run(warehouse)
    equity = rows(warehouse, schemas.EQUITY)["equity"].to_numpy()
    found = rows(warehouse, schemas.ATTRIBUTION)
    assert set(found["breakdown"]) == {"symbol", "side", "strategy", "cost"}
    for _, part in found.group_by("breakdown"):
        assert part["contribution_return"].sum() == pytest.approx(total_return(equity), rel=1e-9)
        assert part["contribution_risk"].sum() == pytest.approx(volatility(equity), rel=1e-9)
        assert part["pnl"].sum() == pytest.approx(equity[-1] - equity[0], rel=1e-9)
        assert part["costs"].sum() == pytest.approx(result.metrics["costs"], rel=1e-9)
    sides = set(found.filter(pl.col("breakdown") == "side")["name"])
    assert {"long", "short"} <= sides
    costs = dict(found.filter(pl.col("breakdown") == "cost").select("name", "pnl").iter_rows())
    assert costs["commission"] == pytest.approx(-(result.metrics["commission"] or 0))
    assert costs["slippage"] == pytest.approx(-(result.metrics["slippage"] or 0))


def test_what_shorts_pay_is_a_loss_of_the_part_it_belongs_to(warehouse: Warehouse) -> None:
    # Whatever is charged: with the sign of a flow turned round, the parts would miss the total by twice of it.
    result = run(warehouse, costs=replace(COSTS, borrow_rate=0.5))
    equity = rows(warehouse, schemas.EQUITY)["equity"].to_numpy()
    assert (result.metrics["borrow"] or 0) >= 0
    for _, part in rows(warehouse, schemas.ATTRIBUTION).group_by("breakdown"):
        assert part["pnl"].sum() == pytest.approx(equity[-1] - equity[0], rel=1e-9)
        assert part["costs"].sum() == pytest.approx(result.metrics["costs"], rel=1e-9)


def test_groups_of_the_portfolio_are_attributed_too(warehouse: Warehouse) -> None:
    limits = replace(WEEKLY.limits, groups={"A": "tech", "B": "tech"})
    run(warehouse, portfolio=replace(WEEKLY, limits=limits))
    found = rows(warehouse, schemas.ATTRIBUTION)
    pnl = {(by, name): value for by, name, value in found.select("breakdown", "name", "pnl").iter_rows()}
    assert pnl["group", "tech"] == pytest.approx(pnl["symbol", "A"] + pnl["symbol", "B"])


def test_periods_compound_to_the_total_return(warehouse: Warehouse) -> None:
    result = run(warehouse)
    found = rows(warehouse, schemas.PERIODS)
    months = found.filter(pl.col("month") > 0)
    assert months["sessions"].sum() == result.sessions
    assert (1 + months["return"]).product() - 1 == pytest.approx(result.metrics["total_return"], rel=1e-9)
    (year,) = found.filter(pl.col("month") == 0).iter_rows(named=True)
    assert year["return"] == pytest.approx(result.metrics["total_return"], rel=1e-12)
    assert year["benchmark_return"] == pytest.approx(result.metrics["benchmark_total_return"], rel=1e-12)


def test_what_an_intraday_book_earned_in_its_first_session_counts(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    close = 50 * np.exp(np.cumsum(random.normal(0.001, 0.01, (40, 3)), axis=0))
    close[:4] *= np.array([1, 1.02, 1.04, 1.06])[:, None]
    close[4:] *= 1.06
    days = weekdays(10)
    at = tuple(midnight(day) + timedelta(hours=14 + hour) for day in days for hour in range(4))
    bars = replace(
        panel(close, benchmark=close[:, 0]),
        bar_at=at,
        session_date=tuple(day for day in days for _ in range(4)),
    )
    portfolio = replace(EVERY_DAY, rebalance="bar", k=2, gross=0.9, side="long_short")
    with Warehouse(tmp_path / "w.duckdb") as warehouse:
        write_marts(warehouse, bars, score=random.normal(0, 0.3, close.shape), model_id="m1")
        result = run(warehouse, portfolio=portfolio)
        equity = rows(warehouse, schemas.EQUITY)["equity"].to_numpy()
        parts, months = rows(warehouse, schemas.ATTRIBUTION), rows(warehouse, schemas.PERIODS)
        drawn = session_equity(warehouse, "backtest/1")
    assert equity[3] != equity[0]
    total = equity[-1] / equity[0] - 1
    assert (result.metrics["sessions"], result.sessions) == (10, 10)
    assert result.metrics["total_return"] == pytest.approx(total, rel=1e-12)
    for _, part in parts.group_by("breakdown"):
        assert part["pnl"].sum() == pytest.approx(equity[-1] - equity[0], rel=1e-9)
        assert part["contribution_risk"].sum() == pytest.approx(result.metrics["volatility"], rel=1e-9)
    months = months.filter(pl.col("month") > 0)
    assert months["sessions"].sum() == 10
    assert (1 + months["return"]).product() - 1 == pytest.approx(total, rel=1e-9)
    assert drawn["session_date"].to_list() == [days[0], *days]
    assert drawn["equity"].to_list() == [equity[0], *equity[3::4]]
    assert curves(drawn)["equity"].to_list() == pytest.approx((drawn["equity"] / equity[0]).to_list())
    shared = common([drawn, drawn[3:]])
    assert (len(common([drawn, drawn]).sessions), shared.sessions) == (11, list(days[2:]))


def test_intervals_hold_their_metrics_and_follow_the_config(warehouse: Warehouse) -> None:
    result = run(
        warehouse, statistics=StatisticsConfig(level=0.9, bootstrap_samples=300, bootstrap_block=4.0)
    )
    found = rows(warehouse, schemas.INTERVALS)
    assert found["metric"].to_list() == ["cagr", "max_drawdown", "sharpe"]
    for row in found.iter_rows(named=True):
        assert row["low"] < (result.metrics[row["metric"]] or 0) < row["high"]
        assert (row["level"], row["samples"], row["block"]) == (0.9, 300, 4.0)
    run(warehouse, statistics=StatisticsConfig(bootstrap_samples=0))
    assert rows(warehouse, schemas.INTERVALS).is_empty()


def test_capacity_follows_the_participation_that_is_allowed(warehouse: Warehouse) -> None:
    little, much = (
        run(warehouse, statistics=StatisticsConfig(capacity_participation=fraction)).metrics["capacity"]
        for fraction in (0.01, 0.02)
    )
    assert little is not None
    assert much == pytest.approx(2 * little)


def test_trial_is_entered_with_the_backtest_and_deflates_the_one_before(warehouse: Warehouse) -> None:
    first = run(warehouse)
    assert (first.metrics["trials"], first.metrics["expected_max_sharpe"]) == (1, 0)
    assert first.metrics["deflated_sharpe"] == first.metrics["probabilistic_sharpe"]
    second = run(
        warehouse, "backtest/2", trial=replace(TRIAL, config={"k": 1}), portfolio=replace(WEEKLY, k=1)
    )
    assert second.metrics["trials"] == 2
    stored = dict(rows(warehouse, schemas.PERFORMANCE).select("metric", "value").iter_rows())
    assert stored["trials"] == 2
    assert stored["deflated_sharpe"] < first.metrics["deflated_sharpe"]
    assert stored["expected_max_sharpe"] == second.metrics["expected_max_sharpe"]
    assert {name for name in stored if stored[name] != first.metrics[name]} == {
        "deflated_sharpe", "expected_max_sharpe", "trials"
    }  # fmt: skip


def test_backtest_outside_the_ledger_is_no_trial(warehouse: Warehouse) -> None:
    result = run(warehouse, trial=None)
    assert result.metrics["trials"] is result.metrics["deflated_sharpe"] is None
    assert warehouse.value("select count(*) from ops.trials") == 0


def test_failure_while_writing_leaves_no_trial(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_where = Warehouse.replace_where

    def fail(self: Warehouse, contract: schemas.Table, *rest: Any) -> int:
        if contract is schemas.PERFORMANCE:
            raise OSError("disk full")
        return replace_where(self, contract, *rest)

    monkeypatch.setattr(Warehouse, "replace_where", fail)
    with pytest.raises(OSError, match="disk full"):
        run(warehouse)
    assert warehouse.value("select count(*) from ops.trials") == 0


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("level", 1.0),
        ("bootstrap_samples", 50),
        ("bootstrap_block", 0.5),
        ("bootstrap_seed", -1),
        ("capacity_participation", 0.0),
    ],
)
def test_setting_out_of_range_is_refused_by_name(key: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"statistics.{key} must be"):
        StatisticsConfig(**{key: value})  # type: ignore[arg-type]
