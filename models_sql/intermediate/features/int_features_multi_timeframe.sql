{{ config(materialized='refreshed', enabled='multi_timeframe' in var_value('features.sets')) }}

select
    bars.symbol,
    bars.bar_at,
    bars.session_date
    {%- for name in chosen_timeframes() %},
    {{ ratio('bars.adj_close', 'longer_' ~ name ~ '.adj_close') }} - 1 as close_distance_{{ name }},
    {%- for column in longer_timeframe_features() %}
    longer_{{ name }}.{{ column }} as {{ column }}_{{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
    {%- endfor %}
from {{ operators_over(ref('int_timed_bars')) }} as bars
{%- for name in chosen_timeframes() %}
left join {{ ref('int_resampled_features_' ~ name) }} as longer_{{ name }}
    on
        bars.symbol = longer_{{ name }}.symbol
        and {{ last_completed_bar(name) }} = longer_{{ name }}.bar_at
{%- endfor %}
