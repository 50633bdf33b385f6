with

bars as (

    select * from {{ ref('int_bars_adjusted') }}

),

-- The benchmark's bar must be the same bar; where it has none, what compares with it is NULL.
benchmark as (

    select
        bar_at,
        adj_open,
        adj_close
    from bars
    where symbol = {{ var_symbol_or_null('universe.benchmark') }}

),

-- Windows reach back before a symbol's membership, so its whole history is here.
final as (

    select
        bars.timeframe,
        bars.symbol,
        bars.bar_at,
        bars.session_date,
        bars.adj_open,
        bars.adj_high,
        bars.adj_low,
        bars.adj_close,
        bars.adj_volume,
        bars.close * bars.volume as traded_value,
        benchmark.adj_open as benchmark_open,
        benchmark.adj_close as benchmark_close
    from bars
    left join benchmark using (bar_at)
    where
        bars.symbol is distinct from {{ var_symbol_or_null('universe.benchmark') }}
        {%- if var_value('universe.symbols') %}
        and list_contains({{ var_symbols('universe.symbols') }}, bars.symbol)
        {%- endif %}

)

select * from final
