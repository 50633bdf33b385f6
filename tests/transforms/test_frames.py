# ruff: noqa: DTZ001 - stamps of the contract are naive UTC
from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import polars as pl
import pytest

from transforms import schemas
from transforms.errors import DataGateError
from transforms.frames import ACTIONS_SCHEMA, BARS_SCHEMA, normalise_actions, normalise_bars

GOOD = {
    "symbol": "AAA",
    "bar_at": "2024-03-08",
    "open": "10",
    "high": "12.5",
    "low": " 9.5 ",
    "close": "1.1e1",
    "volume": "100",
}


def bars(*changes: Mapping[str, str | None], **options: Any) -> pl.DataFrame:
    """Normalise rows of text, each the good row with its changes."""
    frame = pl.DataFrame([{**GOOD, **change} for change in changes], schema=dict.fromkeys(GOOD, pl.String))
    return normalise(frame, **options)


def normalise(frame: pl.DataFrame, **options: Any) -> pl.DataFrame:
    defaults: dict[str, Any] = {"columns": {}, "timezone": None, "timeframe": "1d", "symbol": None}
    return normalise_bars(
        frame,
        **{**defaults, **options},
        exchange_timezone="America/New_York",
        where="bars.csv",
    )


def test_shape_is_raw_bars_without_what_the_ingest_adds() -> None:
    added = {"source", "dataset", "timeframe", "known_at", "batch_id", "page", "page_row"}

    assert list(BARS_SCHEMA) == [name for name in schemas.BARS.columns if name not in added]
    assert list(ACTIONS_SCHEMA) == [name for name in schemas.CORPORATE_ACTIONS.columns if name not in added]


def test_good_row_of_text_has_values_and_no_defect() -> None:
    found = bars({})

    assert found.schema == pl.Schema(BARS_SCHEMA)
    assert found.rows() == [
        ("AAA", datetime(2024, 3, 8, 5), date(2024, 3, 8), 10.0, 12.5, 9.5, 11.0, 100.0, None)
    ]


@pytest.mark.parametrize(
    ("change", "column", "defect"),
    [
        ({"close": "abc"}, "close", "close: 'abc' is no number"),
        ({"open": "1,234.5"}, "open", "open: '1,234.5' is no number"),
        ({"volume": "1_000"}, "volume", "volume: '1_000' is no number"),
        ({"high": "NA"}, "high", "high: 'NA' is no number"),
        ({"bar_at": "soon"}, "bar_at", "bar_at: 'soon' is no time stamp between 1800 and 2200"),
        ({"bar_at": "soon"}, "session_date", "bar_at: 'soon' is no time stamp between 1800 and 2200"),
    ],
)
def test_unreadable_cell_becomes_null_and_the_defect_quotes_it(
    change: dict[str, str | None], column: str, defect: str
) -> None:
    found = bars({}, change)

    assert found[column].to_list()[1] is None
    assert found["defect"].to_list() == [None, defect]
    assert found[column].to_list()[0] is not None


def test_malformed_symbol_is_kept_and_named() -> None:
    found = bars({"symbol": "x'; drop table"}, {"symbol": "BRK.B"})

    assert found["symbol"].to_list() == ["x'; drop table", "BRK.B"]
    assert found["defect"].to_list() == ["symbol: 'x'; drop table' is no symbol", None]


def test_several_defects_of_a_row_stand_side_by_side() -> None:
    found = bars({"open": "a", "close": "b"}, {"volume": "c"}, {})

    assert found["defect"].to_list() == [
        "open: 'a' is no number; close: 'b' is no number",
        "volume: 'c' is no number",
        None,
    ]


def test_odd_numbers_and_empty_cells_pass_through_for_the_gate() -> None:
    found = bars({"open": "nan", "high": "inf", "low": "-3", "close": "", "volume": None})

    assert found["open"].is_nan().all()
    assert found.select("high", "low", "close", "volume", "defect").row(0) == (
        float("inf"),
        -3.0,
        None,
        None,
        None,
    )


def test_overlong_cell_is_quoted_in_part() -> None:
    defect = bars({"close": "z" * 1000})["defect"].item()

    assert defect == f"close: '{'z' * 60}…' is no number"


def test_rows_keep_their_order_and_duplicates() -> None:
    days = ["2024-03-11", "2024-03-08", "2024-03-08"]

    found = bars(*({"bar_at": day} for day in days))

    assert [day.isoformat() for day in found["session_date"]] == days


def test_typed_columns_are_taken_as_they_are() -> None:
    frame = pl.DataFrame(
        {
            "Ticker": pl.Series(["AAA"], dtype=pl.Categorical),
            "Date": [date(2024, 3, 8)],
            "open": pl.Series([10], dtype=pl.Int32),
            "high": pl.Series([12.5], dtype=pl.Float32),
            "low": pl.Series(["9.50"]).cast(pl.Decimal(10, 2)),
            "close": [11.0],
            "volume": pl.Series([100], dtype=pl.UInt64),
        }
    )

    assert normalise(frame, columns={"symbol": "Ticker", "bar_at": "Date"}).equals(bars({}))


def test_given_symbol_stands_in_for_a_column() -> None:
    frame = pl.DataFrame([GOOD]).drop("symbol")

    assert normalise(frame, symbol="XYZ")["symbol"].to_list() == ["XYZ"]


def test_missing_columns_are_named_with_those_there_and_the_way_out() -> None:
    frame = pl.DataFrame([GOOD]).rename({"open": "Open", "bar_at": "when"})

    with pytest.raises(DataGateError) as caught:
        normalise(frame)

    assert caught.value.exit_code == 3
    told = str(caught.value)
    assert told.startswith("bars.csv lacks the columns 'bar_at', 'open'; it has 'symbol', 'when', 'Open'")
    assert "source.columns.bar_at=<the file's column> source.columns.open=Open" in told


def test_missing_symbol_column_suggests_source_symbol() -> None:
    with pytest.raises(DataGateError, match=r"lacks the columns 'symbol'.*source\.symbol"):
        normalise(pl.DataFrame([GOOD]).drop("symbol"))


def test_no_rows_are_refused() -> None:
    with pytest.raises(DataGateError, match=r"bars\.csv is empty"):
        normalise(pl.DataFrame([GOOD]).clear())


def test_column_that_can_hold_no_numbers_is_refused() -> None:
    frame = pl.DataFrame([GOOD]).with_columns(close=pl.lit(value=True))

    with pytest.raises(DataGateError, match="column 'close' holds Boolean, but close must be numbers"):
        normalise(frame)


def test_actions_are_read_and_unreadable_cells_named() -> None:
    frame = pl.DataFrame(
        [
            ("AAA", "2024-03-08", "split", "2"),
            ("AAA", "2024-03-08T00:00:00Z", " Dividend ", "0.25"),
            ("a b", "never", "spinoff", "many"),
            ("AAA", "2024-03-08", None, "-1"),
        ],
        schema=["symbol", "ex_date", "kind", "value"],
        orient="row",
    )

    found = normalise_actions(frame, columns={}, exchange_timezone="America/New_York", where="actions.csv")

    assert found.schema == pl.Schema(ACTIONS_SCHEMA)
    assert found.rows() == [
        ("AAA", date(2024, 3, 8), "split", 2.0, None, None),
        ("AAA", date(2024, 3, 8), "dividend", 0.25, None, None),
        (
            "a b",
            None,
            None,
            None,
            None,
            "symbol: 'a b' is no symbol; ex_date: 'never' is no time stamp between 1800 and 2200; "
            "kind: 'spinoff' is none of dividend, split, symbol_change; value: 'many' is no number",
        ),
        ("AAA", date(2024, 3, 8), None, -1.0, None, None),
    ]


def test_symbol_changes_are_read_and_a_blank_new_symbol_is_none() -> None:
    frame = pl.DataFrame(
        [
            ("OLD", "2024-03-08", "symbol_change", None, "NEW"),
            ("OLD", "2024-03-08", "symbol_change", None, "../etc"),
            ("OLD", "2024-03-08", "split", "2", ""),
        ],
        schema=["symbol", "ex_date", "kind", "value", "new_symbol"],
        orient="row",
    )

    found = normalise_actions(frame, columns={}, exchange_timezone="America/New_York", where="actions.csv")

    assert found.select("kind", "value", "new_symbol", "defect").rows() == [
        ("symbol_change", None, "NEW", None),
        ("symbol_change", None, "../etc", "new_symbol: '../etc' is no symbol"),
        ("split", 2.0, None, None),
    ]


def test_no_actions_are_no_error_but_wrong_columns_are() -> None:
    options: dict[str, Any] = {"columns": {}, "exchange_timezone": "UTC", "where": "actions.csv"}
    empty = pl.DataFrame(schema=dict.fromkeys(("symbol", "ex_date", "kind", "value"), pl.String))

    assert normalise_actions(empty, **options).is_empty()
    with pytest.raises(DataGateError, match=r"actions\.csv lacks the columns 'value'"):
        normalise_actions(empty.drop("value"), **options)
