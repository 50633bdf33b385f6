import itertools

import pytest

from execution.order_states import STATUSES, IllegalTransitionError, require_broker_status, require_transition
from transforms.errors import RiskHaltError

# Row: from, columns: to, in the order of STATUSES; x is a step that an order may make.
LEGAL = {
    #                    int sent acc part fill canc rej exp
    "intended": "         -   x    -   -    -    -    -   x",
    "sent": "             -   x    x   x    x    x    x   x",
    "accepted": "         -   -    -   x    x    x    x   x",
    "partially_filled": " -   -    -   x    x    x    -   x",
    "filled": "           -   -    -   -    -    -    -   -",
    "cancelled": "        -   -    -   -    -    -    -   -",
    "rejected": "         -   -    -   -    -    -    -   -",
    "expired": "          -   -    -   -    -    -    -   -",
}


@pytest.mark.parametrize(("before", "after"), list(itertools.product(STATUSES, STATUSES)))
def test_every_step_between_two_states_is_legal_or_refused_as_tabled(before: str, after: str) -> None:
    if LEGAL[before].split()[STATUSES.index(after)] == "x":
        require_transition("id-1", before, after)
    else:
        with pytest.raises(IllegalTransitionError, match=f"id-1: cannot go from {before} to {after}"):
            require_transition("id-1", before, after)


@pytest.mark.parametrize("status", ["pending_replace", "FILLED", "", "intended", "sent"])
def test_status_that_no_broker_gives_halts_trading(status: str) -> None:
    with pytest.raises(RiskHaltError, match="unknown status") as caught:
        require_broker_status("id-1", status)
    assert caught.value.exit_code == 4
