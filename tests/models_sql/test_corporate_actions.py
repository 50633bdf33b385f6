"""Splits, dividends and symbol changes, point in time: what a holder owns does not jump, and nothing comes early."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from execution.config import PortfolioConfig, RiskConfig
from execution.panel import Panel, ScorePanel, load_panel
from tests.execution.markets import book_config, simulated
from tests.models_sql.market import VARS, Lab, action, bar, day, symbol_change
from transforms.errors import QuantmillError
from transforms.schemas import CORPORATE_ACTIONS

Rows = list[dict[str, Any]]
Case = tuple[Rows, Rows]  # bars and actions

LATER = datetime.fromisoformat("2030-06-01")
BEFORE_LATER = dataclasses.replace(VARS, as_of="2030-05-31T23:59:59")
SESSIONS = 6
INDEX = [bar("IDX", number, 100.0) for number in range(SESSIONS)]


def closes(symbol: str, *values: float, first: int = 0, **others: Any) -> Rows:
    return [bar(symbol, first + i, value, **others) for i, value in enumerate(values)]


def side_by_side(cases: Mapping[str, Case]) -> Case:
    """Put all cases into one market: the tickers of the third case begin with ``2.``."""
    bars: Rows = list(INDEX)
    actions: Rows = []
    for number, (case_bars, case_actions) in enumerate(cases.values()):
        for rows, target in ((case_bars, bars), (case_actions, actions)):
            for row in rows:
                names = {name: f"{number}.{row[name]}" for name in ("symbol", "new_symbol") if row.get(name)}
                target.append(row | names)
    return bars, actions


def of_case(case: str, bars: pl.DataFrame) -> pl.DataFrame:
    """Return one case's rows of ``marts.bars``, with its own tickers."""
    prefix = f"{list(ALL).index(case)}."
    ours = bars.filter(pl.col("symbol").str.starts_with(prefix))
    return ours.with_columns(pl.col("symbol", "ticker").str.strip_prefix(prefix))


def histories(bars: pl.DataFrame) -> dict[str, list[tuple[str, float]]]:
    """Return symbol → (ticker, close) bar by bar."""
    return {
        str(symbol): rows.select("ticker", "close").rows()
        for (symbol,), rows in bars.group_by("symbol", maintain_order=True)
    }


# ---------------------------------------------------------------- continuity

# Shares whose holder neither gains nor loses: only the corporate actions move the price.
STILL: dict[str, Case] = {
    "split 4:1": (closes("A", 100, 100, 25, 25), [action("A", 2, "split", 4.0)]),
    "reverse split 1:10": (closes("A", 3, 3, 30, 30), [action("A", 2, "split", 0.1)]),
    "split 3:2 of an odd price": (closes("A", 100.01, 100.01, 100.01 / 1.5), [action("A", 2, "split", 1.5)]),
    "split before the order's fill": (closes("A", 100, 25, 25), [action("A", 1, "split", 4.0)]),
    "dividend": (closes("A", 100, 100, 97, 97), [action("A", 2, "dividend", 3.0)]),
    "split and dividend on one day": (
        closes("A", 100, 100, 24.25, 24.25),
        [action("A", 2, "split", 4.0), action("A", 2, "dividend", 0.75)],
    ),
    "reverse split and dividend on one day": (
        closes("A", 3, 3, 29.5, 29.5),
        [action("A", 2, "split", 0.1), action("A", 2, "dividend", 0.5)],
    ),
    "symbol change": ([*closes("A", 50, 50), *closes("B", 50, 50, first=2)], [symbol_change("A", 2, "B")]),
    "reverse split with a new symbol": (
        [*closes("A", 3, 3), *closes("B", 30, 30, first=2)],
        [symbol_change("A", 2, "B"), action("A", 2, "split", 0.1)],
    ),
    "reverse split that both symbols have": (
        [*closes("A", 3, 3), *closes("B", 30, 30, first=2)],
        [symbol_change("A", 2, "B"), action("A", 2, "split", 0.1), action("B", 2, "split", 0.1)],
    ),
    "one after the other": (
        [*closes("A", 100, 100, 25, 24), *closes("B", 240, 240, first=4)],
        [
            action("A", 2, "split", 4.0),
            action("A", 3, "dividend", 1.0),
            symbol_change("A", 4, "B"),
            action("B", 4, "split", 0.1),
        ],
    ),
}

# ---------------------------------------------------------------- symbol changes

CHANGES: dict[str, Case] = {
    "chain": (
        [*closes("A", 1, 2), *closes("B", 3, 4, first=2), *closes("C", 5, first=4)],
        [symbol_change("A", 2, "B"), symbol_change("B", 4, "C")],
    ),
    "announced": (closes("A", 1, 2, 3), [symbol_change("A", SESSIONS, "B")]),
    "taken by another company later": (
        [*closes("A", 1, 2), *closes("B", 3, 4, 5, first=2), *closes("A", 50, first=4)],
        [symbol_change("A", 2, "B"), action("A", 1, "split", 2.0), action("A", 4, "dividend", 9.0)],
    ),
    "had by another company before": (
        [*closes("B", 70, 71), *closes("A", 1, 2, 3), *closes("B", 4, first=3)],
        [symbol_change("A", 3, "B")],
    ),
    "told under the new symbol from the beginning": (
        closes("B", 1, 2, 3, 4),
        [symbol_change("A", 2, "B"), action("B", 1, "split", 0.5)],
    ),
    "told under both symbols": (
        [*closes("B", 1, 2, 3, 4), *closes("A", 1, 2)],
        [symbol_change("A", 2, "B"), action("B", 1, "split", 0.5)],
    ),
    "swapped and swapped back": (
        [*closes("A", 1, 2, 30, 4), *closes("B", 10, 20, 3, 40)],
        [
            *(symbol_change("A", 2, "B"), symbol_change("B", 2, "A")),
            *(symbol_change("A", 3, "B"), symbol_change("B", 3, "A")),
        ],
    ),
}

TOLD: dict[str, dict[str, list[tuple[str, float]]]] = {
    "chain": {"C": [("A", 1), ("A", 2), ("B", 3), ("B", 4), ("C", 5)]},
    "announced": {"A": [("A", 1), ("A", 2), ("A", 3)]},
    "taken by another company later": {
        "A": [("A", 50)],
        "B": [("A", 1), ("A", 2), ("B", 3), ("B", 4), ("B", 5)],
    },
    "had by another company before": {
        "B": [("A", 1), ("A", 2), ("A", 3), ("B", 4)],
        f"B-{day(3):%Y%m%d}": [("B", 70), ("B", 71)],
    },
    "told under the new symbol from the beginning": {"B": [("B", 1), ("B", 2), ("B", 3), ("B", 4)]},
    "told under both symbols": {"B": [("A", 1), ("A", 2), ("B", 3), ("B", 4)]},
    "swapped and swapped back": {
        "A": [("A", 1), ("A", 2), ("B", 3), ("A", 4)],
        "B": [("B", 10), ("B", 20), ("A", 30), ("B", 40)],
    },
}

# ---------------------------------------------------------------- point in time


def late(number: int, kind: str, value: float) -> dict[str, Any]:
    return action("A", number, kind, value, known_at=LATER, batch_id="late")


KNOWN: Rows = [action("A", 3, "dividend", 0.5), action("A", 4, "split", 4.0), symbol_change("C", 2, "D")]
TRADED: Rows = [
    *closes("A", 10, 10.5, 11, 10, 3, 3.1),
    *closes("C", 20, 21),
    *closes("D", 22, 21, 20, 19, first=2),
]
COMING: dict[str, Case] = {
    "a split": (TRADED, [*KNOWN, late(2, "split", 2.0)]),
    "a dividend": (TRADED, [*KNOWN, late(1, "dividend", 0.5)]),
    "a dividend restated": (TRADED, [*KNOWN, late(3, "dividend", 0.25)]),
    "a split taken back": (TRADED, [*KNOWN, late(4, "split", 1.0)]),
    "a dividend taken back": (TRADED, [*KNOWN, late(3, "dividend", 0.0)]),
    "a symbol change": (TRADED, [*KNOWN, symbol_change("A", 3, "B", known_at=LATER, batch_id="late")]),
    "a symbol change taken back": (
        TRADED,
        [*KNOWN, symbol_change("C", 2, "C", known_at=LATER, batch_id="late")],
    ),
}


ALL = STILL | CHANGES | COMING


@dataclass(frozen=True)
class Views:
    """``marts.bars`` with every case in it: without what comes late, once it is known, and as of before.

    ``panel`` is the simulator's, without what comes late.
    """

    never: pl.DataFrame
    after: pl.DataFrame
    before: pl.DataFrame
    panel: Panel


@pytest.fixture(scope="module")
def views(lab: Lab) -> Views:
    bars, actions = side_by_side(ALL)
    lab.load(bars, [row for row in actions if row["known_at"] < LATER])
    lab.build(select="+bars")
    never, panel = lab.table("marts.bars"), load_panel(lab.warehouse)
    lab.load(bars, actions)
    lab.build(select="+bars", tests=False)
    after = lab.table("marts.bars")
    lab.build(BEFORE_LATER, select="+bars", tests=False)
    return Views(never, after, lab.table("marts.bars"), panel)


@pytest.mark.parametrize("case", list(STILL))
def test_adjusted_closes_are_continuous_over(case: str, views: Views) -> None:
    bars = of_case(case, views.never)
    raw = bars["close"].to_list()
    assert bars["symbol"].n_unique() == 1
    assert bars["adj_close"].to_list() == pytest.approx([raw[0]] * len(raw), rel=1e-9)
    shares = np.multiply.accumulate(bars["split_ratio"].to_numpy())
    assert bars["split_adj_close"].to_list() == pytest.approx((shares * raw).tolist(), rel=1e-12)


@pytest.mark.parametrize("case", list(STILL))
def test_equity_of_a_holder_is_continuous_over(case: str, views: Views) -> None:
    """Through the simulator, which trades raw prices and applies the actions to the position."""
    panel = views.panel
    prefix = f"{list(ALL).index(case)}."
    place = next(i for i, symbol in enumerate(panel.symbols) if symbol.startswith(prefix))
    held = np.full((len(panel), len(panel.symbols)), np.nan)
    held[0, place] = 1.0  # decided at the first close, bought at the second open, held ever after
    config = book_config(
        PortfolioConfig(name="hold", k=1, gross=1.0, whole_shares=False, min_trade_weight=0.0),
        risk=RiskConfig(name="none", max_position_weight=1.0),
    )
    result = simulated(panel, ScorePanel("hold", held, held, held), config)
    assert (result.quantity[1:, place] > 0).all()
    assert len(result.outcome.actions) or case in ("symbol change", "split before the order's fill")
    assert np.abs(result.equity / result.equity[0] - 1).max() < 1e-9


@pytest.mark.parametrize("case", list(CHANGES))
def test_history_of_an_instrument_whose_symbol_was(case: str, views: Views) -> None:
    assert histories(of_case(case, views.never)) == TOLD[case]


@pytest.mark.parametrize(
    ("case", "factors"),
    [
        ("taken by another company later", {"A": [1], "B": [1, 2, 2, 2, 2]}),
        ("told under the new symbol from the beginning", {"B": [1, 0.5, 0.5, 0.5]}),
        ("told under both symbols", {"B": [1, 0.5, 0.5, 0.5]}),
    ],
)
def test_actions_go_with_their_instrument_whose_symbol_was(
    case: str, factors: dict[str, list[float]], views: Views
) -> None:
    bars = of_case(case, views.never)
    found = {str(s): rows["split_factor"].to_list() for (s,), rows in bars.group_by("symbol")}
    assert found == factors
    assert bars["dividend"].sum() == 0, "the other company's, on its first bar"


def test_an_instrument_is_asked_for_by_any_symbol_that_it_had(lab: Lab) -> None:
    chain = CHANGES["chain"]
    bars, actions = side_by_side({"by A": chain, "by B": chain, "by C": chain, "by nobody": chain})
    lab.load(bars, actions)
    lab.build(
        dataclasses.replace(VARS, source_symbols=["0.A", "1.B", "2.C", "IDX"]), select="+bars", tests=False
    )
    found = histories(lab.table("marts.bars", "not is_benchmark"))
    assert {symbol: len(rows) for symbol, rows in found.items()} == {"0.C": 5, "1.C": 5, "2.C": 5}


@pytest.mark.parametrize("case", list(COMING))
def test_what_becomes_known_later_changes_nothing_before(case: str, views: Views) -> None:
    never, before, after = (of_case(case, bars) for bars in (views.never, views.before, views.after))
    assert before.equals(never)
    assert not after.equals(never), "from then on it counts"


def test_a_universe_that_names_a_former_symbol_is_told_the_present_one(lab: Lab) -> None:
    bars, actions = CHANGES["chain"]
    lab.load([*INDEX, *bars], actions)
    universe = dataclasses.replace(VARS.universe, symbols=["A"])
    with pytest.raises(QuantmillError, match=r"'symbol_without_bars': 'A', 'trades_now_as': 'C'"):
        lab.build(dataclasses.replace(VARS, universe=universe), select="+universe assert_universe_has_bars")


def test_a_change_moves_the_history_in_an_appended_build_as_in_a_full_one(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    lab = Lab.at(tmp_path_factory.mktemp("moving"), threads=1)
    try:
        old = [*INDEX, *closes("A", 1, 2, 3, 2.5), *closes("OTHER", 9, 9.5, 9.4, 9.6, 9.8, 9.7)]
        new = closes("B", 3, 3.5, first=4, batch_id="new")
        change = symbol_change("A", 4, "B", known_at=LATER, batch_id="new")
        lab.load([*old, *new])
        assert lab.build(tests=False).mode == "full"
        assert list(histories(lab.table("marts.bars", "is_member"))) == ["A", "B", "OTHER"]
        lab.warehouse.append(CORPORATE_ACTIONS, pl.DataFrame([change | {"page_row": 0}]))
        assert lab.build(tests=False).mode == "appended"
        tables = ("marts.bars", "marts.features", "marts.labels", "marts.signals", "marts.training_set")
        appended = {name: lab.table(name) for name in tables}
        assert list(histories(lab.table("marts.bars", "is_member"))) == ["B", "OTHER"]
        (lab.home.dbt / "state" / "build.json").unlink()
        assert lab.build(tests=False).mode == "full"
        for name, rows in appended.items():
            assert lab.table(name).equals(rows), name
    finally:
        lab.warehouse.close()
