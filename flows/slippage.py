"""The stage ``fit slippage``: what a book's recorded fills cost against their reference prices."""

from __future__ import annotations

from typing import Any

from execution.recorded_fills import recorded_fills
from execution.slippage import fit, model_file
from flows.run import Run, Stage

_SHOWN = 10  # symbols, the dearest


def _inputs(run: Run) -> Any:
    flow = run.config.flow
    return {
        "book": flow.fit_book,
        "minutes": flow.fit_minutes,
        "prior_fills": flow.fit_prior_fills,
        "fills": recorded_fills(run.warehouse, flow.fit_book).to_dict(as_series=False),
    }


def _carry_out(run: Run, _fingerprint: str) -> dict[str, Any]:
    flow = run.config.flow
    model = fit(
        recorded_fills(run.warehouse, flow.fit_book),
        minutes=flow.fit_minutes,
        prior_fills=flow.fit_prior_fills,
        book=flow.fit_book,
        home=run.home,
    )
    parts = [f"from minute {minute}" for minute in model.minutes]
    dearest = sorted(model.by_symbol.items(), key=lambda item: (-max(item[1]), item[0]))[:_SHOWN]
    rows = [[name, *(f"{bps:.2f}" for bps in found)] for name, found in (*dearest, ("others", model.pooled))]
    run.display.table("Slippage in basis points", ["symbol", *parts], rows)
    return {"version": model.version, "fills": model.fills, "symbols": len(model.by_symbol)}


STAGE = Stage(
    "fit slippage",
    code=("execution/slippage.py", "execution/recorded_fills.py", "execution/session_clock.py"),
    inputs=_inputs,
    carry_out=_carry_out,
    detail=lambda out: (
        f"{out['fills']:,} fills, {out['symbols']} symbols: costs=fitted costs.slippage_model={out['version']}"
    ),
    intact=lambda run, out: model_file(run.home, out["version"]).exists(),
)
