{%- set is_dynamic = var_choice('universe.selection', ['static', 'dynamic']) == 'dynamic' -%}

with

symbols as (

    select
        symbol,
        min(session_date) as first_session_date
    from {{ ref('int_bars_adjusted') }}
    group by symbol

),

settings as (

    select
        {{ var_symbols('universe.symbols') }} as members,
        {{ var_symbol_or_null('universe.benchmark') }} as benchmark

),

-- A static universe holds from a symbol's first session on and has no end; in a dynamic one nobody is a member yet.
events as (

    select
        symbols.symbol,
        symbols.first_session_date as valid_from,
        {{ literal(not is_dynamic) }}
        and symbols.symbol is distinct from settings.benchmark
        and (len(settings.members) = 0 or list_contains(settings.members, symbols.symbol)) as is_member
    from symbols
    cross join settings
    {%- if is_dynamic %}

    union all

    select
        symbol,
        rebalance_date as valid_from,
        is_member
    from {{ ref('universe_rebalances') }}
    where has_entered or has_left
    {%- endif %}

),

final as (

    select
        events.symbol,
        events.valid_from,
        lead(events.valid_from) over (partition by events.symbol order by events.valid_from) as valid_to,
        events.symbol is not distinct from settings.benchmark as is_benchmark,
        events.is_member
    from events
    cross join settings

)

select * from final
