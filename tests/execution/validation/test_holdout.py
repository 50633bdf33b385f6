from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from execution.trials import Trial
from execution.validation import holdout
from execution.validation.holdout import earlier_uses, record_use
from transforms.warehouse import Warehouse

OURS = Trial("momentum", "sample", "default", "1d", {"symbols": ["A"]}, {"lookback": 20}, "run-1")
THEIRS = replace(OURS, config={"lookback": 60}, run_id="run-2")
RANGE = (date(2020, 1, 1), date(2021, 12, 31))


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    """A clock that moves on by a day with every use."""
    moments = iter([datetime.fromisoformat(f"2024-01-{day:02}") for day in range(1, 20)])
    monkeypatch.setattr(holdout, "utc_now", lambda: next(moments))
    with Warehouse(tmp_path / "warehouse.duckdb") as opened:
        yield opened


def uses(warehouse: Warehouse) -> list[tuple[str, int]]:
    return warehouse.read("select run_id, day(used_at) as at from ops.holdout_uses order by all").rows()


def test_first_use_is_recorded_and_nobody_was_there_before(warehouse: Warehouse) -> None:
    assert earlier_uses(warehouse, OURS, RANGE) == []
    record_use(warehouse, OURS, RANGE)
    assert uses(warehouse) == [("run-1", 1)]


def test_same_config_again_is_no_new_use(warehouse: Warehouse) -> None:
    record_use(warehouse, OURS, RANGE)
    record_use(warehouse, replace(OURS, run_id="run-9"), RANGE)
    assert uses(warehouse) == [("run-1", 1)]
    assert earlier_uses(warehouse, replace(OURS, run_id="run-9"), RANGE) == []


def test_another_config_finds_it_used_and_by_whom(warehouse: Warehouse) -> None:
    record_use(warehouse, OURS, RANGE)
    (found,) = earlier_uses(warehouse, THEIRS, RANGE)
    assert (found.run_id, found.used_at) == ("run-1", datetime.fromisoformat("2024-01-01"))


def test_who_came_first_stays_first_when_others_follow(warehouse: Warehouse) -> None:
    record_use(warehouse, OURS, RANGE)
    record_use(warehouse, THEIRS, RANGE)
    assert earlier_uses(warehouse, OURS, RANGE) == []
    assert [use.run_id for use in earlier_uses(warehouse, THEIRS, RANGE)] == ["run-1"]


@pytest.mark.parametrize(
    ("first", "last", "count"),
    [
        (date(2021, 12, 31), date(2023, 1, 1), 1),
        (date(2022, 1, 1), date(2023, 1, 1), 0),
        (date(2018, 1, 1), date(2020, 1, 1), 1),
        (date(2018, 1, 1), date(2019, 12, 31), 0),
    ],
)
def test_a_single_common_session_spoils_it(warehouse: Warehouse, first: date, last: date, count: int) -> None:
    record_use(warehouse, OURS, RANGE)
    assert len(earlier_uses(warehouse, THEIRS, (first, last))) == count


def test_a_longer_holdout_of_the_same_config_is_told_apart_but_not_held_against_it(
    warehouse: Warehouse,
) -> None:
    record_use(warehouse, OURS, RANGE)
    record_use(warehouse, OURS, (RANGE[0], date(2022, 6, 30)))
    assert len(uses(warehouse)) == 2
    (found,) = earlier_uses(warehouse, THEIRS, RANGE)
    assert found.used_at == datetime.fromisoformat("2024-01-01")


@pytest.mark.parametrize(
    "other", [{"strategy": "trend"}, {"dataset": "else"}, {"universe": {"symbols": ["B"]}}]
)
def test_other_strategies_and_other_data_are_their_own_matter(
    warehouse: Warehouse, other: dict[str, object]
) -> None:
    record_use(warehouse, replace(OURS, **other), RANGE)  # type: ignore[arg-type]
    assert earlier_uses(warehouse, THEIRS, RANGE) == []
