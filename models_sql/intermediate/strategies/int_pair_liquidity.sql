{{ config(materialized='refreshed', enabled=trades_strategy('pairs') and not parameter_pairs('pairs.pairs')) }}

{%- set window_bars = parameter_integer('pairs.window_bars', 20, 2520) -%}

select
    symbol,
    bar_at,
    session_date,
    {{ operator('rolling_mean', 'traded_value', window_bars) }} as mean_traded_value
from {{ operators_over(ref('int_feature_bars')) }}
