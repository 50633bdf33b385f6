"""Bad input from the command line: the promised exit code, a message that names it, nothing lost."""

from __future__ import annotations

import csv
import math
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.flows.conftest import Place

pytestmark = pytest.mark.slow

HEADER = ["symbol", "bar_at", "open", "high", "low", "close", "volume"]


def good_rows(symbols: tuple[str, ...] = ("AAA", "BBB"), sessions: int = 40) -> list[list[object]]:
    """Return flat, valid daily bars from 2024-01-02 on, on the exchange's sessions."""
    from transforms.calendars import sessions as exchange_sessions

    days = exchange_sessions("XNYS", date(2024, 1, 2), date(2024, 12, 31))["session_date"].to_list()[
        :sessions
    ]
    rows: list[list[object]] = []
    for symbol in symbols:
        for number, day in enumerate(days):
            price = 100 + math.sin(number) + len(symbol)
            rows.append([symbol, day.isoformat(), price, price + 1, price - 1, price + 0.5, 1000 + number])
    return rows


def write(path: Path, rows: list[list[object]], header: list[str] = HEADER) -> Path:
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def test_a_missing_file_is_a_config_error(place: Place, tmp_path: Path) -> None:
    done = place.run("flow=ingest", "source=csv", f"source.path={tmp_path}/none.csv")
    assert done.code == 2
    assert "source.path" in done.err
    assert "none.csv" in done.err


def test_an_empty_file_stops_at_the_gate(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.touch()
    done = place.run("flow=ingest", "source=csv", f"source.path={path}")
    assert done.code == 3
    assert "empty.csv" in done.err


def test_wrong_columns_stop_and_say_how_to_map_them(place: Place, tmp_path: Path) -> None:
    path = write(tmp_path / "wrong.csv", good_rows(), ["sym", "when", "o", "h", "l", "c", "v"])
    done = place.run("flow=ingest", "source=csv", f"source.path={path}")
    assert done.code == 3
    assert "source.columns" in done.err
    assert "wrong.csv" in done.err


def test_every_bad_row_is_quarantined_with_its_reason_and_the_run_goes_on(
    place: Place, tmp_path: Path
) -> None:
    rows = good_rows(sessions=200)
    future = (date.today() + timedelta(days=30)).isoformat()  # noqa: DTZ011 (a date two time zones apart is still future)
    bad: dict[int, tuple[int, object]] = {
        3: (2, "NaN"),
        7: (3, "inf"),
        11: (4, -5.0),
        15: (5, 0),
        19: (6, -1),
        23: (5, "abc"),
        27: (1, "not a day"),
        31: (1, future),
        35: (1, "2024-01-06"),  # a Saturday
        39: (0, "x'; drop table raw.bars; --"),
    }
    for row, (column, value) in bad.items():
        rows[row][column] = value
    rows[43][3] = float(str(rows[43][4])) - 1  # high < low
    rows.append(list(rows[60]))  # repeated: harmless
    rows.append([*rows[80][:5], 999.0, 1])  # contradicts row 80: both go
    path = write(tmp_path / "bars.csv", rows)
    done = place.run("flow=build", "source=csv", f"source.path={path}", "gate.max_missing_fraction=0.5")
    assert done.code == 0, done.err
    quarantined = place.read("select count(distinct (batch_id, page, page_row)) from quarantine.bars").item()
    assert quarantined == len(bad) + 1 + 2
    assert place.read("select count(*) from quarantine.bars where reason is null or reason = ''").item() == 0
    assert place.read("select count(*) from raw.bars").item() == len(rows) - 1
    assert place.read("select count(*) from marts.bars").item() == len(rows) - 1 - quarantined
    assert (
        place.read(
            "select count(*) from marts.bars where not isfinite(close) or close <= 0 or high < low"
        ).item()
        == 0
    )


def test_restated_bars_are_revisions_and_a_bad_batch_stops_before_anything_downstream(
    place: Place, tmp_path: Path
) -> None:
    rows = good_rows()
    path = write(tmp_path / "bars.csv", rows)
    arguments = ("flow=build", "source=csv", f"source.path={path}")
    close = f"select close from marts.bars where symbol = 'AAA' and session_date = '{rows[5][1]}'"
    assert place.run(*arguments).code == 0
    first = place.read("select max(known_at) from raw.bars").item().isoformat()
    before = float(str(rows[5][5]))

    # A restatement is one more row in raw, and the newest is what the marts hold.
    rows[5][5] = before + 0.25
    write(path, rows[::-1])
    assert place.run(*arguments).code == 0
    assert place.read("select count(*) from raw.bars").item() == len(rows) + 1
    assert place.read("select count(*) from marts.bars").item() == len(rows)
    assert place.read(close).item() == before + 0.25

    # as_of replays what was known then.
    assert place.run(*arguments, f"as_of={first}").code == 0
    assert place.read(close).item() == before

    # Too much in quarantine: exit 3, and marts and snapshot are as they were.
    digests = place.digests()
    published = place.home.published.read_bytes()
    for row in rows[:20]:
        row[5] = -1
    write(path, rows)
    done = place.run(*arguments)
    assert done.code == 3
    assert "quarantine" in done.err
    assert place.digests()["marts.bars"] == digests["marts.bars"]
    assert place.home.published.read_bytes() == published
    last = "select state, exit_code from ops.runs order by started_at desc limit 1"
    assert place.read(last).row(0) == ("failed", 3)


def test_naive_intraday_stamps_need_a_zone(place: Place, tmp_path: Path) -> None:
    rows = [["AAA", f"2024-03-11 {hour:02d}:30:00", 10, 11, 9, 10, 5] for hour in range(10, 16)]
    path = write(tmp_path / "hours.csv", rows)
    arguments = (
        "flow=ingest",
        "source=csv",
        f"source.path={path}",
        "source.timeframe=1h",
        "gate.max_missing_fraction=1",
    )
    done = place.run(*arguments)
    assert done.code == 2
    assert "source.timezone" in done.err
    assert place.run(*arguments, "source.timezone=America/New_York").code == 0
    assert str(place.read("select min(bar_at) from raw.bars").item()) == "2024-03-11 14:30:00"


def test_results_do_not_depend_on_what_ran_before(place: Place, tmp_path: Path, prefect_api: str) -> None:
    """Other seeds, symbols and dates of a source leave rows in raw; a run must not see them."""
    wanted = ("flow=build", "source=synthetic", "source.symbol_count=3", "source.bar_count=280")
    assert place.run(*wanted[:2], "source.symbol_count=4", "source.bar_count=300", "source.seed=8").code == 0
    assert place.run(*wanted).code == 0
    clean = Place(tmp_path / "clean", prefect_api)
    assert clean.run(*wanted).code == 0
    names = [name for name in clean.digests() if name.startswith("marts.")]
    assert [place.digests()[name] for name in names] == [clean.digests()[name] for name in names]
