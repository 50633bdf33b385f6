from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from execution.backtest import BacktestResult, run_backtest
from execution.combined_config import CombinedConfig
from execution.config import CostsConfig, ExitsConfig, RiskConfig, StrategyConfig
from execution.performance import sharpe
from tests.execution.combinations import account
from tests.execution.markets import EVERY_DAY, FREE, LENIENT, NAN, book_config, panel
from tests.execution.marts import write_marts
from transforms import schemas
from transforms.errors import QuantmillError
from transforms.paths import Home
from transforms.schemas_strategies import STRATEGY_RESULTS, STRATEGY_TARGETS
from transforms.warehouse import Warehouse

MODEL = StrategyConfig(name="model")
COSTS = CostsConfig(name="test", commission_bps=10, slippage_bps=5)
WEEKLY = replace(EVERY_DAY, rebalance="weekly", k=2, gross=0.9)
CONFIG = book_config(WEEKLY, risk=RiskConfig(name="test", max_position_weight=0.4), costs=COSTS)
TABLES = (
    schemas.TARGETS,
    schemas.RISK_DECISIONS,
    schemas.ORDERS,
    schemas.FILLS,
    schemas.TRADES,
    schemas.POSITIONS,
    schemas.EQUITY,
    schemas.CASH_FLOWS,
    schemas.PERFORMANCE,
)
COUNT = 40


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    """Forty sessions of four symbols; scores from the eleventh on, on three days none; a gap and actions."""
    random = np.random.default_rng(5)
    close = random.uniform(20, 80, 4) * np.exp(np.cumsum(random.normal(0, 0.03, (COUNT, 4)), axis=0))
    close[15, 2] = NAN
    split, dividend = np.ones_like(close), np.zeros_like(close)
    split[25, 0], dividend[20:24, 1] = 2.0, 0.4
    close[25:, 0] /= 2
    score = random.normal(0.1, 0.3, close.shape)
    score[:10] = NAN
    score[17:20] = NAN
    bars = panel(
        close, open_=close * 1.002, split=split, dividend=dividend, benchmark=random.uniform(90, 110, COUNT)
    )
    with Warehouse(tmp_path / "warehouse.duckdb") as opened:
        write_marts(opened, bars, score=score, model_id="m1", strategy="momentum")
        yield opened


def run(warehouse: Warehouse, book: str = "backtest/1", **changes: object) -> BacktestResult:
    given: dict[str, object] = {
        "strategy": MODEL,
        "model_id": "m1",
        "config": CONFIG,
        **changes,
    }
    return run_backtest(warehouse, Home(Path("none")), book=book, **given)  # type: ignore[arg-type]


def table(warehouse: Warehouse, contract: schemas.Table, book: str = "backtest/1") -> pl.DataFrame:
    keys = ", ".join(f'"{column}"' for column in contract.key)
    return warehouse.read(
        f"select * exclude (book) from {contract.name} where book = ? order by {keys}", [book]
    )


def test_backtest_begins_with_the_first_scores_and_counts_what_it_wrote(warehouse: Warehouse) -> None:
    result = run(warehouse)
    assert (result.first_session, result.last_session) == (date(2024, 1, 15), date(2024, 2, 23))
    assert result.sessions == 30 == len(table(warehouse, schemas.EQUITY))
    assert result.orders == len(table(warehouse, schemas.ORDERS)) > 0
    assert result.fills == len(table(warehouse, schemas.FILLS)) > 0
    assert result.trades == len(table(warehouse, schemas.TRADES)) > 0
    stored = dict(table(warehouse, schemas.PERFORMANCE).rows())
    assert stored == result.metrics
    assert stored["trades"] == result.trades
    assert stored["hit_rate"] is not None


def test_tables_agree_with_each_other(warehouse: Warehouse) -> None:
    result = run(warehouse)
    equity = table(warehouse, schemas.EQUITY)
    value = table(warehouse, schemas.POSITIONS).group_by("bar_at").agg(pl.col("market_value").sum())
    worth = equity.join(value, on="bar_at", how="left").with_columns(pl.col("market_value").fill_null(0))
    np.testing.assert_allclose(worth["equity"], worth["cash"] + worth["market_value"], rtol=1e-12)
    np.testing.assert_allclose(worth["net_exposure"] * worth["equity"], worth["market_value"], atol=1e-6)
    gain = table(warehouse, schemas.TRADES)["pnl"].sum()
    assert gain == pytest.approx(equity["equity"][-1] - WEEKLY.initial_cash, abs=0.005)
    assert result.metrics["sharpe"] == sharpe(equity["equity"].to_numpy())
    filled = set(table(warehouse, schemas.FILLS)["client_order_id"])
    orders = table(warehouse, schemas.ORDERS)
    assert filled <= set(orders["client_order_id"])
    assert set(orders.filter(pl.col("status") == "filled")["client_order_id"]) <= filled
    assert orders["reason"].str.contains("of equity").all()
    assert equity["benchmark"][0] == pytest.approx(WEEKLY.initial_cash)


def test_cash_flows_are_the_change_of_cash(warehouse: Warehouse) -> None:
    run(warehouse)
    cash = np.append(WEEKLY.initial_cash, table(warehouse, schemas.EQUITY)["cash"].to_numpy())
    flows = table(warehouse, schemas.CASH_FLOWS)
    assert set(flows["kind"]) == {"trades", "commission", "dividends"}
    by_bar = table(warehouse, schemas.EQUITY).join(
        flows.group_by("bar_at").agg(pl.col("amount").sum()), on="bar_at", how="left", maintain_order="left"
    )
    np.testing.assert_allclose(np.diff(cash), by_bar["amount"].fill_null(0.0), rtol=1e-9, atol=1e-9)
    fills = table(warehouse, schemas.FILLS)
    paid = flows.filter(pl.col("kind") == "commission")["amount"].sum()
    assert fills["commission"].sum() == pytest.approx(-paid)


def test_each_trade_leads_to_its_order_its_decision_and_its_score(warehouse: Warehouse) -> None:
    exits = ExitsConfig(name="test", stop_loss=0.05)
    run(warehouse, config=replace(CONFIG, exits=exits))
    trades = table(warehouse, schemas.TRADES)
    orders = table(warehouse, schemas.ORDERS).select("client_order_id", "symbol", "bar_at", "cause")
    traced = trades.join(orders, left_on="opening_order", right_on="client_order_id", suffix="_ordered")
    assert len(traced) == len(trades) > 5
    assert traced["symbol_ordered"].to_list() == trades["symbol"].to_list()
    assert set(traced["cause"]) == {"target"}
    targets = table(warehouse, schemas.TARGETS).rename({"bar_at": "decided_at"})
    signals = trades.join(targets, on=["decided_at", "symbol"], suffix="_signal", maintain_order="left")
    assert signals["score"].to_list() == signals["score_signal"].to_list()
    assert (trades["decided_at"] < trades["opened_at"]).all()
    closed = trades.filter(pl.col("closed_at").is_not_null())
    assert set(closed["exit_reason"]) == {"target", "stop_loss"}
    assert trades.filter(pl.col("closed_at").is_null())["exit_reason"].null_count() == len(trades) - len(
        closed
    )
    assert (trades["mae"] <= 0).all()
    assert (trades["mfe"] >= 0).all()
    stops = table(warehouse, schemas.ORDERS).filter(pl.col("cause") == "stop_loss")
    assert set(stops["reason"]) == {"the stop loss was reached"}
    assert set(stops["order_type"]) == {"stop"}
    filled = table(warehouse, schemas.FILLS).filter(pl.col("reason") == "stop_loss")
    assert set(filled["client_order_id"]) == set(stops["client_order_id"])


def test_positions_are_priced_at_the_close_of_their_session(warehouse: Warehouse) -> None:
    run(warehouse)
    closes = warehouse.read("select symbol, bar_at, close from marts.bars")
    held = table(warehouse, schemas.POSITIONS).join(closes, on=["symbol", "bar_at"])
    assert len(held) > 20
    assert held["price"].to_list() == held["close"].to_list()
    assert held["market_value"].to_list() == (held["quantity"] * held["close"]).to_list()


def test_position_left_alone_has_no_target(warehouse: Warehouse) -> None:
    run(warehouse, config=replace(CONFIG, portfolio=replace(WEEKLY, rebalance="daily", k=4)))
    (symbol,) = table(warehouse, schemas.RISK_DECISIONS).filter(pl.col("rule") == "stale_price")["symbol"]
    alone = table(warehouse, schemas.TARGETS).filter(pl.col("target_weight").is_null())
    assert alone.select("session_date", "symbol").rows() == [(date(2024, 1, 22), symbol)]
    assert "left alone" in alone["reason"][0]


def test_targets_stand_only_for_rebalances_that_had_scores(warehouse: Warehouse) -> None:
    result = run(warehouse)
    targets = table(warehouse, schemas.TARGETS)
    mondays = [date(2024, 1, 15), date(2024, 1, 22), date(2024, 1, 29), date(2024, 2, 5)]
    mondays += [date(2024, 2, 12), date(2024, 2, 19)]
    assert targets["session_date"].unique().sort().to_list() == mondays
    assert result.rebalances == len(mondays)
    assert targets["target_weight"].abs().max() == pytest.approx(0.4)
    risk = table(warehouse, schemas.RISK_DECISIONS)
    assert set(risk["rule"]) == {"max_position_weight"}
    assert risk["reason"].is_not_null().all()


def test_second_run_replaces_the_book_and_leaves_others_alone(warehouse: Warehouse) -> None:
    run(warehouse)
    run(warehouse, book="backtest/2", config=replace(CONFIG, costs=FREE))
    before = {contract.name: table(warehouse, contract) for contract in TABLES}
    other = {contract.name: table(warehouse, contract, "backtest/2") for contract in TABLES}
    run(warehouse)
    for contract in TABLES:
        assert table(warehouse, contract).equals(before[contract.name]), contract.name
        assert table(warehouse, contract, "backtest/2").equals(other[contract.name]), contract.name


def test_failure_while_writing_leaves_the_old_book_whole(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(warehouse)
    before = {contract.name: table(warehouse, contract) for contract in TABLES}
    replace_where = Warehouse.replace_where

    def fail_at_metrics(self: Warehouse, contract: schemas.Table, *rest: object) -> int:
        if contract is schemas.PERFORMANCE:
            raise OSError("disk full")
        return replace_where(self, contract, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Warehouse, "replace_where", fail_at_metrics)
    with pytest.raises(OSError, match="disk full"):
        run(warehouse, config=replace(CONFIG, costs=FREE))
    for contract in TABLES:
        assert table(warehouse, contract).equals(before[contract.name]), contract.name


def cut(warehouse: Warehouse, end: str) -> None:
    """Nothing is known after a session."""
    warehouse.execute("delete from marts.bars where session_date > ?", [end])


def test_signals_are_traded_from_their_first_on(warehouse: Warehouse) -> None:
    momentum = StrategyConfig(name="momentum", scores="signals")
    warehouse.execute(
        "delete from marts.signals where bar_at < '2024-01-24'"
    )  # the 24th to the 26th have none
    cut(warehouse, "2024-02-09")
    config = replace(CONFIG, risk=LENIENT)
    result = run(warehouse, strategy=momentum, model_id=None, config=config)
    assert (result.first_session, result.last_session) == (date(2024, 1, 29), date(2024, 2, 9))
    assert set(table(warehouse, schemas.TARGETS)["strategy"]) == {"momentum"}


def test_no_scores_at_all_is_an_error_and_writes_nothing(warehouse: Warehouse) -> None:
    cut(warehouse, "2024-01-05")
    with pytest.raises(
        QuantmillError, match="has no score where model_id = 'm1' between 2024-01-01 and 2024-01-05"
    ):
        run(warehouse)
    assert table(warehouse, schemas.EQUITY).is_empty()


def test_undefined_figures_are_null_in_the_tables(warehouse: Warehouse) -> None:
    cut(warehouse, "2024-01-15")
    result = run(warehouse)
    assert (result.sessions, result.metrics["sharpe"]) == (1, None)
    stored = dict(table(warehouse, schemas.PERFORMANCE).rows())
    assert stored["sharpe"] is None
    assert table(warehouse, schemas.FILLS).is_empty()
    for contract in TABLES:
        frame = table(warehouse, contract)
        assert not any(frame[c].is_nan().any() for c in frame.columns if frame[c].dtype == pl.Float64)


def test_several_strategies_leave_what_each_wanted_and_did(warehouse: Warehouse) -> None:
    warehouse.execute(
        "insert into marts.signals by name select * replace ('other' as strategy, -score as score) "
        "from marts.signals"
    )
    members = {name: StrategyConfig(name=name, scores="signals") for name in ("momentum", "other")}
    both = CombinedConfig(name="both", members=members)
    result = run(warehouse, strategy=both, model_id=None, config=account(both, CONFIG))
    wanted = table(warehouse, STRATEGY_TARGETS)
    assert set(wanted["strategy"]) == {"momentum", "other"}
    assert np.allclose(wanted["weight"] * wanted["share"], wanted["target_weight"])
    sums = wanted.group_by("bar_at", "symbol").agg(pl.col("target_weight").sum().alias("wanted"))
    targets = table(warehouse, schemas.TARGETS).join(sums, on=["bar_at", "symbol"], how="left")
    allowed = targets.filter(pl.col("target_weight").is_not_null())
    assert len(allowed) > 20
    assert np.allclose(allowed["target_weight"], allowed["wanted"].fill_null(0.0))
    assert targets["reason"].str.contains("momentum wants \\+").any()
    done = table(warehouse, STRATEGY_RESULTS)
    equity = table(warehouse, schemas.EQUITY)["equity"].to_numpy()
    assert len(done) == 2 * len(equity)
    assert done.group_by("bar_at", maintain_order=True).agg(pl.col("pnl").sum())[
        "pnl"
    ].to_numpy() == pytest.approx(np.diff(equity, prepend=WEEKLY.initial_cash), abs=1e-6)
    parts = table(warehouse, schemas.ATTRIBUTION).filter(pl.col("breakdown") == "strategy")
    assert parts["name"].to_list() == ["momentum", "other"]
    assert parts["pnl"].sum() == pytest.approx(equity[-1] - equity[0])
    assert parts["contribution_return"].sum() == pytest.approx(result.metrics["total_return"])
    assert parts["contribution_risk"].sum() == pytest.approx(result.metrics["volatility"])
    moved = table(warehouse, schemas.RISK_DECISIONS).filter(pl.col("rule") == "allocation")
    assert moved["reason"][0].startswith("capital moved to momentum 50.0%, other 50.0%")
