{{ config(materialized='table') }}

with

ticker_spans as (

    select * from {{ ref('stg_raw__ticker_spans') }}

),

built_ticker_spans as (

    select * from {{ source('ops', 'built_ticker_spans') }}

),

spans as (

    select
        * replace (coalesce(valid_to, cast('infinity' as date)) as valid_to)
    from ticker_spans

),

bars as (

    select
        coalesce(spans.symbol, source.symbol) as symbol,
        source.bar_at,
        source.batch_id,
        source.page,
        source.page_row
    from {{ source('raw', 'bars') }} as source
    left join spans
        on
            source.symbol = spans.ticker
            and source.session_date >= spans.valid_from
            and source.session_date < spans.valid_to
    where
        {{ asked_for('coalesce(spans.symbol, source.symbol)', 'source.session_date') }}
        and source.timeframe = {{ var_timeframe() }}

),

-- On the day of a symbol change an action may be the former holder's or the new one's.
actions as (

    select
        coalesce(spans.symbol, source.symbol) as symbol,
        source.ex_date,
        source.batch_id,
        source.page,
        source.page_row
    from {{ source('raw', 'corporate_actions') }} as source
    left join spans
        on
            source.symbol = spans.ticker
            and source.ex_date >= spans.valid_from
            and source.ex_date <= spans.valid_to
    where {{ asked_for('coalesce(spans.symbol, source.symbol)', none) }}

),

-- Whose bars come under another symbol than in the last build: whole histories move.
moved_spans as (

    (
        select * from ticker_spans
        except
        select * from built_ticker_spans
    )
    union all
    (
        select * from built_ticker_spans
        except
        select * from ticker_spans
    )

),

moved as (

    select symbol from moved_spans
    union distinct
    select ticker as symbol from moved_spans

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
    union all
    select symbol, cast('1800-01-01' as timestamp)
    from moved

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

    select symbol from bars
    union distinct
    select symbol from moved

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
