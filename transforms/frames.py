"""The one shape in which bars and corporate actions travel from every source.

Nothing is lost and nothing is guessed: a cell that cannot be read becomes NULL and its row says so in
``defect``; empty cells stay NULL, and NaN, infinite and negative numbers stay what they are, for the gate to
judge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from transforms.config import is_symbol
from transforms.errors import DataGateError
from transforms.stamps import read_stamps

BARS_SCHEMA = {
    "symbol": pl.String(),
    "bar_at": pl.Datetime("us"),  # start of the bar, naive UTC
    "session_date": pl.Date(),
    "open": pl.Float64(),
    "high": pl.Float64(),
    "low": pl.Float64(),
    "close": pl.Float64(),
    "volume": pl.Float64(),
    "defect": pl.String(),
}
ACTIONS_SCHEMA = {
    "symbol": pl.String(),
    "ex_date": pl.Date(),
    "kind": pl.String(),  # split | dividend | symbol_change
    "value": pl.Float64(),  # new shares per old share | cash per share | NULL
    "new_symbol": pl.String(),  # of a symbol change: what the instrument trades as from ex_date on
    "defect": pl.String(),
}
ACTION_KINDS = ("dividend", "split", "symbol_change")
BAR_COLUMNS = ("symbol", "bar_at", "open", "high", "low", "close", "volume")
ACTION_COLUMNS = ("symbol", "ex_date", "kind", "value")
OPTIONAL_ACTION_COLUMNS = ("new_symbol",)

READING = 2  # raise it when the same input comes to say something else: sources put it into their version
_QUOTED = 60  # characters of an unreadable cell that a defect repeats


def normalise_bars(
    frame: pl.DataFrame,
    *,
    columns: Mapping[str, str],
    timezone: str | None,
    timeframe: str,
    exchange_timezone: str,
    where: str,
    symbol: str | None = None,
) -> pl.DataFrame:
    """Bring bars as received into ``BARS_SCHEMA``, row by row and in order.

    Args:
        frame: Rows as received, each column typed or text.
        columns: Contract column → column of ``frame``, for those whose names differ.
        timezone: IANA zone of stamps without a zone of their own, None if not known.
        timeframe: Length of a bar; see ``stamps.read_stamps`` for how daily and intraday stamps are read.
        exchange_timezone: IANA zone of the session dates (``calendars.exchange_timezone``).
        where: What to call the input in messages, such as its file.
        symbol: The symbol of every row, for input without a symbol column.

    Raises:
        DataGateError: There are no rows, columns are missing, or a column can hold no such thing.
        ConfigError: Intraday stamps have no zone and ``timezone`` is None.
    """
    names = require_columns(frame.columns, BAR_COLUMNS, columns, where=where, symbol=symbol)
    if frame.is_empty():
        raise DataGateError(f"{where} is empty: it has a header but no rows")
    stamps = read_stamps(
        frame[names["bar_at"]],
        timezone=timezone,
        timeframe=timeframe,
        exchange_timezone=exchange_timezone,
        where=f"{where}: column {names['bar_at']!r}",
    )
    symbols, symbol_defects = _read_symbols(frame, names.get("symbol"), symbol)
    cells: dict[str, pl.Series] = {
        "symbol": symbols,
        "bar_at": stamps.bar_at,
        "session_date": stamps.session_date,
    }
    defects = [symbol_defects, _as_defects("bar_at", stamps.problem)]
    for name in ("open", "high", "low", "close", "volume"):
        cells[name], told = _read_numbers(frame[names[name]], name, where)
        defects.append(told)
    return _assemble(cells, defects, BARS_SCHEMA)


def normalise_actions(
    frame: pl.DataFrame, *, columns: Mapping[str, str], exchange_timezone: str, where: str
) -> pl.DataFrame:
    """Bring corporate actions as received into ``ACTIONS_SCHEMA``, row by row and in order.

    Ex-dates are read like the stamps of daily bars. No rows are no actions. Input without symbol changes needs
    no column ``new_symbol``.

    Args:
        frame: Rows as received, each column typed or text.
        columns: Contract column → column of ``frame``, for those whose names differ.
        exchange_timezone: IANA zone of the session dates.
        where: What to call the input in messages.

    Raises:
        DataGateError: Columns are missing, or a column can hold no such thing.
    """
    names = require_columns(frame.columns, ACTION_COLUMNS, columns, where=where, symbol=None)
    stamps = read_stamps(
        frame[names["ex_date"]],
        timezone=None,
        timeframe="1d",
        exchange_timezone=exchange_timezone,
        where=f"{where}: column {names['ex_date']!r}",
    )
    symbols, symbol_defects = _read_symbols(frame, names["symbol"], None)
    received = _text(frame[names["kind"]])
    lower = received.str.strip_chars().str.to_lowercase()
    known = lower.is_in(ACTION_KINDS)
    kinds = lower.set(~known, None)
    values, value_defects = _read_numbers(frame[names["value"]], "value", where)
    new_symbols, new_symbol_defects = _none(len(frame)), _none(len(frame))
    if "new_symbol" in frame.columns:
        filled = frame.select(pl.col("new_symbol").cast(pl.String).replace("", None))
        new_symbols, new_symbol_defects = _read_symbols(filled, "new_symbol", None, name="new_symbol")
    defects = [
        symbol_defects,
        _as_defects("ex_date", stamps.problem),
        _as_defects(
            "kind", _told(received, received.is_not_null() & ~known, f"is none of {', '.join(ACTION_KINDS)}")
        ),
        value_defects,
        new_symbol_defects,
    ]
    cells = {
        "symbol": symbols,
        "ex_date": stamps.session_date,
        "kind": kinds,
        "value": values,
        "new_symbol": new_symbols,
    }
    return _assemble(cells, defects, ACTIONS_SCHEMA)


def require_columns(
    there: Sequence[str],
    contract: Sequence[str],
    columns: Mapping[str, str],
    *,
    where: str,
    symbol: str | None,
) -> dict[str, str]:
    """Return contract column → column of the input; a given ``symbol`` needs no column.

    Raises:
        DataGateError: Columns are missing (the message names them, those that are there, and the way out), or
            there twice.
    """
    names = {name: columns.get(name, name) for name in contract if not (name == "symbol" and symbol)}
    missing = [name for name, column in names.items() if column not in there]
    twice = [column for column in names.values() if list(there).count(column) > 1]
    if twice:
        raise DataGateError(
            f"{where} has the column {twice[0]!r} more than once; which one counts is not clear"
        )
    if not missing:
        return names
    by_lower = {name.lower(): name for name in there}
    # Only bars can be mapped; a file of actions is small enough to be written in the contract's names.
    mappable = contract == BAR_COLUMNS
    way_out = "name them so"
    if mappable:
        known = {name: by_lower.get(name, "<the file's column>") for name in missing}
        way_out = "map them with " + " ".join(f"source.columns.{name}={known[name]}" for name in missing)
    if "symbol" in missing and mappable:
        way_out += ", or give the symbol of a file for one instrument with source.symbol"
    lacking = ", ".join(repr(names[name]) for name in missing)
    raise DataGateError(
        f"{where} lacks the columns {lacking}; it has {', '.join(map(repr, there)) or 'none'}. "
        f"Way out: {way_out}"
    )


def _read_symbols(
    frame: pl.DataFrame, column: str | None, symbol: str | None, *, name: str = "symbol"
) -> tuple[pl.Series, pl.Series]:
    if column is None:
        symbols = pl.Series([symbol], dtype=pl.String).new_from_index(0, len(frame))
    else:
        symbols = _text(frame[column])
    bad = [text for text in symbols.unique().drop_nulls().to_list() if not is_symbol(text)]
    return symbols, _as_defects(name, _told(symbols, symbols.is_in(bad), "is no symbol"))


def _read_numbers(received: pl.Series, name: str, where: str) -> tuple[pl.Series, pl.Series]:
    if received.dtype.is_numeric() or received.dtype == pl.Null:
        return received.cast(pl.Float64), _as_defects(name, _none(len(received)))
    if received.dtype not in (pl.String, pl.Categorical, pl.Enum):
        raise DataGateError(
            f"{where}: column {received.name!r} holds {received.dtype}, but {name} must be numbers or text"
        )
    text = _text(received)
    numbers = text.str.strip_chars().cast(pl.Float64, strict=False)
    blank = text.is_null() | (text.str.strip_chars() == "")
    return numbers, _as_defects(name, _told(text, numbers.is_null() & ~blank, "is no number"))


def _text(received: pl.Series) -> pl.Series:
    return received if received.dtype == pl.String else received.cast(pl.String)


def _told(received: pl.Series, bad: pl.Series, what: str) -> pl.Series:
    """Return ``'<original>' <what>`` where ``bad``, else NULL."""
    if not bad.any():
        return _none(len(received))
    cell = pl.col("cell")
    shortened = cell.str.slice(0, _QUOTED) + pl.lit("…")
    quoted = pl.when(cell.str.len_chars() > _QUOTED).then(shortened).otherwise(cell)
    told = pl.when(pl.col("bad")).then(pl.concat_str(pl.lit("'"), quoted, pl.lit(f"' {what}")))
    return pl.DataFrame({"cell": received, "bad": bad}).select(told.alias("told")).to_series()


def _none(length: int) -> pl.Series:
    return pl.Series([None], dtype=pl.String).new_from_index(0, length)


def _as_defects(name: str, problems: pl.Series) -> pl.Series:
    """Prefix each problem with its column."""
    if problems.null_count() == len(problems):
        return problems
    return problems.to_frame("problem").select(pl.lit(f"{name}: ") + pl.col("problem")).to_series()


def _assemble(
    cells: Mapping[str, pl.Series], defects: Sequence[pl.Series], schema: Mapping[str, pl.DataType]
) -> pl.DataFrame:
    """Put the columns together; several defects of a row stand in one text, joined by '; '."""
    found = [told.alias(str(n)) for n, told in enumerate(defects) if told.null_count() < len(told)]
    defect = _none(len(cells["symbol"]))
    if found:
        joined = pl.concat_str(pl.all(), separator="; ", ignore_nulls=True)
        defect = pl.DataFrame(found).select(joined.replace("", None)).to_series()
    columns = {**cells, "defect": defect}
    return pl.DataFrame({name: columns[name].cast(kind) for name, kind in schema.items()})
