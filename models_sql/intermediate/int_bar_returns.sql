with

bars as (

    select * from {{ ref('int_bars_adjusted') }}

),

universe as (

    select * from {{ ref('int_universe_members') }}

),

-- Windows reach back before a symbol's membership, so the whole history of members and benchmark is here.
relevant_bars as (

    select bars.*
    from bars
    where symbol in (select symbol from universe where is_member or is_benchmark)

),

final as (

    select
        symbol,
        bar_at,
        session_date,
        adj_open,
        adj_high,
        adj_low,
        adj_close,
        adj_volume,
        close * volume as traded_value,
        (adj_high + adj_low + adj_close) / 3 as typical_price,
        row_number() over symbol_bars as bar_number,
        adj_open / lag(adj_close) over symbol_bars - 1 as gap,
        ln(adj_close / lag(adj_close) over symbol_bars) as log_return,
        {%- for n in [1, 5, 10, 20, 60] %}
        adj_close / lag(adj_close, {{ n }}) over symbol_bars - 1 as return_{{ n }},
        {%- endfor %}
        lag(adj_close, 21) over symbol_bars / lag(adj_close, 252) over symbol_bars - 1 as momentum_12_1,
        typical_price - lag(typical_price) over symbol_bars as typical_price_change
    from relevant_bars
    window symbol_bars as (partition by symbol order by bar_at)

)

select * from final
