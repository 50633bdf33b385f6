with

source as (

    select * from {{ source('raw', 'bars') }}

),

quarantined as (

    select distinct batch_id, page, page_row from {{ source('quarantine', 'bars') }}

),

-- What the config asked of one dataset and timeframe, as known at as_of. What the gate refused is not there: an
-- older, good revision of the same bar takes its place.
good as (

    select source.*
    from source
    anti join quarantined using (batch_id, page, page_row)
    where
        {{ asked_for('source.symbol', 'source.session_date') }}
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
