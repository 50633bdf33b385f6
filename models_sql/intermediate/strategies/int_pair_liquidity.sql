{{ config(materialized='refreshed', enabled=strategy_is('pairs') and not parameter_pairs('pairs')) }}

select
    symbol,
    bar_at,
    session_date,
    {{ operator('rolling_mean', 'traded_value', parameter_integer('window_bars', 20, 2520)) }} as mean_traded_value
from {{ operators_over(ref('int_feature_bars')) }}
