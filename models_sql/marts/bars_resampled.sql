{%- for name in longer_timeframes() %}
select * from {{ ref('int_bars_resampled_' ~ name) }}
{{ 'union all' if not loop.last }}
{%- endfor %}
