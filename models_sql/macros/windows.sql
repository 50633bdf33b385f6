{#
    Rolling windows over a symbol's bars. All are NULL until n values are there.

    Sums go through DECIMAL(38, 18), because DuckDB adds doubles along a tree whose shape depends on where a
    symbol's rows happen to lie: a longer history, another symbol or another thread count would change the last
    bits of old values. Sums of decimals are exact, so a cell depends on its window alone. Values must be below
    1e20 and are kept to 18 places; what is beyond is NULL.
#}

{% macro over_last(n) -%}
    over (partition by symbol order by bar_at rows between {{ n - 1 }} preceding and current row)
{%- endmacro %}

{% macro exact(x) -%}
    try_cast({{ x }} as decimal(38, 18))
{%- endmacro %}

{% macro rolling_sum(x, n) -%}
    case when count({{ exact(x) }}) {{ over_last(n) }} = {{ n }}
        then cast(sum({{ exact(x) }}) {{ over_last(n) }} as double) end
{%- endmacro %}

{% macro rolling_avg(x, n) -%}
    {{ rolling_sum(x, n) }} / {{ n }}
{%- endmacro %}

{# Sample standard deviation, from exact sums. For values around zero, such as returns. #}
{% macro rolling_stddev(x, n) -%}
    sqrt(greatest(
        {{ rolling_sum(x ~ ' * ' ~ x, n) }} - power({{ rolling_sum(x, n) }}, 2) / {{ n }}, 0
    ) / {{ n - 1 }})
{%- endmacro %}

{# Lowest or highest (fn: min, max) of a column without NULLs. #}
{% macro rolling_extreme(fn, x, n) -%}
    case when bar_number >= {{ n }} then {{ fn }}({{ x }}) {{ over_last(n) }} end
{%- endmacro %}

{#
    Sum over the last n values of their distance from `mean`, a column of the current row, to the power p (1:
    absolute, 2: squared). Two passes, since sums of squares of levels would cancel; added from the newest value
    to the oldest. Needs a window named symbol_bars.
#}
{% macro rolling_deviation_sum(x, mean, n, p) -%}
    (
        {%- for i in range(n) %}
        {% if not loop.first %}+ {% endif %}
        {%- set distance = 'lag(' ~ x ~ ', ' ~ i ~ ') over symbol_bars - ' ~ mean -%}
        {%- if p == 1 -%}abs({{ distance }}){%- else -%}power({{ distance }}, {{ p }}){%- endif -%}
        {%- endfor %}
    )
{%- endmacro %}
