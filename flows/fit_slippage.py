"""A slippage model from recorded fills, for backtests to pin."""

from __future__ import annotations

from prefect import flow

from flows import tasks


@flow(name="fit_slippage", persist_result=False)
def fit_slippage(run_id: str) -> None:
    """Fit the fills of one book; nothing is fetched or built."""
    tasks.fit_slippage()
