{# Fails on values outside [low, high] and on NaN; NULL passes. #}
{% test in_range(model, column_name, low, high) %}

select {{ column_name }}
from {{ model }}
where not {{ column_name }} between {{ literal(low) }} and {{ literal(high) }}

{% endtest %}
