{#
    Fails on rows whose key is incomplete or not unique. One pass over the table for the whole key, where the
    built-in tests would read it once per column.
#}
{% test unique_and_not_null(model, columns) %}

select
    {{ columns | join(', ') }},
    count(*) as occurrences
from {{ model }}
group by {{ columns | join(', ') }}
having
    count(*) > 1
    {%- for column in columns %}
    or {{ column }} is null
    {%- endfor %}

{% endtest %}
