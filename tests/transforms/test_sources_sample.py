from __future__ import annotations

import subprocess
import sys
from datetime import date

import polars as pl
import pytest

from transforms.config import SampleSourceConfig
from transforms.errors import ConfigError
from transforms.frames import ACTIONS_SCHEMA, BARS_SCHEMA
from transforms.sources.base import open_source

ALL = ("AAPL", "FB", "GOOG", "IBM", "IXIC", "MSFT", "SPX")


def bars(**options: object) -> pl.DataFrame:
    source = open_source(SampleSourceConfig(**options))  # type: ignore[arg-type]
    return pl.concat(page.frame for page in source.pages("bars"))


def test_coverage_names_symbols_range_and_package_versions() -> None:
    coverage = open_source(SampleSourceConfig()).coverage()

    assert coverage.symbols == ALL
    assert (coverage.start, coverage.end) == (date(1999, 1, 4), date(2018, 12, 31))
    assert "arch-" in coverage.version
    assert "bokeh_sampledata-" in coverage.version


def test_bars_come_one_symbol_a_page_in_the_contracts_shape() -> None:
    pages = list(open_source(SampleSourceConfig()).pages("bars"))

    assert [(page.kind, page.number) for page in pages] == [("bars", number) for number in range(len(ALL))]
    assert tuple(page.frame["symbol"].unique().item() for page in pages) == ALL
    assert all(page.frame.schema == pl.Schema(BARS_SCHEMA) for page in pages)
    assert [len(page.frame) for page in pages] == [3270, 196, 2148, 3270, 5031, 3270, 5031]
    assert all(page.frame["defect"].null_count() == len(page.frame) for page in pages)


def test_prices_are_raw_and_stamped_at_midnight_of_new_york() -> None:
    first = bars(symbols=["AAPL"], end="2000-03-01").select("bar_at", "open", "close", "volume").row(0)

    assert str(first[0]) == "2000-03-01 05:00:00"
    assert first[1:] == (118.56, 130.31, 9616100.0)


def test_index_has_its_published_close() -> None:
    """The S&P 500 closed at 676.53 on 2009-03-09, the low of that crisis."""
    assert bars(symbols=["SPX"], start="2009-03-09", end="2009-03-09")["close"].item() == pytest.approx(
        676.53, abs=0.005
    )


def test_symbols_and_range_choose_pages_and_rows() -> None:
    config = SampleSourceConfig(symbols=["SPX", "IBM"], start="2012-12-28", end="2013-01-02")

    found = [page.frame for page in open_source(config).pages("bars")]

    assert [frame["symbol"].unique().item() for frame in found] == ["IBM", "SPX"]
    days = [date(2012, 12, 28), date(2012, 12, 31), date(2013, 1, 2)]
    assert all(frame["session_date"].to_list() == days for frame in found)


def test_pages_after_a_number_are_the_same_pages() -> None:
    source = open_source(SampleSourceConfig(symbols=["AAPL", "FB", "SPX"]))
    every = list(source.pages("bars"))

    for after in range(-1, 3):
        rest = list(source.pages("bars", after=after))
        assert [page.number for page in rest] == [page.number for page in every[after + 1 :]]
        assert all(a.frame.equals(b.frame) for a, b in zip(rest, every[after + 1 :], strict=True))
    assert list(source.pages("corporate_actions", after=0)) == []


def test_actions_are_one_page_within_symbols_and_range() -> None:
    config = SampleSourceConfig(symbols=["AAPL", "SPX"], start="2005-01-01", end="2012-10-01")

    (page,) = open_source(config).pages("corporate_actions")

    assert page.frame.schema == pl.Schema(ACTIONS_SCHEMA)
    assert page.frame.rows() == [
        ("AAPL", date(2005, 2, 28), "split", 2.0, None, None),
        ("AAPL", date(2012, 8, 9), "dividend", 2.65, None, None),
    ]


def test_actions_of_an_index_alone_are_an_empty_page() -> None:
    (page,) = open_source(SampleSourceConfig(symbols=["SPX"])).pages("corporate_actions")

    assert page.frame.schema == pl.Schema(ACTIONS_SCHEMA)
    assert page.frame.is_empty()


@pytest.mark.parametrize("symbol", ["APPL", "TSLA"])
def test_unknown_symbol_is_a_config_error_with_those_there(symbol: str) -> None:
    source = open_source(SampleSourceConfig(symbols=[symbol]))

    with pytest.raises(ConfigError, match=f"has no symbol '{symbol}'.*AAPL"):
        source.coverage()


def test_reading_imports_neither_the_data_packages_nor_a_plotting_library() -> None:
    code = (
        "import sys\n"
        "from transforms.config import SampleSourceConfig\n"
        "from transforms.sources.base import open_source\n"
        "open_source(SampleSourceConfig()).coverage()\n"
        "heavy = {'pandas', 'arch', 'bokeh', 'bokeh_sampledata', 'exchange_calendars'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
