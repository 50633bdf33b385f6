{%- set benchmark = var_symbol_or_null('universe.benchmark') -%}
{%- set has_benchmark = var_value('universe.benchmark') is not none -%}

with

-- Read twice rather than kept: keeping them would copy every column of every bar.
bars as not materialized (

    select * from {{ ref('int_bars_adjusted') }}

),
{%- if has_benchmark %}

-- The benchmark's bar must be the same bar; where it has none, what compares with it is NULL.
benchmark as (

    select
        bar_at,
        adj_open,
        adj_close
    from bars
    where symbol = {{ benchmark }}

),
{%- endif %}

-- Windows reach back before a symbol's membership, so its whole history is here. Without a benchmark there is no
-- join: rows then come in the order in which they are stored, and operators need not sort them.
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
        {%- if has_benchmark %}
        benchmark.adj_open as benchmark_open,
        benchmark.adj_close as benchmark_close
        {%- else %}
        cast(null as double) as benchmark_open,
        cast(null as double) as benchmark_close
        {%- endif %}
    from bars
    {%- if has_benchmark %}
    left join benchmark using (bar_at)
    {%- endif %}
    where
        bars.symbol is distinct from {{ benchmark }}
        {%- if var_value('universe.symbols') %}
        and list_contains({{ var_symbols('universe.symbols') }}, bars.symbol)
        {%- endif %}

)

select * from final
