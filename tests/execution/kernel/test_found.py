"""What the comparison with the specification found in the kernel."""

from __future__ import annotations

from execution.kernel.types import EXPLICIT, STOP_LOSS
from tests.execution.agreement import by_kernel
from tests.execution.kernel.books import costs
from tests.execution.scenarios import Scenario
from tests.execution.test_closed_forms import PLAIN, bars, sent


def test_a_rest_of_an_exit_that_lots_cut_off_ends_and_leaves_the_stop_awake() -> None:
    # A short of 15 after the split is stopped at 80; the cap lets 10 be bought. At the next open 20 more are sold short
    # first, so that the rest of 5 is no longer the whole position and less than a lot.
    market = bars(
        [96.0, 64.0, 64.0, 64.0],
        [96.0, 90.0, 64.0, 90.0],
        split_ratio=[1, 1.5, 1, 1],
        volume=[1000, 20, 1000, 1000],
    )
    rules = PLAIN._replace(lot=10.0, participation=0.5, stop_loss=0.25)
    given = Scenario(market, costs(market), rules, 10_000.0, None, sent((-1, -10.0), (1, -20.0)))
    fills = [(fill[0], fill[2], fill[3], fill[-1]) for fill in by_kernel(given).fills]
    assert fills == [
        (0, -10, 96, EXPLICIT),
        (1, 10, 80, STOP_LOSS),
        (2, -20, 64, EXPLICIT),
        (3, 25, 80, STOP_LOSS),
    ]
