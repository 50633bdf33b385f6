"""Alpha158 and the fourteen factors as polars expressions, from a frame in memory to a frame in memory.

Windows that are not full yet give values, as in qlib. ``STRATEGY`` is ``over`` (every rolling expression per symbol,
all symbols in one frame) or ``partition`` (a frame per symbol, put together again): which of them is quicker depends
on how much memory there is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import polars as pl

from benchmarks.engines.factors import NAMES
from benchmarks.engines.protocol import arguments, sampled, say, timed

_TINY = 1e-12
_ROW_BITS = 4096  # rows of a symbol that the key of an extreme's place has room for
_OPEN, _HIGH, _LOW, _CLOSE, _VOLUME = (pl.col(name) for name in ("open", "high", "low", "close", "volume"))


class Factors:
    """The expressions of some factors in three steps: per bar from neighbours, rolling, and what is made of these."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.rolling: dict[str, pl.Expr] = {}
        self.final = [self._factor(name).cast(pl.Float32).alias(name) for name in names]
        self._needs_places = any(name.startswith(("IMAX", "IMIN", "IMXD")) for name in names)

    def neighbours(self, per_symbol: Callable[[pl.Expr], pl.Expr]) -> list[pl.Expr]:
        """Return what needs the bar before, or the bar's number."""
        return [
            per_symbol(_CLOSE.shift(1)).alias("close_1"),
            per_symbol(_VOLUME.shift(1)).alias("volume_1"),
            per_symbol(pl.int_range(1, pl.len() + 1).cast(pl.Float64)).alias("number"),
        ]

    def moves(self) -> list[pl.Expr]:
        """Return what is a function of one row from there on."""
        up, volume_up = _CLOSE - pl.col("close_1"), _VOLUME - pl.col("volume_1")
        expressions = {
            "log_volume": (_VOLUME + 1).log(),
            "growth": _CLOSE / pl.col("close_1"),
            "log_volume_growth": (_VOLUME / pl.col("volume_1") + 1).log(),
            "rose": (up > 0).fill_null(False).cast(pl.Float64),
            "fell": (up < 0).fill_null(False).cast(pl.Float64),
            "gain": up.clip(lower_bound=0.0),
            "loss": (-up).clip(lower_bound=0.0),
            "move": up.abs(),
            "volume_gain": volume_up.clip(lower_bound=0.0),
            "volume_loss": (-volume_up).clip(lower_bound=0.0),
            "volume_move": volume_up.abs(),
            "weighted": (_CLOSE / pl.col("close_1") - 1).abs() * _VOLUME,
        }
        if self._needs_places:
            # Value and row in one integer: its maximum has the place of the first highest value in its last bits.
            number = pl.col("number").cast(pl.Int64)
            expressions["high_key"] = _bits(_HIGH) * _ROW_BITS + (_ROW_BITS - 1 - number)
            expressions["low_key"] = _bits(_LOW) * _ROW_BITS + number
        return [expression.alias(name) for name, expression in expressions.items()]

    def _roll(self, function: str, column: str, window: int, **options: float | str) -> pl.Expr:
        key = f"{function}_{column}_{window}_{'_'.join(str(value) for value in options.values())}"
        self.rolling[key] = getattr(pl.col(column), function)(
            **options, window_size=window, min_samples=1
        ).alias(key)
        return pl.col(key)

    def _pair(self, function: Callable[..., pl.Expr], x: str, y: str, window: int) -> pl.Expr:
        key = f"{function.__name__}_{x}_{y}_{window}"
        self.rolling[key] = function(pl.col(x), pl.col(y), window_size=window, min_samples=1).alias(key)
        return pl.col(key)

    def _factor(self, name: str) -> pl.Expr:
        span = _HIGH - _LOW + _TINY
        top, bottom = pl.max_horizontal("open", "close"), pl.min_horizontal("open", "close")
        of_bar = {
            "KMID": (_CLOSE - _OPEN) / _OPEN,
            "KLEN": (_HIGH - _LOW) / _OPEN,
            "KMID2": (_CLOSE - _OPEN) / span,
            "KUP": (_HIGH - top) / _OPEN,
            "KUP2": (_HIGH - top) / span,
            "KLOW": (bottom - _LOW) / _OPEN,
            "KLOW2": (bottom - _LOW) / span,
            "KSFT": (2 * _CLOSE - _HIGH - _LOW) / _OPEN,
            "KSFT2": (2 * _CLOSE - _HIGH - _LOW) / span,
            "OPEN0": _OPEN / _CLOSE,
            "HIGH0": _HIGH / _CLOSE,
            "LOW0": _LOW / _CLOSE,
            "VWAP0": pl.col("vwap") / _CLOSE,
        }
        if name in of_bar:
            return of_bar[name]
        match = re.fullmatch(r"([A-Z]+)(\d+)", name)
        assert match is not None, name
        return self._windowed(match[1], int(match[2]))

    def _windowed(self, kind: str, n: int) -> pl.Expr:
        return (self._price if kind in _PRICE_KINDS else self._flow)(kind, n)

    def _price(self, kind: str, n: int) -> pl.Expr:
        """Factors of levels and places, which the close divides."""
        count = pl.min_horizontal(pl.col("number"), pl.lit(float(n)))

        def slope() -> pl.Expr:
            return self._pair(pl.rolling_cov, "close", "number", n) / (count * (count + 1) / 12)

        def highest() -> pl.Expr:
            return self._roll("rolling_max", "high", n)

        def lowest() -> pl.Expr:
            return self._roll("rolling_min", "low", n)

        def high_place() -> pl.Expr:
            number = _ROW_BITS - 1 - self._roll("rolling_max", "high_key", n) % _ROW_BITS
            return number.cast(pl.Float64) - pl.col("number") + count

        def low_place() -> pl.Expr:
            number = self._roll("rolling_min", "low_key", n) % _ROW_BITS
            return number.cast(pl.Float64) - pl.col("number") + count

        def mean() -> pl.Expr:
            return self._roll("rolling_mean", "close", n)

        def quantile(share: float) -> pl.Expr:
            return self._roll("rolling_quantile", "close", n, quantile=share, interpolation="linear")

        def shifted() -> pl.Expr:
            self.rolling[f"close_{n}_ago"] = _CLOSE.shift(n).alias(f"close_{n}_ago")
            return pl.col(f"close_{n}_ago")

        formulas: dict[str, Callable[[], pl.Expr]] = {
            "ROC": lambda: shifted() / _CLOSE,
            "MA": lambda: mean() / _CLOSE,
            "STD": lambda: self._roll("rolling_std", "close", n) / _CLOSE,
            "BETA": lambda: slope() / _CLOSE,
            "RSQR": lambda: self._pair(pl.rolling_corr, "close", "number", n).pow(2),
            "RESI": lambda: (_CLOSE - mean() - slope() * (count - 1) / 2) / _CLOSE,
            "MAX": lambda: highest() / _CLOSE,
            "MIN": lambda: lowest() / _CLOSE,
            "QTLU": lambda: quantile(0.8) / _CLOSE,
            "QTLD": lambda: quantile(0.2) / _CLOSE,
            "RANK": lambda: self._roll("rolling_rank", "close", n) / count,
            "RSV": lambda: (_CLOSE - lowest()) / (highest() - lowest() + _TINY),
            "IMAX": lambda: high_place() / n,
            "IMIN": lambda: low_place() / n,
            "IMXD": lambda: (high_place() - low_place()) / n,
        }
        return formulas[kind]()

    def _flow(self, kind: str, n: int) -> pl.Expr:
        """Factors of moves and volumes."""

        def mean(column: str) -> pl.Expr:
            return self._roll("rolling_mean", column, n)

        def std(column: str) -> pl.Expr:
            return self._roll("rolling_std", column, n)

        def total(column: str) -> pl.Expr:
            return self._roll("rolling_sum", column, n)

        def part(*columns: str, of: str) -> pl.Expr:
            first, *others = columns
            return (total(first) - sum(total(column) for column in others)) / (total(of) + _TINY)

        formulas: dict[str, Callable[[], pl.Expr]] = {
            "CORR": lambda: self._pair(pl.rolling_corr, "close", "log_volume", n),
            "CORD": lambda: self._pair(pl.rolling_corr, "growth", "log_volume_growth", n),
            "CNTP": lambda: mean("rose"),
            "CNTN": lambda: mean("fell"),
            "CNTD": lambda: mean("rose") - mean("fell"),
            "SUMP": lambda: part("gain", of="move"),
            "SUMN": lambda: part("loss", of="move"),
            "SUMD": lambda: part("gain", "loss", of="move"),
            "VMA": lambda: mean("volume") / (_VOLUME + _TINY),
            "VSTD": lambda: std("volume") / (_VOLUME + _TINY),
            "WVMA": lambda: std("weighted") / (mean("weighted") + _TINY),
            "VSUMP": lambda: part("volume_gain", of="volume_move"),
            "VSUMN": lambda: part("volume_loss", of="volume_move"),
            "VSUMD": lambda: part("volume_gain", "volume_loss", of="volume_move"),
        }
        return formulas[kind]()


_PRICE_KINDS = (
    *("ROC", "MA", "STD", "BETA", "RSQR", "RESI", "MAX", "MIN", "QTLU", "QTLD", "RANK", "RSV"),
    *("IMAX", "IMIN", "IMXD"),
)


def _bits(price: pl.Expr) -> pl.Expr:
    """Return positive float32 prices as integers of the same order."""
    return price.cast(pl.Float32).reinterpret(dtype=pl.Int32).cast(pl.Int64)


def over(bars: pl.DataFrame, factors: Factors) -> pl.DataFrame:
    """Compute with every rolling expression per symbol."""
    lazy = bars.lazy().with_columns(factors.neighbours(lambda expression: expression.over("symbol")))
    lazy = lazy.with_columns(factors.moves())
    lazy = lazy.with_columns(expression.over("symbol") for expression in factors.rolling.values())
    return lazy.select("symbol", "session_date", *factors.final).collect()


def partition(bars: pl.DataFrame, factors: Factors) -> pl.DataFrame:
    """Compute symbol by symbol."""
    parts = [
        part.lazy()
        .with_columns(factors.neighbours(lambda expression: expression))
        .with_columns(factors.moves())
        .with_columns(factors.rolling.values())
        .select("symbol", "session_date", *factors.final)
        for part in bars.partition_by("symbol", maintain_order=True)
    ]
    return pl.concat(pl.collect_all(parts))


def main() -> None:
    """Compute a case by the strategy that the environment names."""
    job = arguments(tuple(NAMES))
    strategy = os.environ.get("STRATEGY", "over")
    factors = Factors(NAMES[job.case])
    bars = pl.read_parquet(job.data / "bars.parquet")
    way = {"over": over, "partition": partition}[strategy]
    result, seconds = timed(lambda: way(bars, factors), job.repeats)
    symbols = sampled(bars["symbol"].unique().to_list())
    result.filter(pl.col("symbol").is_in(symbols)).write_parquet(job.out)
    say(f"polars {pl.__version__}, {strategy}", seconds, rows=len(result), columns=result.width - 2)


if __name__ == "__main__":
    main()
