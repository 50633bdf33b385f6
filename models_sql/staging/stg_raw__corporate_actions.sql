with

source as (

    select * from {{ source('raw', 'corporate_actions') }}
    where kind in ('split', 'dividend')

),

quarantined as (

    select distinct batch_id, page, page_row from {{ source('quarantine', 'corporate_actions') }}

),

changes as (

    select * from {{ ref('stg_raw__symbol_changes') }}

),

spans as (

    select
        ticker,
        valid_from,
        coalesce(valid_to, cast('infinity' as date)) as valid_to,
        symbol
    from {{ ref('stg_raw__ticker_spans') }}

),

-- An action on the very day of a symbol change may come under either symbol. Under the old one it is its former
-- holder's, who had it the day before, unless somebody takes it on that day.
dated as (

    select
        source.*,
        case
            when leaving.symbol is not null and arriving.symbol is null then source.ex_date - 1
            else source.ex_date
        end as held_on
    from source
    left join changes as leaving
        on
            source.symbol = leaving.symbol
            and source.ex_date = leaving.ex_date
    left join changes as arriving
        on
            source.symbol = arriving.new_symbol
            and source.ex_date = arriving.ex_date

),

good as (

    select
        source.* replace (coalesce(spans.symbol, source.symbol) as symbol),
        source.symbol as ticker
    from dated as source
    left join spans
        on
            source.symbol = spans.ticker
            and source.held_on >= spans.valid_from
            and source.held_on < spans.valid_to
    anti join quarantined
        on
            source.batch_id = quarantined.batch_id
            and source.page = quarantined.page
            and source.page_row = quarantined.page_row
    where
        {{ asked_for('coalesce(spans.symbol, source.symbol)', none) }}
        and {{ known_as_of('source.known_at') }}
        and source.defect is null

),

-- A vendor takes an action back by restating it as a split of 1 or a dividend of 0. What came under both symbols
-- of a change counts once.
latest as (

    select *
    from good
    qualify row_number() over (
        partition by symbol, ex_date, kind
        order by known_at desc, ticker = symbol desc, batch_id desc, page desc, page_row desc
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
