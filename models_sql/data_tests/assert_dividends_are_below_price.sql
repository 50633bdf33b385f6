-- A dividend of the whole previous close or more leaves nothing to reinvest in, so it has no factor: almost
-- always a wrong amount or currency. The adjusted prices of the symbol cannot be trusted from there on.
with

bars as (

    select
        *,
        lag(close) over (partition by symbol order by bar_at) as previous_close
    from {{ ref('int_bars_adjusted') }}

)

select
    symbol,
    bar_at,
    dividend,
    previous_close / split_ratio as previous_close_on_this_basis
from bars
where dividend >= previous_close / split_ratio
