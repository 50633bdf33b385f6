with

bars as (

    select * from {{ ref('bars') }}

),

universe as (

    select * from {{ ref('universe') }}

),

-- Windows reach back before a symbol's membership, so its whole history is here.
relevant_bars as (

    select *
    from bars
    where symbol in (select symbol from universe where is_member)

),

benchmark_returns as (

    select
        bar_at,
        ln(adj_close / lag(adj_close) over (order by bar_at)) as log_return,
        adj_close / lag(adj_close, 20) over (order by bar_at) - 1 as return_20
    from bars
    where is_benchmark

),

-- Whatever needs nothing but prices of other bars.
windowed as (

    select
        symbol,
        bar_at,
        session_date,
        is_member,
        adj_open,
        adj_high,
        adj_low,
        adj_close,
        adj_volume,
        close * volume as traded_value,
        (adj_high + adj_low + adj_close) / 3 as typical_price,
        row_number() over symbol_bars as bar_number,
        ln(adj_close / lag(adj_close) over symbol_bars) as log_return,
        {%- for n in [1, 5, 10, 20, 60] %}
        adj_close / lag(adj_close, {{ n }}) over symbol_bars - 1 as return_{{ n }},
        {%- endfor %}
        lag(adj_close, 21) over symbol_bars / lag(adj_close, 252) over symbol_bars - 1 as momentum_12_1,
        adj_open / lag(adj_close) over symbol_bars - 1 as gap,
        typical_price - lag(typical_price) over symbol_bars as typical_price_change,
        {%- for n in [14, 20] %}
        {{ rolling_extreme('min', 'adj_low', n) }} as lowest_{{ n }},
        {{ rolling_extreme('max', 'adj_high', n) }} as highest_{{ n }},
        {%- endfor %}
        adj_close / {{ rolling_extreme('max', 'adj_high', 252) }} - 1 as high_252_distance,
        adj_close / {{ rolling_extreme('max', 'adj_close', 252) }} - 1 as drawdown_252
    from relevant_bars
    window symbol_bars as (partition by symbol order by bar_at)

),

-- The benchmark's bar must be the same bar; where it has none, what compares with it is NULL.
compared as (

    select
        windowed.* exclude (lowest_14, highest_14, lowest_20, highest_20),
        100 * {{ position_between('adj_close', 'lowest_14', 'highest_14') }} as stoch_raw_14,
        -100 * {{ position_between('adj_close', 'highest_14', 'lowest_14') }} as willr_14,
        {{ position_between('adj_close', 'lowest_20', 'highest_20') }} as donchian_position_20,
        benchmark_returns.log_return as benchmark_log_return,
        windowed.return_20 - benchmark_returns.return_20 as relative_return_20
    from windowed
    left join benchmark_returns using (bar_at)

),

-- A rank needs somebody to be compared with.
final as (

    select
        *,
        case
            when return_20 is not null and count(*) over (
                members_by_return rows between unbounded preceding and unbounded following
            ) > 1 then percent_rank() over members_by_return
        end as return_rank_20
    from compared
    window members_by_return as (partition by bar_at, is_member, return_20 is null order by return_20)

)

select * from final
