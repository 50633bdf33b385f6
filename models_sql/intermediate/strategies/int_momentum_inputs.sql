{{ config(materialized='refreshed', enabled=strategy_is('momentum')) }}

{%- set skip_bars = parameter_integer('skip_bars', 0, 2519) -%}
{%- set end = operator('lagged', 'adj_close', skip_bars) if skip_bars else 'adj_close' -%}
{%- set start = operator('lagged', 'adj_close', parameter_integer('lookback_bars', 2, 2520)) -%}

select
    symbol,
    bar_at,
    session_date,
    {{ end }} / {{ start }} - 1 as momentum
from {{ operators_over(ref('int_feature_bars')) }}
