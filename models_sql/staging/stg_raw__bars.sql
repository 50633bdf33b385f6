with

source as (

    select * from {{ source('raw', 'bars') }}

),

quarantined as (

    select distinct batch_id, page, page_row from {{ source('quarantine', 'bars') }}

),

-- An open end as a date: with "is null or" the join would compare every bar with every span.
spans as (

    select
        ticker,
        valid_from,
        coalesce(valid_to, cast('infinity' as date)) as valid_to,
        symbol
    from {{ ref('stg_raw__ticker_spans') }}

),

-- What the config asked of one dataset and timeframe, as known at as_of, under the symbol that the instrument has
-- now. What the gate refused is not there: an older, good revision of the same bar takes its place.
good as (

    select
        source.* replace (coalesce(spans.symbol, source.symbol) as symbol),
        source.symbol as ticker
    from source
    left join spans
        on
            source.symbol = spans.ticker
            and source.session_date >= spans.valid_from
            and source.session_date < spans.valid_to
    anti join quarantined
        on
            source.batch_id = quarantined.batch_id
            and source.page = quarantined.page
            and source.page_row = quarantined.page_row
    where
        {{ asked_for('coalesce(spans.symbol, source.symbol)', 'source.session_date') }}
        and source.timeframe = {{ var_timeframe() }}
        and {{ known_as_of('source.known_at') }}
        and source.defect is null

),

-- known_at alone decides in practice; the rest makes the choice the same whatever the order of arrival.
latest as (

    select *
    from good
    qualify row_number() over (
        partition by symbol, bar_at
        order by known_at desc, batch_id desc, page desc, page_row desc
    ) = 1

),

renamed as (

    select
        timeframe,
        symbol,
        ticker,
        bar_at,
        session_date,
        open,
        high,
        low,
        close,
        volume,
        known_at,
        batch_id,
        page,
        page_row
    from latest

)

select * from renamed
