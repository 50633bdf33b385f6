{{ config(materialized='refreshed', enabled=trades_strategy('momentum')) }}

{%- set skip_bars = parameter_integer('momentum.skip_bars', 0, 2519) -%}
{%- set end = operator('lagged', 'adj_close', skip_bars) if skip_bars else 'adj_close' -%}
{%- set start = operator('lagged', 'adj_close', parameter_integer('momentum.lookback_bars', 2, 2520)) -%}

select
    symbol,
    bar_at,
    session_date,
    {{ end }} / {{ start }} - 1 as momentum
from {{ operators_over(ref('int_feature_bars')) }}
