"""The validation suite from the command line."""

from __future__ import annotations

import pytest

from tests.flows.conftest import QUICK, Place
from transforms.warehouse import Warehouse

pytestmark = pytest.mark.slow

COMMAND = ("flow=validate_strategy", QUICK, "strategy=trend_breakout", "validation.permutations=200")


def test_a_verdict_is_printed_recorded_and_shown_and_a_failed_one_is_no_error(place: Place) -> None:
    # Nothing earns a Sharpe ratio of 50 whatever happens: this verdict is a failure.
    done = place.run(*COMMAND, "validation.limits.min_stress_sharpe=50")
    assert done.code == 0, done.err
    assert "verdict   failed: " in done.out
    with Warehouse(place.home.warehouse, read_only=True) as warehouse:
        criteria = warehouse.read("select * from execution.validation order by place")
        assert not criteria.filter(criteria["criterion"] == "one_bar_delay_sharpe")["passed"].item()
        assert warehouse.value("select count(*) from execution.stress where kind = 'stress'") == 6
        assert warehouse.value("select count(*) from ops.holdout_uses") == 1
    (report,) = place.home.reports.glob("*-validate_strategy-*.html")
    assert 'id="validation"' in report.read_text(encoding="utf-8")

    again = place.run(*COMMAND, "validation.limits.min_stress_sharpe=50")
    assert "nothing has changed" in again.out
    # Other limits: judged anew, on the same holdout by the same config.
    milder = place.run(*COMMAND, "validation.limits.min_stress_sharpe=-50")
    assert milder.code == 0, milder.err
    with Warehouse(place.home.warehouse, read_only=True) as warehouse:
        criteria = warehouse.read("select * from execution.validation")
        assert criteria.filter(criteria["criterion"] == "one_bar_delay_sharpe")["passed"].item()
        assert warehouse.value("select count(*) from ops.holdout_uses") == 1


def test_a_limit_that_cannot_be_is_refused_by_its_key(place: Place) -> None:
    done = place.run(*COMMAND, "validation.limits.max_p_value=2")
    assert done.code == 2
    assert "validation.limits.max_p_value must be in [0, 1]" in done.err
