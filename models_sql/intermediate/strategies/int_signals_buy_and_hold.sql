{{ config(enabled=trades_strategy('buy_and_hold')) }}

select
    'buy_and_hold' as strategy,
    symbol,
    bar_at,
    session_date,
    cast(1 as double) as score,
    cast(1 as double) as confidence
from {{ ref('int_feature_bars') }}
