"""Fetch what a source gives into ``landing/`` and ``raw.*``, exactly once, resumable at every page."""

from __future__ import annotations

import hashlib
import json
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from transforms import schemas
from transforms.config import SourceConfig, as_plain
from transforms.errors import QuantmillError
from transforms.failpoints import failpoint
from transforms.frames import ACTIONS_SCHEMA, BARS_SCHEMA
from transforms.landing import KINDS, Batch, LandedPage, Landing
from transforms.paths import Home
from transforms.revisions import append_page
from transforms.sources.base import Coverage, Page, open_source
from transforms.warehouse import Warehouse, utc_now

_SHAPES: dict[str, dict[str, pl.DataType]] = {"bars": BARS_SCHEMA, "corporate_actions": ACTIONS_SCHEMA}

_SESSIONS_AHEAD = timedelta(days=30)  # trading asks for the sessions after the last bar
_CLOSED_AT_MOST = timedelta(days=14)  # no exchange is closed for longer
_EARLIEST_SESSION = date(1900, 1, 1)


@dataclass(frozen=True)
class IngestResult:
    """What an ingest did, and what ``raw.bars`` holds of its source and timeframe afterwards.

    Attributes:
        source: The source's name.
        timeframe: Length of a bar.
        batch_id: The batch that answers the request.
        pages_recovered: Pages that an earlier run had landed and this one appended.
        pages_landed: Pages that were fetched now.
        rows_received: Rows of the pages that were fetched now.
        rows_appended: Rows that were new to ``raw.*``, recovered ones included.
        symbols: Number of symbols in ``raw.bars``.
        first_session: First session in ``raw.bars``, None where there is no bar.
        last_session: Last session in ``raw.bars``.
        data_version: See ``data_version``.
        resumed: Whether the batch had been begun by an earlier run and was finished now.
    """

    source: str
    timeframe: str
    batch_id: str
    pages_recovered: int
    pages_landed: int
    rows_received: int
    rows_appended: int
    symbols: int
    first_session: date | None
    last_session: date | None
    data_version: str
    resumed: bool


def ingest(
    warehouse: Warehouse,
    home: Home,
    config: SourceConfig,
    *,
    on_page: Callable[[LandedPage, int], None] | None = None,
) -> IngestResult:
    """Bring ``raw.*`` up to what ``config``'s source gives.

    What has landed comes first: pages that were never appended (after a kill, or because the warehouse's file
    is gone) are appended from ``landing/``, those of every source. Then the source is asked, unless it has
    answered the same request in the same version before.

    Args:
        warehouse: The open warehouse; the caller holds its lock.
        home: Where ``landing/`` is.
        config: What to fetch.
        on_page: Called after each page with its sidecar and the number of rows that were new.

    Raises:
        ConfigError: The config asks for what the source does not have.
        LandingCorruptError: A landed file is not what was written.
        QuantmillError: The source gave pages out of order or in another shape.
    """
    landing = Landing(home.landing)
    done = on_page or _ignore
    recovered, appended = recover(warehouse, landing, on_page=done)
    source = open_source(config)
    coverage = source.coverage()
    batch = _batch_for(warehouse, landing, config, coverage)
    counts = landing.page_numbers(batch)
    resumed = not landing.is_closed(batch) and any(counts.values())
    landed = received = 0
    if not landing.is_closed(batch):
        for kind in KINDS:
            number = counts[kind]
            for page in source.pages(kind, after=number - 1):
                _check(page, kind, number, config)
                failpoint("ingest.fetched")
                sidecar = landing.land(batch, kind, number, page.frame)
                news = append_page(warehouse, landing, sidecar, page.frame)
                done(sidecar, news)
                landed, received, appended, number = (
                    landed + 1,
                    received + sidecar.rows,
                    appended + news,
                    number + 1,
                )
        failpoint("ingest.before_close")
        landing.close(batch)
    _load_sessions(warehouse, config)
    sql = """
        select count(distinct symbol), min(session_date), max(session_date) from raw.bars
        where source = ? and dataset = ? and timeframe = ?
    """
    symbols, first, last = warehouse.read(sql, [config.name, config.dataset, config.timeframe]).row(0)
    return IngestResult(
        source=config.name,
        timeframe=config.timeframe,
        batch_id=batch.batch_id,
        pages_recovered=recovered,
        pages_landed=landed,
        rows_received=received,
        rows_appended=appended,
        symbols=symbols,
        first_session=first,
        last_session=last,
        data_version=data_version(warehouse, config),
        resumed=resumed,
    )


def recover(
    warehouse: Warehouse, landing: Landing, *, on_page: Callable[[LandedPage, int], None]
) -> tuple[int, int]:
    """Append every landed page that the warehouse does not have, oldest batch first.

    Returns:
        The number of pages and of rows that were new.

    Raises:
        LandingCorruptError: A file of a batch is not what was written.
    """
    rows = warehouse.cursor.execute("select batch_id, kind, page from ops.landed_pages").fetchall()
    there = set(rows)
    pages = appended = 0
    for batch in landing.batches():
        for kind, count in sorted(landing.page_numbers(batch).items()):
            for number in range(count):
                if (batch.batch_id, kind, number) in there:
                    continue
                page = landing.page(batch, kind, number)
                news = append_page(warehouse, landing, page, landing.read(page))
                on_page(page, news)
                pages, appended = pages + 1, appended + news
    return pages, appended


def data_version(warehouse: Warehouse, config: SourceConfig) -> str:
    """Return 16 hex digits that name what ``raw.*`` holds of a source's dataset and timeframe.

    The digest of the landed pages that brought something new, in the order of their batches. It does not
    depend on when they came, so two ingests of the same input into empty homes have the same version, and so
    has a warehouse that was rebuilt from landing.
    """
    sql = """
        select batch_id, kind, page, sha256 from ops.landed_pages
        where source = ? and dataset = ? and (timeframe = ? or kind = 'corporate_actions') and appended > 0
        order by known_at, batch_id, kind, page
    """
    return _digest(warehouse.cursor.execute(sql, [config.name, config.dataset, config.timeframe]).fetchall())


def _batch_for(warehouse: Warehouse, landing: Landing, config: SourceConfig, coverage: Coverage) -> Batch:
    """Return the batch that answers ``config``: the one that did, the one to resume, or a new one.

    A closed batch still answers unless the source has been in another version since: its rows may have been
    restated, and going back is a restatement again. An open one is resumed under its own ``known_at``, unless
    another batch of the dataset began after it: revisions must come in the order of ``known_at``.
    """
    request_id = _digest([config.implementation, as_plain(config), coverage.version])
    batches = landing.batches()
    ours = [batch for batch in batches if (batch.source, batch.dataset) == (config.name, config.dataset)]
    asked = [batch for batch in ours if batch.request_id == request_id]
    if asked:
        later = [batch for batch in ours if batch.known_at > asked[-1].known_at]
        restated = any(b.timeframe == config.timeframe and b.version != coverage.version for b in later)
        if not (restated if landing.is_closed(asked[-1]) else later):
            return asked[-1]
    used = {batch.batch_id for batch in batches}
    used |= {
        row[0]
        for row in warehouse.cursor.execute("select distinct batch_id from ops.landed_pages").fetchall()
    }
    attempt = 0
    while (batch_id := _digest([request_id, attempt])) in used:
        attempt += 1
    batch = Batch(
        source=config.name,
        dataset=config.dataset,
        timeframe=config.timeframe,
        batch_id=batch_id,
        request_id=request_id,
        version=coverage.version,
        range_start=config.start or _iso(coverage.start),
        range_end=config.end or _iso(coverage.end),
        known_at=_next_known_at(warehouse, batches),
    )
    landing.begin(batch)
    return batch


def _next_known_at(warehouse: Warehouse, batches: list[Batch]) -> datetime:
    """Return now, but later than every revision so far, even if the clock was set back."""
    known: list[datetime | None] = [warehouse.value("select max(known_at) from ops.landed_pages")]
    known += [batch.known_at for batch in batches[-1:]]
    return max([utc_now(), *(moment + timedelta(microseconds=1) for moment in known if moment is not None)])


def _check(page: Page, kind: str, number: int, config: SourceConfig) -> None:
    """Stop before anything is written if a source breaks its contract."""
    if (page.kind, page.number) != (kind, number):
        raise QuantmillError(
            f"source {config.name!r}: {kind} page {number} was due, it gave {page.kind} page {page.number}; "
            "nothing of it was kept"
        )
    shape = dict(page.frame.schema)
    expected = _SHAPES[kind]
    if shape != expected or list(shape) != list(expected):
        wrong = [name for name in {**expected, **shape} if shape.get(name) != expected.get(name)] or [
            "the order"
        ]
        raise QuantmillError(
            f"source {config.name!r}: {kind} page {number} has another shape than raw.{kind} ({wrong[0]}: "
            f"{shape.get(wrong[0])} instead of {expected.get(wrong[0])}); nothing of it was kept"
        )


def sessions_until(last: date) -> date:
    """Return the date until which ``raw.sessions`` is loaded where ``last`` is the last bar's session."""
    ahead = last + _SESSIONS_AHEAD
    return ahead.replace(day=monthrange(ahead.year, ahead.month)[1])


def _load_sessions(warehouse: Warehouse, config: SourceConfig) -> None:
    """Bring ``raw.sessions`` to cover the bars and some weeks more; touch nothing if it does.

    Whole months, so that what is loaded depends on the bars that are there and not on the order in which they
    came, and a daily ingest computes the calendar once a month.
    """
    sql = """
        select min(session_date), max(session_date) from raw.bars
        where source = ? and dataset = ? and timeframe = ? and session_date between ? and ?
    """
    # Bars dated before that or in the future are the gate's to find, not the calendar's to follow.
    plausible = [_EARLIEST_SESSION, utc_now().date()]
    first, last = warehouse.read(sql, [config.name, config.dataset, config.timeframe, *plausible]).row(0)
    if first is None:
        return
    start = first.replace(day=1)
    end = sessions_until(last)
    sql = "select min(session_date), max(session_date) from raw.sessions where calendar = ?"
    have_first, have_last = warehouse.read(sql, [config.calendar]).row(0)
    if have_first is not None:
        if have_first <= start + _CLOSED_AT_MOST and have_last >= end - _CLOSED_AT_MOST:
            return
        start, end = min(start, have_first), max(end, have_last)
    from transforms import calendars

    warehouse.upsert(schemas.SESSIONS, calendars.sessions(config.calendar, start, end))


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _ignore(page: LandedPage, appended: int) -> None:
    """Stand in where nobody wants to watch."""
