"""The gates on corporate actions, predictions and targets."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from expectations.config import GateConfig
from expectations.gate import check_corporate_actions, check_predictions, check_targets
from tests.expectations import market
from transforms import schemas
from transforms.errors import DataGateError
from transforms.paths import Home
from transforms.warehouse import Warehouse

NAN, INF = float("nan"), float("inf")
GATE = GateConfig(name="test", data_docs=False, max_quarantined_fraction=1.0)
CHANGE: dict[str, Any] = {"kind": "symbol_change", "value": None}


def actions(*changes: dict[str, Any]) -> pl.DataFrame:
    """Return one good split, then one row per change of it."""
    good = {
        "source": "test",
        "dataset": "default",
        "symbol": "AAA",
        "ex_date": date(2024, 11, 29),
        "kind": "split",
        "value": 4.0,
        "new_symbol": None,
        "defect": None,
        "known_at": market.KNOWN_AT,
        "batch_id": "b1",
        "page": 0,
        "page_row": 0,
    }
    rows = [good, *({**good, "page_row": number, **change} for number, change in enumerate(changes, 1))]
    return pl.DataFrame(rows, schema=market.polars_schema(schemas.CORPORATE_ACTIONS))


def test_bad_actions_are_quarantined_and_good_ones_are_not(warehouse: Warehouse, home: Home) -> None:
    changes: list[tuple[dict[str, Any], set[str]]] = [
        ({"symbol": "BBB", "kind": "dividend", "value": 0.25}, set()),
        ({"symbol": "CCC", "ex_date": date(2030, 1, 1)}, set()),
        ({"symbol": "BBB", "value": NAN}, {"value_is_positive"}),
        ({"symbol": "CCC", "value": INF}, {"value_is_positive"}),
        ({"symbol": "DDD", "value": 0.0}, {"value_is_positive"}),
        ({"symbol": "EEE", "value": None}, {"value_is_positive"}),
        ({"symbol": "FFF", "value": 1000.5}, {"split_ratio_is_plausible"}),
        ({"symbol": "GGG", "value": 0.0009}, {"split_ratio_is_plausible"}),
        ({"symbol": "HHH", "kind": "merger"}, {"kind_is_known"}),
        ({"symbol": "III", "ex_date": date(2025, 1, 9)}, {"ex_date_is_a_session"}),
        ({"symbol": "JJJ", "ex_date": None}, {"key_is_present"}),
        (
            {"symbol": "KKK", "defect": "value 'x' is no number", "value": None},
            {"row_was_readable", "value_is_positive"},
        ),
        ({"symbol": "../etc/passwd"}, {"symbol_is_well_formed"}),
        ({"symbol": "LLL", "value": 2.0}, {"key_is_unique"}),
        ({"symbol": "LLL", "value": 3.0}, {"key_is_unique"}),
        ({"symbol": "MMM"}, set()),
        ({"symbol": "MMM"}, {"row_is_not_repeated"}),
        ({"symbol": "NNN", "kind": "dividend", "value": 0.0}, set()),
        (
            {"symbol": "NNN", "kind": "dividend", "ex_date": date(2024, 12, 2), "value": -0.1},
            {"value_is_positive"},
        ),
        ({"symbol": "OOO", **CHANGE, "new_symbol": "PPP"}, set()),
        ({"symbol": "PPP", **CHANGE, "new_symbol": "PPP"}, set()),
        ({"symbol": "QQQ", **CHANGE}, {"new_symbol_is_well_formed"}),
        ({"symbol": "RRR", **CHANGE, "new_symbol": "../etc"}, {"new_symbol_is_well_formed"}),
        ({"symbol": "SSS", **CHANGE, "new_symbol": "UUU"}, {"new_symbol_is_uncontested"}),
        ({"symbol": "TTT", **CHANGE, "new_symbol": "UUU"}, {"new_symbol_is_uncontested"}),
        ({"symbol": "VVV", **CHANGE, "new_symbol": "WWW"}, {"key_is_unique"}),
        ({"symbol": "VVV", **CHANGE, "new_symbol": "XXX"}, {"key_is_unique"}),
    ]
    market.load(warehouse, market.bars())
    market.load(warehouse, actions(*(change for change, _ in changes)), schemas.CORPORATE_ACTIONS)
    for _ in range(2):
        result = check_corporate_actions(
            warehouse, home, source="test", dataset="default", calendar="XNYS", gate=GATE, run_id="run"
        )
        found: dict[int, set[str]] = {}
        for row, expectation in (
            market.quarantined(warehouse, "quarantine.corporate_actions")
            .select("page_row", "expectation")
            .rows()
        ):
            found.setdefault(row, set()).add(expectation)
        assert found == {number: names for number, (_, names) in enumerate(changes, 1) if names}
        assert result.quarantined_rows == len(found)


def test_source_without_actions_passes(warehouse: Warehouse, home: Home) -> None:
    result = check_corporate_actions(
        warehouse, home, source="test", dataset="default", calendar="XNYS", gate=GATE, run_id="run"
    )
    assert all(one.passed for one in result.outcomes)


def test_quarantined_split_adjusts_no_return(warehouse: Warehouse, home: Home) -> None:
    market.load(warehouse, market.bars())
    market.load(warehouse, actions({"symbol": "BBB", "value": 5000.0}), schemas.CORPORATE_ACTIONS)
    check_corporate_actions(
        warehouse, home, source="test", dataset="default", calendar="XNYS", gate=GATE, run_id="run"
    )
    warnings = market.check(warehouse, home).warnings
    previous, close = market.bars().filter(
        pl.col("session_date").is_in([date(2024, 11, 27), date(2024, 11, 29)]), symbol="AAA"
    )["close"]
    percent = round(100 * (4 * close / previous - 1), 2)
    assert [warning.split(" on ")[0] for warning in warnings] == [f"AAA: return of {percent} %"]


@pytest.fixture
def marts(warehouse: Warehouse) -> Warehouse:
    """The warehouse with a mart of which BBB is no member on its last day."""
    market.load(warehouse, market.bars(("AAA", "BBB")))
    warehouse.execute("""
        create table marts.bars as
        select symbol, bar_at, session_date, symbol = 'AAA' or bar_at < max(bar_at) over () as is_member
        from raw.bars
    """)
    return warehouse


def predict(warehouse: Warehouse, changes: dict[str, Any]) -> None:
    """Write a good prediction for every member bar, the tenth of AAA changed."""
    warehouse.execute("""
        insert into ml.predictions
        select 'm''1', 0, symbol, bar_at, session_date, p, 2 * p - 1, abs(2 * p - 1)
        from (select *, 0.3 + 0.4 * (day(bar_at) % 2) as p from marts.bars where is_member)
    """)
    for column, value in changes.items():
        warehouse.execute(
            f"update ml.predictions set {column} = ? where symbol = 'AAA' and bar_at = ?",
            [value, market.midnight(market.days()[10])],
        )


def test_good_predictions_pass(marts: Warehouse, home: Home) -> None:
    predict(marts, {})
    result = check_predictions(marts, home, model_id="m'1", gate=GATE, run_id="run")
    assert all(one.passed for one in result.outcomes)
    assert (result.quarantined_rows, result.warnings) == (0, ())


@pytest.mark.parametrize(
    ("changes", "expectation", "finding"),
    [
        ({"probability": NAN, "score": NAN, "confidence": NAN}, "probability_is_in_range", "probability nan"),
        ({"probability": INF}, "probability_is_in_range", "probability inf"),
        ({"probability": None}, "probability_is_in_range", "probability null"),
        (
            {"probability": 1.01, "score": 1.02, "confidence": 1.02},
            "probability_is_in_range",
            "probability 1.01",
        ),
        ({"score": NAN}, "score_matches_probability", "score nan does not match"),
        ({"score": 0.1}, "score_matches_probability", "score 0.1 does not match"),
        ({"confidence": 0.9}, "confidence_matches_score", "confidence 0.9 does not match"),
        ({"symbol": "ZZZ"}, "symbol_is_a_member", "ZZZ has 1 predictions"),
        ({"bar_at": market.midnight(market.days()[11])}, "key_is_unique", "has 2 predictions"),
        ({"session_date": None}, "key_is_present", "session_date null"),
    ],
)
def test_bad_prediction_stops_the_run(
    marts: Warehouse, home: Home, changes: dict[str, Any], expectation: str, finding: str
) -> None:
    predict(marts, changes)
    with pytest.raises(DataGateError, match=f"{expectation} failed") as caught:
        check_predictions(marts, home, model_id="m'1", gate=GATE, run_id="run")
    assert caught.value.exit_code == 3
    assert finding in str(caught.value)
    assert market.outcome(marts, expectation)["failed_rows"] == 1


def test_bar_on_which_a_symbol_is_no_member_and_no_prediction_at_all_stop_the_run(
    marts: Warehouse, home: Home
) -> None:
    with pytest.raises(DataGateError, match="rows_are_present failed"):
        check_predictions(marts, home, model_id="m'1", gate=GATE, run_id="run")
    predict(marts, {})
    marts.execute("""
        insert into ml.predictions
        select 'm''1', 0, symbol, bar_at, session_date, 0.5, 0, 0 from marts.bars where not is_member
    """)
    with pytest.raises(DataGateError, match="BBB has 1 predictions for bars on which it is no member"):
        check_predictions(marts, home, model_id="m'1", gate=GATE, run_id="run")


def weigh(warehouse: Warehouse, changes: dict[str, Any]) -> None:
    """Write targets of 0.5 and nothing on one bar, AAA's changed."""
    moment = market.midnight(market.days()[10])
    for symbol, weight in (("AAA", 0.5), ("BBB", None)):
        row = {"symbol": symbol, "target_weight": weight, "score": 0.2, "confidence": 0.2, "bar_at": moment}
        row |= {"book": "paper/1", "session_date": market.days()[10], "strategy": "s"}
        row |= changes if symbol == "AAA" else {}
        warehouse.append(schemas.TARGETS, pl.DataFrame([row], strict=False))


@pytest.mark.parametrize("weight", [0.5, -0.5, 0.0, None])
def test_good_targets_pass(marts: Warehouse, home: Home, weight: float | None) -> None:
    weigh(marts, {"target_weight": weight})
    result = check_targets(
        marts, home, book="paper/1", max_position_weight=0.5, max_gross=0.5, gate=GATE, run_id="run"
    )
    assert all(one.passed for one in result.outcomes)


@pytest.mark.parametrize(
    ("changes", "expectation", "finding"),
    [
        ({"target_weight": NAN}, "numbers_are_finite", "weight nan"),
        ({"target_weight": INF}, "numbers_are_finite", "weight inf"),
        ({"score": NAN}, "numbers_are_finite", "score nan"),
        ({"confidence": -INF}, "numbers_are_finite", "confidence -inf"),
        ({"confidence": 1.5}, "confidence_is_in_range", "confidence 1.5"),
        ({"target_weight": -0.61}, "weight_is_within_cap", "weight -0.61 exceeds 0.6"),
        ({"target_weight": 0.56}, "gross_is_within_cap", "sum to 0.56, more than 0.55"),
        ({"symbol": "ZZZ"}, "symbol_is_a_member", "ZZZ has 1 weights"),
        ({"symbol": "BBB"}, "key_is_unique", "BBB 2024-09-17 04:00:00 has 2 targets"),
        ({"strategy": None}, "key_is_present", "strategy null"),
    ],
)
def test_bad_target_stops_the_run(
    marts: Warehouse, home: Home, changes: dict[str, Any], expectation: str, finding: str
) -> None:
    weigh(marts, changes)
    with pytest.raises(DataGateError, match=f"{expectation} failed") as caught:
        check_targets(
            marts, home, book="paper/1", max_position_weight=0.6, max_gross=0.55, gate=GATE, run_id="run"
        )
    assert caught.value.exit_code == 3
    assert finding in str(caught.value)


def test_what_left_the_universe_may_only_be_closed(marts: Warehouse, home: Home) -> None:
    last = {"symbol": "BBB", "bar_at": market.midnight(market.days()[-1]), "session_date": market.days()[-1]}
    caps = {"book": "paper/1", "max_position_weight": 1.0, "max_gross": 1.0, "gate": GATE, "run_id": "run"}
    weigh(marts, {**last, "target_weight": 0.0})
    check_targets(marts, home, **caps)
    marts.execute(
        "update execution.targets set target_weight = 0.1 where session_date = ?", [market.days()[-1]]
    )
    with pytest.raises(DataGateError, match="BBB has 1 weights"):
        check_targets(marts, home, **caps)
