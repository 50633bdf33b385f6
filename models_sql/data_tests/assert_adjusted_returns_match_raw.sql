-- The accounting identity of the adjustment: an adjusted return is what the holder of one share really made,
-- close over the previous close on today's split basis without today's dividend; a split-adjusted one, the same
-- with the dividend left in. Catches factors that are applied twice, on the wrong bar or in the wrong direction,
-- which unit tests of single steps would miss.
with

bars as (

    select
        *,
        lag(close) over symbol_bars as previous_close,
        lag(adj_close) over symbol_bars as previous_adj_close,
        lag(split_adj_close) over symbol_bars as previous_split_adj_close
    from {{ ref('int_bars_adjusted') }}
    window symbol_bars as (partition by symbol order by bar_at)

)

select
    symbol,
    bar_at,
    adj_close / previous_adj_close as adjusted_growth,
    close / (previous_close / split_ratio - dividend) as raw_growth,
    split_adj_close / previous_split_adj_close as split_adjusted_growth,
    close / (previous_close / split_ratio) as raw_split_growth
from bars
where
    (raw_growth > 0 and abs(adjusted_growth / raw_growth - 1) > 1e-9)
    or abs(split_adjusted_growth / raw_split_growth - 1) > 1e-9
