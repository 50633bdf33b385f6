"""Append landed pages to ``raw.*`` so that every revision of a row is there exactly once.

A *revision* is what one batch said of one key (source, dataset, timeframe, symbol, bar_at): usually one row,
and several where the batch contradicts itself, which the gate then quarantines. A batch that repeats what the
revision before it said adds nothing; one that says something else adds all that it said. That makes the table
a function of the batches alone: pages repeated, reordered or killed half-way leave the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from transforms import schemas, schemas_ops
from transforms.failpoints import failpoint
from transforms.landing import LandedPage, Landing
from transforms.warehouse import Warehouse, utc_now

_SCOPE = ("source", "dataset", "timeframe")
_PROVENANCE = ("known_at", "batch_id", "page", "page_row")


@dataclass(frozen=True)
class _Kind:
    """How one kind of page becomes rows: its table, and the column that says when."""

    table: schemas.Table
    when: str

    @property
    def key(self) -> tuple[str, ...]:
        """What a row is about, within the page's source (and timeframe)."""
        return tuple(name for name in self.table.key if name not in _SCOPE + _PROVENANCE)

    @property
    def values(self) -> tuple[str, ...]:
        """What it says."""
        return tuple(name for name in self.table.columns if name not in self.key + _SCOPE + _PROVENANCE)

    @property
    def by_timeframe(self) -> bool:
        return "timeframe" in self.table.columns


_KINDS = {
    "bars": _Kind(schemas.BARS, "bar_at"),
    "corporate_actions": _Kind(schemas.CORPORATE_ACTIONS, "ex_date"),
}


def append_page(warehouse: Warehouse, landing: Landing, page: LandedPage, frame: pl.DataFrame) -> int:
    """Append one landed page and its rows of ``ops.landed_pages`` and ``ops.checkpoints`` in one transaction.

    Args:
        warehouse: The open warehouse.
        landing: Where the page lies.
        page: Its sidecar. Batches are appended in the order of ``known_at``, a batch's pages in any order.
        frame: Its rows, as ``landing.read`` returns them.

    Returns:
        The number of rows that were new; 0 for a page that was appended before.
    """
    kind = _KINDS[page.kind]
    identity = [page.batch_id, page.kind, page.page]
    sql = "select count(*) from ops.landed_pages where batch_id = ? and kind = ? and page = ?"
    if warehouse.value(sql, identity):
        return 0
    with warehouse.transaction():
        news = _news(warehouse, landing, kind, page, frame)
        warehouse.append(kind.table, news)
        warehouse.append(schemas_ops.LANDED_PAGES, _landed_row(page, len(news)))
        warehouse.upsert(schemas_ops.CHECKPOINTS, _checkpoints(warehouse, kind, page, frame))
        failpoint("ingest.before_commit")
    failpoint("ingest.after_commit")
    return len(news)


def _news(
    warehouse: Warehouse, landing: Landing, kind: _Kind, page: LandedPage, frame: pl.DataFrame
) -> pl.DataFrame:
    """Return the rows of ``frame`` that ``kind.table`` does not say yet, with their provenance."""
    incoming = _incoming(kind, page, frame)
    symbols = _known_symbols(warehouse, kind, page, incoming)
    is_known = pl.col("symbol").is_in(symbols, nulls_equal=True)
    compared = incoming.filter(is_known)
    if compared.is_empty():  # a first ingest never reads the table it fills
        return incoming
    news = _compare(compared, _existing(warehouse, kind, page, compared, symbols), kind, page)
    unsaid = _unsaid(warehouse, landing, kind, page, news)
    fresh = incoming.filter(~is_known)
    return pl.concat([fresh, news.select(incoming.columns), unsaid]).sort("page", "page_row")


def _incoming(kind: _Kind, page: LandedPage, frame: pl.DataFrame) -> pl.DataFrame:
    """Return a page's distinct rows with the columns of ``kind.table``."""
    named = {
        "source": page.source,
        "dataset": page.dataset,
        "timeframe": page.timeframe,
        "batch_id": page.batch_id,
    }
    constants = [
        pl.lit(value, pl.String).alias(name) for name, value in named.items() if name in kind.table.columns
    ]
    constants += [
        pl.lit(page.known_at, pl.Datetime("us")).alias("known_at"),
        pl.lit(page.page, pl.Int32).alias("page"),
    ]
    # A page that landed before a column came into the contract does not have it.
    given = {*frame.columns, "page_row", "known_at", "page", *(name for name in named)}
    constants += [pl.lit(None).alias(name) for name in kind.table.columns if name not in given]
    rows = frame.with_row_index("page_row").with_columns(pl.col("page_row").cast(pl.Int32), *constants)
    rows = rows.select(list(kind.table.columns))
    return rows.unique(subset=[*kind.key, *kind.values], keep="first", maintain_order=True)


def _known_symbols(
    warehouse: Warehouse, kind: _Kind, page: LandedPage, incoming: pl.DataFrame
) -> list[str | None]:
    """Return the page's symbols of which the table may have rows; the checkpoints know, without a scan."""
    sql = "select distinct symbol from ops.checkpoints where source = ? and dataset = ? and kind = ?"
    parameters = [page.source, page.dataset, page.kind]
    if kind.by_timeframe:
        sql += " and timeframe = ?"
        parameters.append(page.timeframe)
    known = {row[0] for row in warehouse.cursor.execute(sql, parameters).fetchall()}
    return [symbol for symbol in incoming["symbol"].unique(maintain_order=True) if symbol in known]


def _existing(
    warehouse: Warehouse, kind: _Kind, page: LandedPage, incoming: pl.DataFrame, symbols: list[str | None]
) -> pl.DataFrame:
    """Return the table's rows of these symbols within the page's range, up to the page's revision.

    Symbols and range let the row groups' statistics prune the scan.
    """
    columns = ", ".join(f'"{name}"' for name in (*kind.key, *kind.values, "known_at"))
    when = incoming[kind.when]
    parameters: dict[str, Any] = {
        "source": page.source,
        "dataset": page.dataset,
        "known_at": page.known_at,
        "symbols": [symbol for symbol in symbols if symbol is not None],
        "first": when.min(),
        "last": when.max(),
    }
    if kind.by_timeframe:
        parameters["timeframe"] = page.timeframe
    in_timeframe = "and timeframe = $timeframe" if kind.by_timeframe else ""
    or_no_symbol = "or symbol is null" if None in symbols else ""
    or_no_time = f"or {kind.when} is null" if when.null_count() else ""
    sql = f"""
        select {columns} from {kind.table.name}
        where source = $source and dataset = $dataset {in_timeframe}
            and (symbol in (select unnest($symbols::varchar[])) {or_no_symbol})
            and ({kind.when} between $first and $last {or_no_time})
            and known_at <= $known_at
    """
    return warehouse.read(sql, parameters)


def _compare(incoming: pl.DataFrame, existing: pl.DataFrame, kind: _Kind, page: LandedPage) -> pl.DataFrame:
    """Return the rows of ``incoming`` that are news, and ``displaces``: see ``_unsaid``.

    A row is old news if its own batch has said it already, or if the revision before said it, said nothing
    else of the key, and neither the page nor the batch has contradicted it.
    """
    key, values = list(kind.key), list(kind.values)
    said = existing.filter(pl.col("known_at") == page.known_at).select(*key, *values)
    earlier = existing.filter(pl.col("known_at") < page.known_at)
    if not earlier.is_empty():
        earlier = earlier.filter(pl.col("known_at") == pl.col("known_at").max().over(key))
    alone = earlier.filter(pl.struct(key).is_unique()).select(
        *key, *(pl.col(name).alias(f"{name}_before") for name in values), pl.lit(True).alias("is_alone")
    )
    said_keys = said.select(key).unique().with_columns(pl.lit(True).alias("is_said"))
    is_same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}_before")) for name in values)
    judged = (
        incoming.join(said_keys, on=key, how="left", nulls_equal=True, maintain_order="left")
        .join(alone, on=key, how="left", nulls_equal=True, maintain_order="left")
        .with_columns(
            (pl.col("is_alone").fill_null(False) & pl.col("is_said").is_null()).alias("is_first_word"),
            pl.struct(key).is_unique().alias("is_only"),
        )
        .with_columns((pl.col("is_first_word") & is_same).alias("repeats"))
        .filter(~(pl.col("repeats") & pl.col("is_only")))
    )
    # Where the page has the earlier row as well, that one is appended from here.
    displaces = pl.col("is_first_word") & (pl.col("is_only") | ~pl.col("repeats").any().over(key))
    judged = judged.with_columns(displaces.alias("displaces")).select(*incoming.columns, "displaces")
    if said.is_empty():
        return judged
    both = pl.concat([said.with_columns(pl.lit(True).alias("is_said")), judged], how="diagonal")
    distinct = both.unique(subset=[*key, *values], keep="first", maintain_order=True)
    return distinct.filter(pl.col("is_said").is_null()).select(judged.columns)


def _unsaid(
    warehouse: Warehouse, landing: Landing, kind: _Kind, page: LandedPage, news: pl.DataFrame
) -> pl.DataFrame:
    """Return rows of the batch's other pages that were no news until this page contradicted them.

    Such a row repeated the revision before and so was left out; now that its batch says something else as
    well, both belong to the new revision, or the contradiction would go unseen. Pages sorted by symbol and
    bar hold no such rows, and the checkpoints show it: then no file is read.
    """
    none = news.drop("displaces").clear()
    contradicted = news.filter("displaces").select(*kind.key).unique()
    if contradicted.is_empty():
        return none
    sql = "select symbol, last_bar_at from ops.checkpoints where batch_id = ? and kind = ?"
    checkpoints = warehouse.read(sql, [page.batch_id, page.kind])
    when = pl.col(kind.when).cast(pl.Datetime("us"))
    seen = contradicted.join(checkpoints, on="symbol", nulls_equal=True).filter(
        pl.col("last_bar_at").is_null() | pl.col(kind.when).is_null() | (when <= pl.col("last_bar_at"))
    )
    if seen.is_empty():
        return none
    batch_sql = "select page from ops.landed_pages where batch_id = ? and kind = ? order by page"
    found = [none]
    for (number,) in warehouse.cursor.execute(batch_sql, [page.batch_id, page.kind]).fetchall():
        other = landing.page(page, page.kind, number)
        rows = _incoming(kind, other, landing.read(other))
        found.append(rows.join(seen, on=list(kind.key), how="semi", nulls_equal=True))
    unsaid = pl.concat(found)
    return unsaid.unique(subset=[*kind.key, *kind.values], keep="first", maintain_order=True)


def _landed_row(page: LandedPage, appended: int) -> pl.DataFrame:
    row = {
        "batch_id": page.batch_id,
        "kind": page.kind,
        "page": page.page,
        "source": page.source,
        "dataset": page.dataset,
        "timeframe": page.timeframe,
        "path": page.path,
        "sha256": page.sha256,
        "rows": page.rows,
        "appended": appended,
        "known_at": page.known_at,
    }
    return pl.DataFrame([row])


def _checkpoints(warehouse: Warehouse, kind: _Kind, page: LandedPage, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the batch's checkpoints of the page's symbols, this page included."""
    sql = "select symbol, rows, last_bar_at from ops.checkpoints where batch_id = ? and kind = ?"
    before = warehouse.read(sql, [page.batch_id, page.kind])
    here = frame.group_by("symbol", maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("rows"),
        pl.col(kind.when).max().cast(pl.Datetime("us")).alias("last_bar_at"),
    )
    symbols = here.select("symbol")
    together = pl.concat([before.join(symbols, on="symbol", how="semi", nulls_equal=True), here])
    return (
        together.group_by("symbol", maintain_order=True)
        .agg(pl.col("rows").sum(), pl.col("last_bar_at").max())
        .with_columns(
            pl.lit(page.source).alias("source"),
            pl.lit(page.dataset).alias("dataset"),
            pl.lit(page.kind).alias("kind"),
            pl.lit(page.timeframe).alias("timeframe"),
            pl.lit(_date(page.range_start), pl.Date).alias("range_start"),
            pl.lit(_date(page.range_end), pl.Date).alias("range_end"),
            pl.lit(page.batch_id).alias("batch_id"),
            pl.lit(utc_now(), pl.Datetime("us")).alias("updated_at"),
        )
    )


def _date(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
