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
        {{ asked_for('source.symbol', none) }}
        and {{ known_as_of('source.known_at') }}
        and source.defect is null

),

-- A vendor takes an action back by restating it as a split of 1 or a dividend of 0.
latest as (

    select *
    from good
    qualify row_number() over (
        partition by symbol, ex_date, kind
        order by known_at desc, batch_id desc, page desc, page_row desc
    ) = 1

),

renamed as (

    select
        symbol,
        ex_date,
        kind,
        value,
        known_at
    from latest

)

select * from renamed
