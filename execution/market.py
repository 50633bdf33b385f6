"""What an account is worth where no kernel says it: a broker's that is not simulated."""

from __future__ import annotations

import math

import numpy as np

from execution.panel import Panel
from execution.types import Account
from transforms.errors import QuantmillError


def equity(account: Account, panel: Panel, t: int) -> float:
    """Return the account's worth (USD) at the last closes of bar ``t``: cash + Σ quantity × last close.

    The sum is exactly rounded, so that the order of the symbols cannot matter.

    Raises:
        QuantmillError: If a symbol is held that never had a price.
    """
    held = np.flatnonzero(account.quantity)
    values = account.quantity[held] * panel.last_close[t, held]
    total = math.fsum([account.cash, *values.tolist()])
    if not math.isfinite(total):
        unpriced = [account.symbols[i] for i in held if not math.isfinite(panel.last_close[t, i])]
        raise QuantmillError(
            f"the account holds {', '.join(unpriced) or 'infinite cash'} but {panel.session_date[t]} has no "
            "price of it and none before; ingest its bars or close the position"
        )
    return total
