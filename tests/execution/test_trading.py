"""``trade``: from tables, through journal and broker, to tables."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from execution.backtest import run_backtest
from execution.combined_config import CombinedConfig
from execution.config import (
    BrokerConfig,
    CostsConfig,
    ExitsConfig,
    PortfolioConfig,
    SimulatedBrokerConfig,
    StrategyConfig,
)
from execution.trading import TradeResult, trade
from tests.execution.combinations import account
from tests.execution.desks import ScriptedBroker, alternating
from tests.execution.markets import NAN, book_config
from tests.execution.marts import write_marts
from transforms.errors import QuantmillError, RiskHaltError
from transforms.paths import Home
from transforms.warehouse import Warehouse

BARS, SCORES = alternating(12)
DAYS = BARS.session_date
DAILY = PortfolioConfig(name="test", k=2, rebalance="daily")
FEES = CostsConfig(name="test", commission_minimum=1.0, slippage_bps=5.0)


@dataclass
class LiveConfig(BrokerConfig):
    """A broker that is not simulated."""

    implementation: ClassVar[str] = "tests.execution.test_trading:Live"

    name: str = "live"


class Live(ScriptedBroker):
    def __init__(self, config: LiveConfig, home: Home, *, initial_cash: float) -> None:
        super().__init__()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def warehouse(home: Home) -> Iterator[Warehouse]:
    with Warehouse(home.warehouse) as opened:
        write_marts(opened, BARS, score=SCORES.score / 10, model_id="m1")
        yield opened


def run(warehouse: Warehouse, home: Home, **changes: Any) -> TradeResult:
    settings: dict[str, Any] = {
        "broker": SimulatedBrokerConfig(),
        "strategy": StrategyConfig(name="test"),
        "model_id": "m1",
        "config": book_config(DAILY, costs=FEES),
        "source": "sample",
        "run_id": "run-1",
        **changes,
    }
    return trade(warehouse, home, **settings)


def rows(warehouse: Warehouse, table: str, book: str) -> list[tuple[Any, ...]]:
    """Return a table's rows of a book without the columns that differ between books."""
    names = [name for name in warehouse.columns(table) if name not in {"book", "client_order_id", "fill_id"}]
    listed = ", ".join(f'"{name}"' for name in names)
    return warehouse.read(f"select {listed} from {table} where book = ? order by all", [book]).rows()


def test_newest_session_is_decided_once_and_the_second_run_says_so(warehouse: Warehouse, home: Home) -> None:
    first = run(warehouse, home)
    assert first.book == "simulated/paper"
    assert first.sessions == (DAYS[-1],)
    assert [entry.status for entry in first.orders] == ["accepted", "accepted"]
    assert all(entry.order.reason for entry in first.orders)
    assert first.message == f"{DAYS[-1]}: decided; 2 orders sent, 0 fills"
    assert first.equity == DAILY.initial_cash
    mirrored = {t: rows(warehouse, f"execution.{t}", first.book) for t in ("orders", "targets", "equity")}
    again = run(warehouse, home)
    assert (again.sessions, again.orders, again.fills) == ((), (), ())
    assert again.message == f"{DAYS[-1]}: already decided; nothing sent"
    assert mirrored == {t: rows(warehouse, f"execution.{t}", first.book) for t in mirrored}


def test_orders_of_one_session_fill_in_the_next_run(warehouse: Warehouse, home: Home) -> None:
    sent = run(warehouse, home, session=DAYS[-2])
    then = run(warehouse, home)
    assert {fill.client_order_id for fill in then.fills} == {e.order.client_order_id for e in sent.orders}
    assert {fill.session_date for fill in then.fills} == {DAYS[-1]}
    assert then.equity == pytest.approx(DAILY.initial_cash, rel=0.1)
    assert then.equity != DAILY.initial_cash


@pytest.mark.parametrize("side", ["long", "long_short"])
def test_replay_leaves_the_tables_of_the_backtest(warehouse: Warehouse, home: Home, side: str) -> None:
    config = book_config(
        replace(DAILY, side=side, k=1), costs=FEES, exits=ExitsConfig(name="test", stop_loss=0.02)
    )
    strategy = StrategyConfig(name="test")
    run_backtest(
        warehouse,
        home,
        book="backtest/x",
        strategy=strategy,
        model_id="m1",
        config=config,
    )
    result = run(warehouse, home, start=DAYS[0], end=DAYS[-1], config=config)
    assert len(result.sessions) == 12
    assert result.fills
    for table in ("orders", "fills", "targets", "risk_decisions", "positions", "cash_flows"):
        expected = rows(warehouse, f"execution.{table}", "backtest/x")
        assert rows(warehouse, f"execution.{table}", result.book) == expected
    mine, theirs = (rows(warehouse, "execution.equity", book) for book in (result.book, "backtest/x"))
    assert [row[:4] for row in mine] == [row[:4] for row in theirs]
    figures = np.array([row[4:] for row in mine], dtype=float)
    assert np.allclose(figures, np.array([row[4:] for row in theirs], dtype=float), rtol=1e-12, atol=0)


def test_replay_of_several_strategies_leaves_what_each_wanted(warehouse: Warehouse, home: Home) -> None:
    scored = "select symbol, bar_at, session_date, score, confidence from ml.predictions"
    warehouse.execute(f"insert into marts.signals by name select *, 'up' as strategy from ({scored})")
    warehouse.execute(
        f"insert into marts.signals by name select * replace (-score as score), 'down' as strategy from ({scored})"
    )
    members = {name: StrategyConfig(name=name, scores="signals") for name in ("up", "down")}
    both = CombinedConfig(name="both", members=members)
    config = account(both, book_config(replace(DAILY, side="long_short", k=1), costs=FEES))
    terms = {"strategy": both, "model_id": None, "config": config}
    run_backtest(warehouse, home, book="backtest/x", **terms)
    result = run(warehouse, home, start=DAYS[0], end=DAYS[-1], **terms)
    assert result.fills
    for table in ("strategy_targets", "targets", "fills", "risk_decisions"):
        expected = rows(warehouse, f"execution.{table}", "backtest/x")
        assert expected
        assert rows(warehouse, f"execution.{table}", result.book) == expected


def test_session_before_a_strategy_begins_is_traded_by_the_others(warehouse: Warehouse, home: Home) -> None:
    scored = "select symbol, bar_at, session_date, score, confidence from ml.predictions"
    for name, since in (("early", DAYS[0]), ("late", DAYS[5])):
        warehouse.execute(
            f"insert into marts.signals by name select *, ? as strategy from ({scored}) where session_date >= ?",
            [name, since],
        )
    members = {name: StrategyConfig(name=name, scores="signals") for name in ("early", "late")}
    both = CombinedConfig(name="both", members=members)
    config = account(both, book_config(DAILY, costs=FEES))
    result = run(warehouse, home, session=DAYS[3], strategy=both, model_id=None, config=config)
    assert result.orders
    wanted = rows(warehouse, "execution.strategy_targets", result.book)
    assert {row[2] for row in wanted} == {"early"}


def test_replay_in_two_runs_is_the_replay_in_one(warehouse: Warehouse, home: Home, tmp_path: Path) -> None:
    run(warehouse, home, start=DAYS[0], end=DAYS[5])
    run(warehouse, home, start=DAYS[0], end=DAYS[-1])
    halves = rows(warehouse, "execution.fills", "simulated/paper")
    run(warehouse, Home(tmp_path / "other"), start=DAYS[0])
    assert rows(warehouse, "execution.fills", "simulated/paper") == halves != []


def test_kill_switch_stops_before_anything_and_names_its_file(warehouse: Warehouse, home: Home) -> None:
    home.halt.touch()
    with pytest.raises(RiskHaltError, match=r"HALT: the kill switch is thrown.*remove the file") as caught:
        run(warehouse, home)
    assert caught.value.exit_code == 4
    assert rows(warehouse, "execution.orders", "simulated/paper") == []
    home.halt.unlink()
    assert len(run(warehouse, home).orders) == 2


def test_synthetic_bars_reach_the_simulated_broker_only(warehouse: Warehouse, home: Home) -> None:
    with pytest.raises(RiskHaltError, match=r"'synthetic' makes its bars up.*'live' is not simulated"):
        run(warehouse, home, broker=LiveConfig(), source="synthetic")
    assert not home.journal.exists()
    assert len(run(warehouse, home, source="synthetic").orders) == 2


def test_exits_reach_the_simulated_broker_only(warehouse: Warehouse, home: Home) -> None:
    stops = book_config(DAILY, exits=ExitsConfig(name="stops", stop_loss=0.1))
    with pytest.raises(RiskHaltError, match=r"exits=stops .* broker 'live' would never hear of them"):
        run(warehouse, home, broker=LiveConfig(), config=stops)
    assert not home.journal.exists()
    assert len(run(warehouse, home, config=stops).orders) == 2


def test_live_broker_trades_the_newest_session_only(warehouse: Warehouse, home: Home) -> None:
    with pytest.raises(
        RiskHaltError, match=f"trades the newest session \\({DAYS[-1]}\\) alone, not {DAYS[-2]}"
    ):
        run(warehouse, home, broker=LiveConfig(), session=DAYS[-2])
    assert not home.journal.exists()
    result = run(warehouse, home, broker=LiveConfig())
    assert (result.book, len(result.orders)) == ("live/paper", 2)


def test_session_without_any_bar_is_refused_with_the_newest_there_is(
    warehouse: Warehouse, home: Home
) -> None:
    with pytest.raises(RiskHaltError, match=f"no symbol .* has a bar on 2024-01-20 .*{DAYS[-1]}"):
        run(warehouse, home, session=date(2024, 1, 20))
    assert not home.journal.exists()


def test_session_without_scores_is_refused_and_nothing_is_decided(home: Home) -> None:
    score = SCORES.score / 10
    score[-1] = NAN
    with Warehouse(home.warehouse) as warehouse:
        write_marts(warehouse, BARS, score=score, model_id="m1")
        with pytest.raises(QuantmillError, match=f"no score for {DAYS[-1]}; score the session"):
            run(warehouse, home)
        assert rows(warehouse, "execution.orders", "simulated/paper") == []


def test_symbol_without_a_bar_in_the_newest_session_is_left_alone(home: Home) -> None:
    close = BARS.close.copy()
    best = int(np.argmax(SCORES.score[-1]))
    close[-1, best] = NAN
    with Warehouse(home.warehouse) as warehouse:
        write_marts(warehouse, replace(BARS, close=close), score=SCORES.score / 10, model_id="m1")
        result = run(warehouse, home)
        assert BARS.symbols[best] not in {entry.order.symbol for entry in result.orders}
        refused = warehouse.read("select symbol, rule from execution.risk_decisions").rows()
        assert refused == [(BARS.symbols[best], "stale_price")]


def test_session_and_window_together_are_refused(warehouse: Warehouse, home: Home) -> None:
    with pytest.raises(QuantmillError, match="either one session"):
        run(warehouse, home, session=DAYS[-1], start=DAYS[0])


def test_accounts_of_one_broker_are_books_of_their_own(warehouse: Warehouse, home: Home) -> None:
    mine = run(warehouse, home)
    other = run(warehouse, home, broker=SimulatedBrokerConfig(account="second"))
    assert other.book == "simulated/second"
    assert len(other.orders) == 2
    ids = {entry.order.client_order_id for entry in (*mine.orders, *other.orders)}
    assert len(ids) == 4


def test_halted_run_still_mirrors_what_happened_before(warehouse: Warehouse, home: Home) -> None:
    run(warehouse, home, session=DAYS[-2])
    warehouse.execute("delete from execution.orders")
    home.halt.touch()
    with pytest.raises(RiskHaltError):
        run(warehouse, home)
    assert len(rows(warehouse, "execution.orders", "simulated/paper")) == 2
