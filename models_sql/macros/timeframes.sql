{#
    Bars of a longer timeframe: into which of them a bar falls, when that one is complete, and its features.

    A bar of 5m, 15m, 30m or 1h begins at the session's open plus a multiple of its length, so that none spans two
    sessions; the last of a session may be shorter. Bars outside of the session are in none. The session is the whole
    of it; a week runs from Monday to Sunday and a month from its first day to its last, by session_date.
    A longer bar is complete when its time is over, whether or not its last minutes have a bar: a week at the close of
    the last session that the calendar has in it. Until then nothing may look at it.
    Expressions are over the columns of int_timed_bars; moments in them are whole milliseconds since 1970.
#}

{# Length of the source's bars in minutes; 0 for daily ones. #}
{% macro timeframe_minutes() -%}
    {%- set minutes = {'1m': 1, '5m': 5, '15m': 15, '30m': 30, '1h': 60, '1d': 0} -%}
    {%- do return(minutes[var_choice('timeframe', minutes.keys() | list)]) -%}
{%- endmacro %}

{# The timeframes into which the source's bars can be put together, shortest first. #}
{% macro longer_timeframes() -%}
    {%- set minutes = timeframe_minutes() -%}
    {%- set longer = [] -%}
    {%- for name, length in {'5m': 5, '15m': 15, '30m': 30, '1h': 60, 'session': 1440}.items() -%}
        {%- if 0 < minutes < length %}{% do longer.append(name) %}{% endif -%}
    {%- endfor -%}
    {%- do return(longer + ['week', 'month']) -%}
{%- endmacro %}

{# The ones that the set multi_timeframe looks at; none where it is not built. #}
{% macro chosen_timeframes() -%}
    {%- set is_built = 'multi_timeframe' in var_value('features.sets') -%}
    {%- do return(var_choices('features.higher_timeframes', longer_timeframes()) if is_built else []) -%}
{%- endmacro %}

{# Whether features of these longer bars are to be built. #}
{% macro is_chosen_timeframe(name) -%}
    {%- do return(
        name in chosen_timeframes()
        or (
            trades_strategy('multi_timeframe_trend')
            and name in parameter_choices('multi_timeframe_trend.timeframes', longer_timeframes())
        )
    ) -%}
{%- endmacro %}

{# Milliseconds since 1970 as a timestamp, UTC. #}
{% macro moment(milliseconds) -%}
    epoch_ms(cast({{ milliseconds }} as bigint))
{%- endmacro %}

{# Milliseconds of a bar within a session; none for the others. #}
{% macro bucket_length(name) -%}
    {%- do return({'5m': 300000, '15m': 900000, '30m': 1800000, '1h': 3600000}.get(name)) -%}
{%- endmacro %}

{# Start of the longer bar into which a bar falls; NULL outside of the session. #}
{% macro bucket_start(name) -%}
    {%- set length = bucket_length(name) -%}
    case
        when in_session then
            {%- if length %}
            {#- A bar of the clock's hour may begin before the open and run into the session. #}
            epoch_ms(session_open_at)
            + greatest(epoch_ms(bar_at) - epoch_ms(session_open_at), 0) // {{ length }} * {{ length }}
            {%- elif name == 'session' %}
            epoch_ms(session_open_at)
            {%- else %}
            epoch_ms(cast(date_trunc('{{ name }}', session_date) as timestamp))
            {%- endif %}
    end
{%- endmacro %}

{# When that longer bar is complete; NULL where the calendar does not know. #}
{% macro bucket_completes(name) -%}
    {%- set length = bucket_length(name) -%}
    {%- if length -%}
        least({{ bucket_start(name) }} + {{ length }}, epoch_ms(session_close_at))
    {%- else -%}
        epoch_ms({{ name }}_close_at)
    {%- endif -%}
{%- endmacro %}

{#
    bar_at of the last longer bar that is complete at the close of this one: what a bar may know of a longer
    timeframe. For the ON clause of a join; the model must be over int_timed_bars.
#}
{% macro last_completed_bar(name) -%}
    {{ moment(operator('last_completed', bucket_start(name), bucket_completes(name), 'epoch_ms(ended_at)')) }}
{%- endmacro %}

{# The SELECT of the longer bars themselves. Volumes are added as decimals, whose sum does not depend on order. #}
{% macro resampled_bars(name) -%}
with

bars as (

    select
        *,
        {{ bucket_start(name) }} as bucket_start,
        {{ bucket_completes(name) }} as bucket_completes
    from {{ ref('int_timed_bars') }}
    where in_session

),

final as (

    select
        {{ literal(name) }} as timeframe,
        symbol,
        {{ moment('bucket_start') }} as bar_at,
        max(session_date) as session_date,
        -- A bar that runs on over the bucket's end delays it; NULL where the calendar does not know.
        case
            when count(bucket_completes) > 0
                then greatest({{ moment('max(bucket_completes)') }}, max(ended_at))
        end as complete_at,
        arg_min(adj_open, bar_at) as adj_open,
        max(adj_high) as adj_high,
        min(adj_low) as adj_low,
        arg_max(adj_close, bar_at) as adj_close,
        cast(sum(try_cast(adj_volume as decimal(38, 18))) as double) as adj_volume,
        count(*) as bar_count
    from bars
    group by symbol, bucket_start

)

select * from final
{%- endmacro %}

{# What a bar is told of a longer timeframe: column without the timeframe's suffix → SQL over the longer bars. #}
{% macro longer_timeframe_features() -%}
    {%- set high, low, close = 'adj_high', 'adj_low', 'adj_close' -%}
    {%- set mean = operator('rolling_mean', close, 20) -%}
    {%- set highest, lowest = operator('rolling_max', high, 20), operator('rolling_min', low, 20) -%}
    {%- do return({
        'return_1': operator('growth', close, 1),
        'return_5': operator('growth', close, 5),
        'sma_distance_20': ratio(close, mean) ~ ' - 1',
        'rsi_14': operator('rsi', close, 14),
        'natr_14': '100 * ' ~ ratio(operator('atr', high, low, close, 14), close),
        'donchian_position_20': position_between(close, lowest, highest),
        'volume_zscore_20': operator('rolling_zscore', 'adj_volume', 20),
    }) -%}
{%- endmacro %}

{# The SELECT of the longer bars' features. #}
{% macro resampled_features(relation) -%}
select
    symbol,
    bar_at,
    session_date,
    complete_at,
    adj_close,
    {%- for column, formula in longer_timeframe_features().items() %}
    {{ formula }} as {{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
from {{ operators_over(relation) }}
{%- endmacro %}
