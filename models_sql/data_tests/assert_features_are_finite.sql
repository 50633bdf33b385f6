-- Features are NULL where they are not defined, never NaN or infinite: a booster takes those for ordinary values.
{%- set columns = adapter.get_columns_in_relation(ref('features')) if execute else [] %}

select
    symbol,
    bar_at
from {{ ref('features') }}
where
    false
    {%- for column in columns if column.dtype | lower in ['double', 'float'] %}
    or not isfinite({{ column.name }})
    {%- endfor %}
