"""The compiled simulator: what happens to an account on a bar, for backtest, simulated broker and desk alike.

``docs/simulator.md`` is its specification.
"""

from execution.kernel.checks import check, check_market
from execution.kernel.run import decide, run
from execution.kernel.state import State, dump_state, load_state, new_state, withdraw

__all__ = [
    "State",
    "check",
    "check_market",
    "decide",
    "dump_state",
    "load_state",
    "new_state",
    "run",
    "withdraw",
]
