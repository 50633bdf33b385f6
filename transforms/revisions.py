"""Append landed pages to ``raw.*`` so that every revision of a row is there exactly once.

A *revision* is what one batch said of one key (source, timeframe, symbol, bar_at): usually one row, and
several where the batch contradicts itself, which the gate then quarantines. A batch that repeats what the
revision before it said adds nothing; one that says something else adds all that it said. That makes the table
a function of the batches alone: pages repeated, reordered or killed half-way leave the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from transforms import schemas
from transforms.failpoints import failpoint
from transforms.landing import LandedPage, Landing
from transforms.warehouse import Warehouse, utc_now

_PROVENANCE = ("known_at", "batch_id", "page", "page_row")


@dataclass(frozen=True)
class _Kind:
    """How one kind of page becomes rows: its table, and the column that says when."""

    table: schemas.Table
    when: str

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(name for name in self.table.key if name != "known_at")

    @property
    def values(self) -> tuple[str, ...]:
        return tuple(name for name in self.table.columns if name not in self.key + _PROVENANCE)

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
        warehouse.append(schemas.LANDED_PAGES, _landed_row(page, len(news)))
        warehouse.upsert(schemas.CHECKPOINTS, _checkpoints(warehouse, kind, page, frame))
        failpoint("ingest.before_commit")
    failpoint("ingest.after_commit")
    return len(news)


def _news(
    warehouse: Warehouse, landing: Landing, kind: _Kind, page: LandedPage, frame: pl.DataFrame
) -> pl.DataFrame:
    """Return the rows of ``frame`` that ``kind.table`` does not say yet, with their provenance."""
    incoming = _incoming(kind, page, frame)
    known = _known_symbols(warehouse, kind, page, incoming)
    if not known:  # nothing to compare with: a first ingest never reads the table it fills
        return incoming
    news = _compare(warehouse, kind, page, incoming, known)
    unsaid = _unsaid(warehouse, landing, kind, page, news)
    return pl.concat([news.select(incoming.columns), unsaid])


def _incoming(kind: _Kind, page: LandedPage, frame: pl.DataFrame) -> pl.DataFrame:
    """Return a page's distinct rows with the columns of ``kind.table``."""
    named = {"source": page.source, "timeframe": page.timeframe, "batch_id": page.batch_id}
    constants = [
        pl.lit(value, pl.String).alias(name) for name, value in named.items() if name in kind.table.columns
    ]
    constants += [
        pl.lit(page.known_at, pl.Datetime("us")).alias("known_at"),
        pl.lit(page.page, pl.Int32).alias("page"),
    ]
    rows = frame.with_row_index("page_row").with_columns(pl.col("page_row").cast(pl.Int32), *constants)
    rows = rows.select(list(kind.table.columns))
    return rows.unique(subset=[*kind.key, *kind.values], keep="first", maintain_order=True)


def _known_symbols(
    warehouse: Warehouse, kind: _Kind, page: LandedPage, incoming: pl.DataFrame
) -> list[str | None]:
    """Return the page's symbols of which the table may have rows; the checkpoints know, without a scan."""
    sql = "select distinct symbol from ops.checkpoints where source = ? and kind = ?"
    parameters = [page.source, page.kind]
    if kind.by_timeframe:
        sql += " and timeframe = ?"
        parameters.append(page.timeframe)
    known = {row[0] for row in warehouse.cursor.execute(sql, parameters).fetchall()}
    return [symbol for symbol in incoming["symbol"].unique(maintain_order=True) if symbol in known]


def _compare(
    warehouse: Warehouse, kind: _Kind, page: LandedPage, incoming: pl.DataFrame, known: list[str | None]
) -> pl.DataFrame:
    """Return the rows of ``incoming`` that are news, and ``replaces_alone``: see ``_unsaid``.

    A row is old news if its own batch has said it already, or if the revision before said it, said nothing
    else of the key, and neither the page nor the batch has contradicted it.
    """
    key, values = kind.key, kind.values
    columns = ", ".join(f'"{name}"' for name in (*key, *values))
    grouped = ", ".join(f'"{name}"' for name in key)
    grouped_i = ", ".join(f'i."{name}"' for name in key)

    def same(left: str, right: str, names: tuple[str, ...]) -> str:
        return " and ".join(f'{left}."{name}" is not distinct from {right}."{name}"' for name in names)

    when = incoming[kind.when]
    parameters: dict[str, Any] = {
        "source": page.source,
        "known_at": page.known_at,
        "symbols": [symbol for symbol in known if symbol is not None],
        "first": when.min(),
        "last": when.max(),
    }
    # The page's symbols and range prune the scan by the row groups' statistics.
    or_symbol = " or symbol is null" if None in known else ""
    or_when = f" or {kind.when} is null" if when.null_count() else ""
    if kind.by_timeframe:
        parameters["timeframe"] = page.timeframe
    sql = f"""
        with existing as (
            select {columns}, known_at from {kind.table.name}
            where source = $source {"and timeframe = $timeframe" if kind.by_timeframe else ""}
                and (symbol in (select unnest($symbols::varchar[])){or_symbol})
                and ({kind.when} between $first and $last{or_when})
                and known_at <= $known_at
        ),
        said as (select * from existing where known_at = $known_at),
        said_keys as (select {grouped}, true as is_said from said group by all),
        latest as (
            select *, count(*) over (partition by {grouped}) as row_count
            from (
                select *, rank() over (partition by {grouped} order by known_at desc) as place
                from existing where known_at < $known_at
            )
            where place = 1
        ),
        alone as (select *, true as is_alone from latest where row_count = 1),
        incoming_keyed as (select *, count(*) over (partition by {grouped}) as row_count from page_rows)
        select i.* exclude (row_count),
            coalesce(
                a.is_alone and k.is_said is null
                and not bool_or({same("i", "a", values)}) over (partition by {grouped_i}),
                false
            ) as replaces_alone
        from incoming_keyed as i
        left join said_keys as k on {same("i", "k", key)}
        left join alone as a on {same("i", "a", key)}
        anti join said as s on {same("i", "s", (*key, *values))}
        where not (
            a.is_alone is not null and k.is_said is null and i.row_count = 1 and {same("i", "a", values)}
        )
        order by i.page_row
    """
    warehouse.cursor.register("page_rows", incoming)
    try:
        return warehouse.read(sql, parameters)
    finally:
        warehouse.cursor.unregister("page_rows")


def _unsaid(
    warehouse: Warehouse, landing: Landing, kind: _Kind, page: LandedPage, news: pl.DataFrame
) -> pl.DataFrame:
    """Return rows of the batch's other pages that were no news until this page contradicted them.

    Such a row repeated the revision before and so was left out; now that its batch says something else as
    well, both belong to the new revision, or the contradiction would go unseen. Pages sorted by symbol and
    bar hold no such rows, and the checkpoints show it: then no file is read.
    """
    columns = list(kind.table.columns)
    none = news.select(columns).clear()
    contradicted = news.filter("replaces_alone").select(*kind.key)
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
