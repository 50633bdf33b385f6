-- A table: it is tiny, and bars and actions both read it.
{{ config(materialized='table') }}

with recursive

changes as (

    select * from {{ ref('stg_raw__symbol_changes') }}

),

quarantined as (

    select distinct batch_id, page, page_row from {{ source('quarantine', 'bars') }}

),

tickers as (

    select symbol from changes

    union distinct

    select new_symbol as symbol from changes

),

-- Every good revision of these tickers' bars: enough to see who traded under them, and when.
bars as (

    select
        source.symbol as ticker,
        source.bar_at,
        source.session_date,
        source.close,
        source.known_at
    from {{ source('raw', 'bars') }} as source
    semi join tickers using (symbol)
    anti join quarantined using (batch_id, page, page_row)
    where
        {{ asked_for(none, 'source.session_date') }}
        and source.timeframe = {{ var_timeframe() }}
        and {{ known_as_of('source.known_at') }}
        and source.defect is null

),

-- One that is announced counts from its date on.
effective as (

    select * from changes
    where ex_date <= (select max(session_date) from bars)

),

-- A ticker passes from hand to hand where its holder leaves it and where a new one takes it.
boundaries as (

    select
        symbol as ticker,
        ex_date
    from effective

    union distinct

    select
        new_symbol as ticker,
        ex_date
    from effective

),

spans as (

    select
        ticker,
        valid_from,
        lead(valid_from, 1, cast('infinity' as date)) over (partition by ticker order by valid_from) as valid_to
    from (
        select
            ticker,
            ex_date as valid_from
        from boundaries

        union distinct

        select
            ticker,
            cast('0001-01-01' as date) as valid_from
        from boundaries
    )

),

-- Tickers that are taken on a day on which nobody has left them.
taken_over as (

    select
        effective.new_symbol as ticker,
        effective.ex_date,
        effective.symbol as newcomer
    from effective
    anti join effective as leaving
        on
            effective.new_symbol = leaving.symbol
            and effective.ex_date = leaving.ex_date

),

-- What had traded under the ticker so far, beside what the newcomer had traded under its own.
histories as (

    select
        taken_over.ticker,
        taken_over.ex_date,
        bars.bar_at,
        arg_max(bars.close, bars.known_at) filter (where bars.ticker = taken_over.ticker) as holder_close,
        arg_max(bars.close, bars.known_at) filter (where bars.ticker = taken_over.newcomer) as newcomer_close
    from taken_over
    inner join spans
        on
            spans.valid_to = taken_over.ex_date
            and (spans.ticker = taken_over.ticker or spans.ticker = taken_over.newcomer)
    inner join bars
        on
            spans.ticker = bars.ticker
            and bars.session_date >= spans.valid_from
            and bars.session_date < spans.valid_to
    group by taken_over.ticker, taken_over.ex_date, bars.bar_at

),

-- Both have bars, and not the same ones: somebody else had traded under the ticker, and was delisted.
other_companies as (

    select
        ticker,
        ex_date
    from histories
    group by ticker, ex_date
    having
        count(holder_close) > 0
        and count(newcomer_close) > 0
        and coalesce(bool_and(holder_close = newcomer_close), false) is false

),

-- How an instrument goes on where a span ends: under another ticker, or (where the vendor tells its history under
-- the newest ticker) under the same.
links as (

    select
        symbol as ticker,
        ex_date,
        new_symbol as next_ticker
    from effective

    union all

    select
        ticker,
        ex_date,
        ticker as next_ticker
    from taken_over
    anti join other_companies using (ticker, ex_date)

),

chains as (

    select
        ticker,
        valid_from,
        valid_to,
        ticker as last_ticker,
        valid_to as last_date
    from spans

    union all

    select
        chains.ticker,
        chains.valid_from,
        chains.valid_to,
        next_span.ticker as last_ticker,
        next_span.valid_to as last_date
    from chains
    inner join links
        on
            chains.last_ticker = links.ticker
            and chains.last_date = links.ex_date
    inner join spans as next_span
        on
            links.next_ticker = next_span.ticker
            and links.ex_date = next_span.valid_from

),

ends as (

    select
        ticker,
        valid_from,
        valid_to,
        arg_max(last_ticker, last_date) as last_ticker,
        max(last_date) as last_date
    from chains
    group by ticker, valid_from, valid_to

),

-- Who lost its ticker to another instrument without taking a new one keeps it, with the date of the loss.
final as (

    select
        ticker,
        valid_from,
        case when isfinite(valid_to) then valid_to end as valid_to,
        case
            when isfinite(last_date) then last_ticker || '-' || strftime(last_date, '%Y%m%d')
            else last_ticker
        end as symbol
    from ends

)

select * from final
order by ticker, valid_from
