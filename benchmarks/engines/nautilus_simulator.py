"""nautilus_trader: a market order of a bar fills at the bar's price, which is the next open here; whole shares."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import nautilus_trader
import numpy as np
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TraderId, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy

from benchmarks.engines import portfolio
from benchmarks.engines.protocol import arguments, say, timed

_VENUE = Venue("SIM")


def _share(name: str) -> Equity:
    rate = Decimal(str(round(portfolio.RATE + portfolio.SLIPPAGE, 6)))
    return Equity(
        instrument_id=InstrumentId(Symbol(name), _VENUE),
        raw_symbol=Symbol(name),
        currency=USD,
        price_precision=4,
        price_increment=Price.from_str("0.0001"),
        lot_size=Quantity.from_int(1),
        maker_fee=rate,
        taker_fee=rate,
        margin_init=Decimal(1),
        margin_maint=Decimal(1),
        ts_event=0,
        ts_init=0,
    )


class Weights(Strategy):  # type: ignore[misc]
    """Brings a book to the weights of each row once all bars of the row are there."""

    def __init__(self, inputs: portfolio.Inputs, shares: list[Equity], types: list[BarType]) -> None:
        super().__init__()
        self.inputs, self.shares, self.types = inputs, shares, types
        self.column = {kind: i for i, kind in enumerate(types)}
        self.price, self.held = np.zeros(len(shares)), np.zeros(len(shares))
        self.arrived, self.fills = 0, 0
        self.values: list[float] = []

    def on_start(self) -> None:
        for kind in self.types:
            self.subscribe_bars(kind)

    def on_bar(self, bar: Any) -> None:
        self.price[self.column[bar.bar_type]] = float(bar.close)
        self.arrived += 1
        if self.arrived % len(self.shares):
            return
        account = self.portfolio.account(_VENUE)
        gains = sum(gain.as_double() for gain in self.portfolio.unrealized_pnls(_VENUE).values())
        worth = float(account.balance_total(USD)) + gains
        weight = self.inputs.weight[len(self.values)]
        self.values.append(worth)
        if np.isnan(weight[0]):
            return
        change = np.floor(weight * worth / self.price) - self.held
        for i in (*np.flatnonzero(change < 0), *np.flatnonzero(change > 0)):
            side = OrderSide.BUY if change[i] > 0 else OrderSide.SELL
            size = Quantity.from_int(int(abs(change[i])))
            self.submit_order(self.order_factory.market(self.shares[i].id, side, size))
            self.held[i] += change[i]
            self.fills += 1


def main() -> None:
    """Run the portfolio; bars are put into the engine before, which is not timed. One run: an engine runs once."""
    job = arguments(("portfolio",))
    inputs = portfolio.read(job.data)
    count, names = inputs.close.shape
    dates = pd.bdate_range("2010-01-01", periods=count, tz="UTC")
    engine = BacktestEngine(
        BacktestEngineConfig(trader_id=TraderId("BENCH-001"), logging=LoggingConfig(bypass_logging=True))
    )
    engine.add_venue(
        _VENUE, OmsType.NETTING, AccountType.MARGIN, [Money(portfolio.CASH, USD)], USD, Decimal(1)
    )
    shares = [_share(f"S{i:04d}") for i in range(names)]
    types = [BarType.from_str(f"{share.id}-1-DAY-LAST-EXTERNAL") for share in shares]
    bars: list[Any] = []
    for i, (share, kind) in enumerate(zip(shares, types, strict=True)):
        engine.add_instrument(share)
        price = inputs.next_open[:, i].round(4)
        frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), price), index=dates)
        bars += BarDataWrangler(kind, share).process(frame.assign(volume=inputs.volume[:, i]))
    engine.add_data(bars)
    strategy = Weights(inputs, shares, types)
    engine.add_strategy(strategy)
    _, seconds = timed(engine.run, 1)
    portfolio.keep(job.out, strategy.values)
    say(f"nautilus_trader {nautilus_trader.__version__}", seconds, rows=count * names, fills=strategy.fills)


if __name__ == "__main__":
    main()
