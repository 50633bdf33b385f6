{%- set is_chosen = 'intraday' in var_value('features.sets') -%}
{{ config(materialized='refreshed', enabled=is_chosen) }}

{%- set length = timeframe_minutes() -%}
{%- if is_chosen and length == 0 -%}
    {{ refuse_var('features.sets', 'without intraday where source.timeframe is 1d', var_value('features.sets')) }}
{%- endif -%}
{%- set range = var_integer('features.opening_range_minutes', 1, 1440) | int -%}
{%- set short = var_integer('features.regime_short_bars', 1, 10000) | int -%}
{%- set long = var_integer('features.regime_long_bars', 2, 10000) | int -%}
{%- set sessions = var_integer('features.volume_profile_sessions', 2, 1000) | int -%}

{#- A session's bars share a key; where sessions follow without a break (24/7), so does the whole stretch of them. -#}
{%- set session = 'case when in_session then epoch(session_open_at) end' -%}
{%- set stretch = 'case when in_session then epoch(stretch_open_at) end' -%}
{%- set elapsed = '(epoch(ended_at) - epoch(session_open_at)) / 60' -%}
{%- set remaining = '(epoch(session_close_at) - epoch(ended_at)) / 60' -%}
{%- set slot -%}
    case
        when in_session
            then floor((epoch(bar_at) + {{ length * 60 }} - epoch(session_open_at)) / {{ length * 60 }}) - 1
    end
{%- endset -%}
{%- set typical_value = '(adj_high + adj_low + adj_close) / 3 * adj_volume' -%}
{%- set vwap = ratio(operator('session_sum', session, typical_value), operator('session_sum', session, 'adj_volume')) -%}
{%- set opening_high = operator('opening_high', session, elapsed, 'adj_high', range) -%}
{%- set opening_low = operator('opening_low', session, elapsed, 'adj_low', range) -%}
{%- set short_variance = operator('realised_variance', stretch, 'adj_open', 'adj_close', short) -%}
{%- set long_variance = operator('realised_variance', stretch, 'adj_open', 'adj_close', long) -%}

select
    symbol,
    bar_at,
    session_date,
    {{ elapsed }} as minutes_since_open,
    {{ remaining }} as minutes_to_close,
    {{ ratio('adj_close', vwap) }} - 1 as session_vwap_distance,
    {{ position_between('adj_close', opening_low, opening_high) }} as opening_range_position,
    {%- for minutes in var_integers('features.momentum_minutes', 1, 1440) %}
    {{ operator('growth_over_minutes', stretch, 'epoch(ended_at)', 'adj_close', minutes) }} as momentum_{{ minutes }},
    {%- endfor %}
    {{ operator('slot_zscore', slot, 'adj_volume', sessions) }} as volume_profile_zscore,
    sqrt({{ ratio(short_variance, long_variance) }}) as volatility_regime,
    cast(in_session and {{ elapsed }} <= 60 as double) as is_first_hour,
    cast(in_session and {{ remaining }} + {{ length }} <= 60 as double) as is_last_hour
from {{ operators_over(ref('int_timed_bars')) }}
