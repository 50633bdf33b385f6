{{ config(materialized='refreshed', changes='all', enabled=trades_strategy('pairs')) }}

{%- set bars = parameter_integer('pairs.window_bars', 20, 2520) -%}
{%- set growths = [operator('change', 'first_log_close', 1), operator('change', 'second_log_close', 1), bars] -%}
{%- set legs = ['first_log_close', 'second_log_close', bars] -%}

select
    symbol,
    bar_at,
    session_date,
    pair,
    first_symbol,
    second_symbol,
    {{ operator('hedge_ratio', *legs) }} as hedge_ratio,
    {{ operator('spread_zscore', *legs) }} as spread_zscore,
    {{ operator('spread_dickey_fuller', *legs) }} as dickey_fuller,
    {{ operator('rolling_correlation', *growths) }} as correlation
from {{ operators_over(ref('int_pair_bars')) }}
