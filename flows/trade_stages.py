"""The stages that end in orders: promote the model or score with the champion, decide, send."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flows.run import Run, Stage
from transforms.errors import QuantmillError


def _promote(run: Run, _fingerprint: str) -> dict[str, Any]:
    from ml.registry import promote

    model_id = run.outputs["train"]["model_id"]
    promote(run.warehouse, run.home, model_id)
    return {"model_id": model_id}


PROMOTE = Stage(
    "promote", code=(), inputs=None, carry_out=_promote, detail=lambda out: f"champion {out['model_id']}"
)


def _score(run: Run, _fingerprint: str) -> dict[str, Any]:
    from expectations.gate import check_predictions
    from ml.registry import champion, lineage
    from ml.scoring import score_missing

    model_id = champion(run.warehouse)
    source = run.config.source
    trained_on = lineage(run.warehouse, model_id)
    if (trained_on["source"], trained_on["dataset"]) != (source.name, source.dataset):
        raise QuantmillError(
            f"the champion {model_id} was trained on source {trained_on['source']}, dataset {trained_on['dataset']}; "
            f"this run has {source.name}, {source.dataset}. Take that source, or run flow=research on this one first"
        )
    scored = score_missing(run.warehouse, run.home, model_id, threads=run.config.engine.threads)
    check_predictions(run.warehouse, run.home, model_id=model_id, gate=run.config.gate, run_id=run.run_id)
    return {"model_id": model_id, "scored": scored}


SCORE = Stage(
    "score",
    code=(),
    inputs=None,
    carry_out=_score,
    detail=lambda out: f"champion {out['model_id']}, {out['scored']} new predictions",
    did_something=lambda out: out["scored"] > 0,
)


def _trade(run: Run, _fingerprint: str) -> dict[str, Any]:
    from datetime import date

    from execution.trading import trade

    config = run.config

    def day(text: str | None) -> date | None:
        return date.fromisoformat(text) if text else None

    scored = run.outputs.get("score", run.outputs.get("train", {}))
    broker = config.broker
    if config.flow.name == "research":
        broker = replace(broker, account=f"research-{run.outputs['backtest']['book'].split('/')[1]}")
    result = trade(
        run.warehouse,
        run.home,
        broker=broker,
        strategy=config.strategy,
        model_id=scored.get("model_id"),
        config=config.book,
        source=config.source.name,
        session=day(config.flow.session),
        start=day(config.flow.start),
        end=day(config.flow.end),
        run_id=run.run_id,
    )
    return {
        "book": result.book,
        "message": result.message,
        "sessions": len(result.sessions),
        "orders": len(result.orders),
        "fills": len(result.fills),
    }


TRADE = Stage(
    "trade",
    code=(),
    inputs=None,
    carry_out=_trade,
    detail=lambda out: str(out["message"]),
    did_something=lambda out: out["sessions"] + out["orders"] + out["fills"] > 0,
)
