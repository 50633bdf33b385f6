{{ config(materialized='refreshed', enabled=trades_strategy('multi_timeframe_trend')) }}

{%- set timeframes = parameter_choices('multi_timeframe_trend.timeframes', longer_timeframes()) -%}
{%- set longest = longer_timeframes() | select('in', timeframes) | list | last -%}
{%- set average = sma('adj_close', parameter_integer('multi_timeframe_trend.average_bars', 2, 1000)) -%}
{%- set distances = ['distance'] -%}
{%- for name in timeframes %}{% do distances.append('distance_' ~ name) %}{% endfor -%}

with

bars as (

    select
        symbol,
        bar_at,
        session_date,
        {{ ratio('adj_close', average) }} - 1 as distance
        {%- for name in timeframes %},
        {{ last_completed_bar(name) }} as last_{{ name }}_at
        {%- endfor %}
    from {{ operators_over(ref('int_timed_bars')) }}

),

-- What a bar may know of a longer timeframe: that one's last bar that is complete.
compared as (

    select
        bars.symbol,
        bars.bar_at,
        bars.session_date,
        bars.distance,
        {%- for name in timeframes %}
        longer_{{ name }}.sma_distance_20 as distance_{{ name }},
        {%- endfor %}
        longer_{{ longest }}.donchian_position_20 as longest_position
    from bars
    {%- for name in timeframes %}
    left join {{ ref('int_resampled_features_' ~ name) }} as longer_{{ name }}
        on
            bars.symbol = longer_{{ name }}.symbol
            and bars.last_{{ name }}_at = longer_{{ name }}.bar_at
    {%- endfor %}

),

final as (

    select
        'multi_timeframe_trend' as strategy,
        symbol,
        bar_at,
        session_date,
        case
            when {{ distances | join(' is null or ') }} is null then null
            when {{ distances | join(' > 0 and ') }} > 0 then cast(1 as double)
            when {{ distances | join(' < 0 and ') }} < 0 then -1
            else 0
        end as score,
        case
            when score > 0 then {{ between_0_and_1('longest_position') }}
            when score < 0 then {{ between_0_and_1('1 - longest_position') }}
            else 0
        end as confidence
    from compared

)

select * from final
