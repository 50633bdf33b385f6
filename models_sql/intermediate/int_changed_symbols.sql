{{ config(materialized='table') }}

with

bars as (

    select
        source.symbol,
        source.bar_at,
        source.batch_id,
        source.page,
        source.page_row
    from {{ source('raw', 'bars') }} as source
    where
        {{ asked_for('source.symbol', 'source.session_date') }}
        and source.timeframe = {{ var_timeframe() }}

),

actions as (

    select
        source.symbol,
        source.ex_date,
        source.batch_id,
        source.page,
        source.page_row
    from {{ source('raw', 'corporate_actions') }} as source
    where {{ asked_for('source.symbol', none) }}

),

built_pages as (

    select * from {{ source('ops', 'built_pages') }}

),

built_quarantine as (

    select * from {{ source('ops', 'built_quarantine') }}

),

quarantined_bars as (

    select distinct batch_id, page, page_row from {{ source('quarantine', 'bars') }}

),

quarantined_actions as (

    select distinct batch_id, page, page_row from {{ source('quarantine', 'corporate_actions') }}

),

-- Rows that were quarantined then or are now, but not both.
judged_anew as (

    select 'bars' as kind, batch_id, page, page_row
    from quarantined_bars
    anti join (select * from built_quarantine where kind = 'bars') using (batch_id, page, page_row)
    union all
    select kind, batch_id, page, page_row
    from built_quarantine
    anti join quarantined_bars using (batch_id, page, page_row)
    where kind = 'bars'
    union all
    select 'corporate_actions' as kind, batch_id, page, page_row
    from quarantined_actions
    anti join (select * from built_quarantine where kind = 'corporate_actions') using (batch_id, page, page_row)
    union all
    select kind, batch_id, page, page_row
    from built_quarantine
    anti join quarantined_actions using (batch_id, page, page_row)
    where kind = 'corporate_actions'

),

-- An action takes effect at its ex-date's open, whose bar may start on the day before in UTC.
changes as (

    select symbol, bar_at as changed_from
    from bars
    anti join (select * from built_pages where kind = 'bars') using (batch_id, page)
    union all
    select symbol, bar_at
    from bars
    semi join (select * from judged_anew where kind = 'bars') using (batch_id, page, page_row)
    union all
    select symbol, cast(ex_date as timestamp) - interval 1 day
    from actions
    anti join (select * from built_pages where kind = 'corporate_actions') using (batch_id, page)
    union all
    select symbol, cast(ex_date as timestamp) - interval 1 day
    from actions
    semi join (select * from judged_anew where kind = 'corporate_actions') using (batch_id, page, page_row)

),

first_changes as (

    select
        symbol,
        min(changed_from) as changed_from
    from changes
    group by symbol

),

-- Every symbol is compared with the benchmark: where that changes, all do.
benchmark_change as (

    select changed_from
    from first_changes
    where symbol = {{ var_symbol_or_null('universe.benchmark') }}

),

symbols as (

    select distinct symbol from bars

),

final as (

    select
        symbol,
        least(first_changes.changed_from, benchmark_change.changed_from) as changed_from
    from symbols
    left join first_changes using (symbol)
    left join benchmark_change on true
    where first_changes.changed_from is not null or benchmark_change.changed_from is not null

)

select * from final
order by symbol
