"""Walk-forward folds as a table of sessions, and what must hold of any of them."""

from __future__ import annotations

from datetime import date, datetime, time

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.config import SplitConfig
from ml.splits import Fold, FoldRows, walk_forward
from tests.ml.market import sessions
from transforms.errors import ConfigError


def bars(count: int, horizon: int, symbols: int = 1) -> pl.DataFrame:
    """Return ``symbols`` rows per session, whose label ends ``horizon`` sessions later."""
    days = sessions(count)
    ends = [days[place + horizon] if place + horizon < count else None for place in range(count)]
    at = [(day, end) for day, end in zip(days, ends, strict=True) for _ in range(symbols)]
    return pl.DataFrame(
        {
            "session_date": [day for day, _ in at],
            "bar_at": [datetime.combine(day, time()) for day, _ in at],
            "label_end_at": [end and datetime.combine(end, time()) for _, end in at],
        },
        schema_overrides={"label_end_at": pl.Datetime("us")},
    )


def split(**changes: object) -> SplitConfig:
    given_or_small: dict[str, object] = {
        "train_sessions": 20,
        "test_sessions": 5,
        "embargo_sessions": 1,
        "validation_fraction": 0.25,
        **changes,
    }
    return SplitConfig(name="small", **given_or_small)  # type: ignore[arg-type]


def places(folds: list[Fold], days: list[date]) -> list[tuple[int, ...]]:
    """Return the folds' sessions as positions: train, validation, test, each first and last."""
    return [
        tuple(
            days.index(day)
            for day in (
                *(fold.train_start, fold.train_end),
                *(fold.validation_start, fold.validation_end),
                *(fold.test_start, fold.test_end),
            )
        )
        for fold in folds
    ]


def rows_of(fold: Fold, table: pl.DataFrame) -> FoldRows:
    ordered = table.sort("bar_at")
    return fold.rows(
        ordered["session_date"].to_numpy().astype("datetime64[D]"),
        ordered["label_end_at"].to_numpy().astype("datetime64[us]"),
    )


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        # Labels end 2 sessions on, 1 session of embargo: of the test window at 20, labels must end by 18.
        ("expanding", [(0, 10, 13, 16, 20, 24), (0, 13, 16, 21, 25, 29), (0, 17, 20, 26, 30, 31)]),
        ("rolling", [(0, 10, 13, 16, 20, 24), (5, 15, 18, 21, 25, 29), (10, 20, 23, 26, 30, 31)]),
    ],
)
def test_folds_of_32_sessions_stand_where_counted_by_hand(
    scheme: str, expected: list[tuple[int, ...]]
) -> None:
    assert places(walk_forward(bars(32, horizon=2), split(scheme=scheme)), sessions(32)) == expected


def test_without_embargo_a_label_may_end_on_the_last_session_before_the_test_window() -> None:
    fold = walk_forward(bars(21, horizon=2), split(embargo_sessions=0))[0]
    assert sessions(21).index(fold.validation_end) == 17  # its label ends on 19, the test window begins on 20


def test_rows_in_no_part_of_the_training_window_are_counted_as_purged() -> None:
    rows = rows_of(walk_forward(bars(32, horizon=2, symbols=3), split())[0], bars(32, horizon=2, symbols=3))
    assert (len(rows.train), len(rows.validation), len(rows.test)) == (11 * 3, 4 * 3, 5 * 3)
    assert rows.purged == (2 + 3) * 3  # sessions 11, 12 before validation; 17, 18, 19 before the test window


def test_one_late_label_is_purged_though_its_session_stays() -> None:
    days = sessions(32)
    is_late = pl.col("row") == 3
    end = pl.when(is_late).then(datetime.combine(days[25], time())).otherwise("label_end_at")
    table = bars(32, horizon=2, symbols=2).with_row_index("row").with_columns(end.alias("label_end_at"))
    folds = walk_forward(table, split())
    rows = rows_of(folds[0], table)
    assert rows.train.tolist() == [row for row in range(22) if row != 3]
    assert rows_of(folds[2], table).train.tolist() == [
        row for row in range(36) if row != 3
    ]  # validation begins on 20


def test_unlabelled_newest_sessions_are_tested_and_never_trained_on() -> None:
    table = bars(32, horizon=2)
    rows = rows_of(walk_forward(table, split())[-1], table)
    assert rows.test.tolist() == [30, 31]
    assert max(rows.train.max(), rows.validation.max()) == 26


def test_too_little_history_says_what_is_there_and_what_is_needed() -> None:
    with pytest.raises(
        ConfigError,
        match=r"split\.train_sessions .* at 20 at least 21 .* there are 20 \(2020-01-06 to 2020-01-31\)",
    ):
        walk_forward(bars(20, horizon=2), split())


def test_no_history_at_all_is_the_same_error() -> None:
    with pytest.raises(ConfigError, match="there are 0"):
        walk_forward(bars(0, horizon=2), split())


@pytest.mark.parametrize(("horizon", "embargo"), [(19, 1), (2, 30), (10, 1)])
def test_a_training_window_purged_empty_names_the_keys_to_change(horizon: int, embargo: int) -> None:
    with pytest.raises(ConfigError, match=r"split\.train_sessions is too small.*split\.embargo_sessions"):
        walk_forward(bars(40, horizon), split(embargo_sessions=embargo))


@st.composite
def problems(draw: st.DrawFn) -> tuple[pl.DataFrame, SplitConfig]:
    """A table whose symbols come and go and whose labels end 0 to 6 sessions on, and a split."""
    count = draw(st.integers(30, 70))
    days = sessions(count)
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    rows = []
    for place, day in enumerate(days):
        for _ in range(int(random.integers(1, 4))):
            end = place + int(random.integers(0, 7))
            has_label = end < count and random.random() < 0.9
            rows.append(
                (
                    day,
                    datetime.combine(day, time()),
                    datetime.combine(days[end], time()) if has_label else None,
                )
            )
    table = pl.DataFrame(
        rows,
        schema={"session_date": pl.Date, "bar_at": pl.Datetime("us"), "label_end_at": pl.Datetime("us")},
        orient="row",
    )
    config = split(
        scheme=draw(st.sampled_from(["expanding", "rolling"])),
        train_sessions=draw(st.integers(24, 29)),
        test_sessions=draw(st.integers(1, 15)),
        embargo_sessions=draw(st.integers(0, 4)),
        validation_fraction=draw(st.sampled_from([0.1, 0.2, 0.4])),
    )
    return table, config


@given(problems())
def test_no_label_reaches_into_what_follows_and_the_embargo_is_kept(
    problem: tuple[pl.DataFrame, SplitConfig],
) -> None:
    table, config = problem
    ordered = table.sort("bar_at")
    days = ordered["session_date"].unique(maintain_order=True).to_list()
    for fold in walk_forward(table, config):
        rows = rows_of(fold, table)
        train, validation, test = (ordered[part] for part in (rows.train, rows.validation, rows.test))
        assert len(train) > 0
        assert len(validation) > 0
        last = {
            name: part["label_end_at"].max() for name, part in (("train", train), ("validation", validation))
        }
        assert last["train"] < validation["bar_at"].min()
        for end in last.values():
            gap = days.index(test["session_date"].min()) - days.index(end.date())
            assert gap - 1 >= config.embargo_sessions
        if config.scheme == "rolling":
            assert days.index(fold.test_start) - days.index(fold.train_start) <= config.train_sessions


@given(problems())
def test_every_session_after_the_first_training_window_is_tested_exactly_once(
    problem: tuple[pl.DataFrame, SplitConfig],
) -> None:
    table, config = problem
    ordered = table.sort("bar_at")
    tested = np.concatenate([rows_of(fold, table).test for fold in walk_forward(table, config)])
    days = ordered["session_date"].unique(maintain_order=True)
    expected = ordered["session_date"].is_in(days[config.train_sessions :].to_list()).arg_true()
    assert tested.tolist() == expected.to_list()


@given(problems(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(
    problem: tuple[pl.DataFrame, SplitConfig], random: object
) -> None:
    table, config = problem
    shuffled = table.sample(fraction=1, shuffle=True, seed=random.randint(0, 2**31))  # type: ignore[attr-defined]
    assert walk_forward(shuffled, config) == walk_forward(table, config)


@given(problems(), st.integers(30, 69))
def test_history_cut_anywhere_gives_the_same_folds_up_to_there(
    problem: tuple[pl.DataFrame, SplitConfig], cut: int
) -> None:
    table, config = problem
    days = table["session_date"].unique().sort()
    if cut >= len(days):
        return
    known = pl.col("label_end_at") < datetime.combine(days[cut], time())
    past = table.filter(pl.col("session_date") < days[cut]).with_columns(
        pl.when(known).then("label_end_at").alias("label_end_at")
    )
    whole = walk_forward(table, config)
    for short, long in zip(walk_forward(past, config), whole, strict=False):
        same_window = {**vars(long), "test_end": min(long.test_end, days[cut - 1])}
        assert vars(short) == same_window
