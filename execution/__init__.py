"""From scores to money: targets, risk, orders, fills, performance. One path for backtest and trading."""
