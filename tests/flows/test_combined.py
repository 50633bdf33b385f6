"""Several strategies in one account, from the command line: the model beside signals of SQL."""

from __future__ import annotations

import json

import pytest

from tests.flows.conftest import QUICK, Place

pytestmark = pytest.mark.slow

COMMAND = (
    "flow=backtest",
    QUICK,
    "strategy=combined",
    "~strategy@strategy.members.momentum",
    "+strategy@strategy.members.model=model",
    "strategy.members.mean_reversion.parameters.average_bars=0",
)


def test_the_model_and_signals_are_traded_together_and_change_one_by_one(place: Place) -> None:
    done = place.run(*COMMAND)
    assert done.code == 0, done.err
    wanted = place.read("select distinct strategy from execution.strategy_targets order by strategy")
    assert wanted["strategy"].to_list() == ["mean_reversion", "model"]
    signals = place.read("select distinct strategy from marts.signals")
    assert signals["strategy"].to_list() == ["mean_reversion"], "the model's scores are in ml.predictions"

    again = place.run(*COMMAND)
    assert "nothing has changed" in again.out

    other = place.run(*COMMAND, "strategy.members.mean_reversion.parameters.exit_zscore=0.5")
    assert other.code == 0, other.err
    assert "changed: 2 models" in other.err, "its own and marts.signals"
    assert "train: unchanged" in other.err
    assert place.read("select count(distinct book) from execution.metrics").item() == 2


def test_a_parameter_of_a_member_is_refused_by_its_whole_key(place: Place) -> None:
    done = place.run(*COMMAND, "strategy.members.mean_reversion.parameters.exit_zscore=9")
    assert done.code == 2
    assert "strategy.members.mean_reversion.parameters.entry_zscore must be above" in done.err


MEMBER = "strategy.members.mean_reversion.parameters"
# Entering below where it leaves cannot be: four of the sixteen trials fail, and only they.
GRID = (
    f"sensitivity.grid={{{MEMBER}.exit_zscore:[0,0.5],{MEMBER}.entry_zscore:[0.4,1.5],"
    "strategy.portfolios.mean_reversion.gross:[0.5,1],strategy.allocation.weighting:[equal,risk_parity]}"
)
KEYS = (
    f"{MEMBER}.exit_zscore",
    f"{MEMBER}.entry_zscore",
    "strategy.portfolios.mean_reversion.gross",
    "strategy.allocation.weighting",
)
# One with parameters that are not built, and one with those that are.
TRIALS = ((0.5, 1.5, 0.5, "risk_parity"), (0, 1.5, 0.5, "equal"))


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, prefect_api: str) -> Place:
    """A home in which the grid has been tried once."""
    place = Place(tmp_path_factory.mktemp("combined") / "home", prefect_api)
    done = place.run("flow=sensitivity", *COMMAND[1:], GRID)
    assert done.code == 0, done.err
    return place


def overrides_of(values: tuple[object, ...]) -> list[str]:
    return [f"{key}={value}" for key, value in zip(KEYS, values, strict=True)]


def test_combinations_of_a_member_that_cannot_be_fail_alone_and_by_its_keys(swept: Place) -> None:
    frame = swept.read("select * from execution.sensitivity")
    failed = frame.filter(frame["error"].is_not_null())
    assert (len(frame), len(failed)) == (16, 4)
    assert all(f"{MEMBER}.entry_zscore must be above {MEMBER}.exit" in error for error in failed["error"])


@pytest.mark.parametrize("values", TRIALS)
def test_a_trial_of_a_sweep_is_the_backtest_of_the_same_overrides_bit_for_bit(
    swept: Place, values: tuple[object, ...]
) -> None:
    done = swept.run(*COMMAND, *overrides_of(values))
    assert done.code == 0, done.err
    (row,) = (
        row
        for row in swept.read("select * from execution.sensitivity").iter_rows(named=True)
        if json.loads(row["parameters"]) == dict(zip(KEYS, values, strict=True))
    )
    metrics = dict(
        swept.read(
            "select metric, value from execution.metrics "
            f"where book = (select book from ops.trials where trial = '{row['config']}')"
        ).iter_rows()
    )
    names = set(metrics) & set(row) - {"deflated_sharpe"}
    assert len(names) > 10
    for name in names:
        assert metrics[name] == row[name], name
    assert metrics["trials"] == 12, "the same config is the same trial"


def test_a_validation_looks_at_the_sweep_around_its_config(swept: Place) -> None:
    done = swept.run(
        "flow=validate_strategy", *COMMAND[1:], *overrides_of(TRIALS[1]), "validation.permutations=200"
    )
    assert done.code == 0, done.err
    (note,) = swept.read("select note from execution.validation where criterion = 'parameter_neighbourhood'")[
        "note"
    ]
    assert "16 trials of sensitivity/" in note
    # Exit, entry and gross have one value beside its own; of the seven combinations two cannot be.
    assert "against the mean of its 5 neighbours" in note
