"""Several strategies in one account, from the command line: the model beside signals of SQL."""

from __future__ import annotations

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
