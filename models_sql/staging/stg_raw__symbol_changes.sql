with

source as (

    select * from {{ source('raw', 'corporate_actions') }}

),

quarantined as (

    select distinct batch_id, page, page_row from {{ source('quarantine', 'corporate_actions') }}

),

good as (

    select source.*
    from source
    anti join quarantined using (batch_id, page, page_row)
    where
        {{ asked_for(none, none) }}
        and {{ known_as_of('source.known_at') }}
        and source.kind = 'symbol_change'
        and source.defect is null

),

latest as (

    select *
    from good
    qualify row_number() over (
        partition by symbol, ex_date
        order by known_at desc, batch_id desc, page desc, page_row desc
    ) = 1

),

-- A vendor takes a change back by restating it as a change to the same symbol.
standing as (

    select * from latest
    where new_symbol != symbol

),

-- Two instruments cannot become one symbol on one day: the newest word counts.
undisputed as (

    select *
    from standing
    qualify row_number() over (
        partition by new_symbol, ex_date
        order by known_at desc, batch_id desc, page desc, page_row desc
    ) = 1

),

renamed as (

    select
        symbol,
        new_symbol,
        ex_date,
        known_at
    from undisputed

)

select * from renamed
