with

bars as (

    select * from {{ ref('int_bars_adjusted') }}

),

universe as (

    -- An open end as a date: with "is null or" the join would compare every bar with every symbol.
    select
        *,
        coalesce(valid_to, cast('infinity' as date)) as ends_before
    from {{ ref('universe') }}

),

final as (

    select
        bars.timeframe,
        bars.symbol,
        bars.ticker,
        bars.bar_at,
        bars.session_date,
        bars.open,
        bars.high,
        bars.low,
        bars.close,
        bars.volume,
        bars.split_ratio,
        bars.dividend,
        bars.split_factor,
        bars.total_return_factor,
        bars.split_adj_open,
        bars.split_adj_high,
        bars.split_adj_low,
        bars.split_adj_close,
        bars.adj_open,
        bars.adj_high,
        bars.adj_low,
        bars.adj_close,
        bars.adj_volume,
        coalesce(universe.is_benchmark, false) as is_benchmark,
        coalesce(universe.is_member, false) as is_member
    from bars
    left join universe
        on
            bars.symbol = universe.symbol
            and bars.session_date >= universe.valid_from
            and bars.session_date < universe.ends_before

)

select * from final
