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

-- Membership has dates so that a constituent list with entries and exits can take this model's place; a
-- configured list holds from a symbol's first session on and has no end.
final as (

    select
        symbols.symbol,
        symbols.first_session_date as valid_from,
        cast(null as date) as valid_to,
        symbols.symbol is not distinct from settings.benchmark as is_benchmark,
        symbols.symbol is distinct from settings.benchmark
        and (len(settings.members) = 0 or list_contains(settings.members, symbols.symbol)) as is_member
    from symbols
    cross join settings

)

select * from final
