{{ config(materialized='refreshed', enabled=trades_strategy('factor_composite')) }}

{%- set skip_bars = parameter_integer('factor_composite.skip_bars', 0, 2519) -%}
{%- set end = operator('lagged', 'adj_close', skip_bars) if skip_bars else 'adj_close' -%}
{%- set start = operator('lagged', 'adj_close', parameter_integer('factor_composite.lookback_bars', 2, 2520)) -%}
{%- set volatility_bars = parameter_integer('factor_composite.volatility_bars', 2, 2520) -%}
{%- set liquidity_bars = parameter_integer('factor_composite.liquidity_bars', 1, 2520) -%}

-- Each so that higher is what the factor likes.
select
    symbol,
    bar_at,
    session_date,
    {{ end }} / {{ start }} - 1 as momentum,
    -{{ operator('rolling_std', operator('log_growth', 'adj_close', 1), volatility_bars) }} as low_volatility,
    -{{ operator('growth', 'adj_close', parameter_integer('factor_composite.reversal_bars', 1, 252)) }} as reversal,
    -ln(nullif({{ amihud('adj_close', 'traded_value', liquidity_bars) }}, 0)) as liquidity
from {{ operators_over(ref('int_feature_bars')) }}
