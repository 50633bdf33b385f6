"""Recursive smoothing, which a set-based query cannot say: RSI, ATR and MACD with TA-Lib's seeding.

A smoothed value depends on the one before it, back to the symbol's first bar, so this is the one operator of
the project that is not SQL. Polars folds each symbol's bars in order, in compiled code; results depend on the
symbol's own past alone, and not on threads.
"""


def model(dbt, session):
    import polars as pl

    dbt.config(materialized="table")
    bars = (
        dbt.ref("int_bars_adjusted")
        .select("symbol, bar_at, adj_high, adj_low, adj_close")
        .order("symbol, bar_at")
        .pl()
    )
    number = pl.int_range(pl.len()).over("symbol")  # 0 is a symbol's first bar
    close = pl.col("adj_close")
    previous_close = close.shift(1).over("symbol")

    def smooth(value, first, periods, alpha):
        """Exponential mean of ``value``, which is known from bar ``first`` on.

        As in TA-Lib, the plain mean of the first ``periods`` values is the seed; before it stands nothing.
        A running sum makes the seed: its order of additions is fixed, unlike that of ``sum``.
        """
        seeded_at = first + periods - 1
        known = pl.when(number >= first).then(value)
        seed = known.cum_sum().over("symbol") / periods
        series = pl.when(number == seeded_at).then(seed).when(number > seeded_at).then(value)
        return series.ewm_mean(alpha=alpha, adjust=False).over("symbol")

    def ema(value, first, periods):
        return smooth(value, first, periods, 2 / (periods + 1))

    def wilder(value, first, periods):
        return smooth(value, first, periods, 1 / periods)

    change = close - previous_close
    # max_horizontal skips nulls, and the first bar's true range is not defined.
    true_range = pl.when(previous_close.is_not_null()).then(
        pl.max_horizontal("adj_high", previous_close) - pl.min_horizontal("adj_low", previous_close)
    )
    steps = (
        bars.with_columns(change=change, true_range=true_range)
        .with_columns(
            average_gain_14=wilder(pl.col("change").clip(lower_bound=0), 1, 14),
            average_loss_14=wilder((-pl.col("change")).clip(lower_bound=0), 1, 14),
            atr_14=wilder(pl.col("true_range"), 1, 14),
            # TA-Lib starts both averages on the same bar: the fast one's seed ends where the slow one's does.
            macd_12_26=ema(close, 14, 12) - ema(close, 0, 26),
        )
        .with_columns(macd_signal_12_26_9=ema(pl.col("macd_12_26"), 25, 9))
    )
    moved = pl.col("average_gain_14") + pl.col("average_loss_14")
    return steps.select(
        "symbol",
        "bar_at",
        pl.when(moved > 0).then(100 * pl.col("average_gain_14") / moved).alias("rsi_14"),
        "atr_14",
        (pl.col("macd_12_26") - pl.col("macd_signal_12_26_9")).alias("macd_hist_12_26_9"),
    )
