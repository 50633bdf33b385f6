{#
    Rolling windows over a symbol's bars; all are NULL until n values are there.

    DuckDB adds doubles along a tree whose shape depends on where a symbol's rows happen to lie: a longer
    history, another symbol or another thread count would change the last bits of old values. Means therefore go
    through DECIMAL(38, 18), whose sums are exact, or, over at most 20 bars, are spelled out from the newest value
    to the oldest: as quick, and one set of lagged columns serves several windows and the deviations from their
    means. Either way a cell depends on its own window alone. Minima and maxima have no such trouble.
#}

{% macro over_last(n) -%}
    over (partition by symbol order by bar_at rows between {{ n - 1 }} preceding and current row)
{%- endmacro %}

{#
    Mean of x over the last n bars. Values are kept to 18 places and must be below 1e20; beyond is NULL.

    known_from: number of the first bar on which x is known, without gaps afterwards. None where x may be NULL on
    any bar: then the mean is NULL unless all n are known, at the price of counting them.
#}
{% macro rolling_avg(x, n, known_from=1) -%}
    case when
        {%- if known_from is none %} count({{ x }}) {{ over_last(n) }} = {{ n }}
        {%- else %} bar_number >= {{ n + known_from - 1 }}
        {%- endif %} then avg(try_cast({{ x }} as decimal(38, 18))) {{ over_last(n) }} end
{%- endmacro %}

{# Sample variance over the last n bars of a return, which is known from its symbol's second bar on. #}
{% macro rolling_return_variance(x, n) -%}
    ({{ rolling_avg(x ~ ' * ' ~ x, n, known_from=2) }} - power({{ rolling_avg(x, n, known_from=2) }}, 2))
    * {{ n }} / {{ n - 1 }}
{%- endmacro %}

{# Lowest or highest (fn: min, max) of a column known on every bar. #}
{% macro rolling_extreme(fn, x, n) -%}
    case when bar_number >= {{ n }} then {{ fn }}({{ x }}) {{ over_last(n) }} end
{%- endmacro %}

{#
    The columns x_1 … x_(n-1): x so many bars ago. Together with x itself they are the window that the macros
    below add up in a fixed order. Needs a window named symbol_bars.
#}
{% macro lagged_columns(x, n) -%}
    {%- for i in range(1, n) %}
        lag({{ x }}, {{ i }}) over symbol_bars as {{ x }}_{{ i }}{% if not loop.last %},{% endif %}
    {%- endfor %}
{%- endmacro %}

{# Mean of x and its lagged columns. Taken as x plus mean distance from x: exactly x where nothing moved. #}
{% macro lagged_mean(x, n) -%}
    {{ x }} + (
        {%- for i in range(1, n) %}{{ ' + ' if not loop.first }}({{ x }}_{{ i }} - {{ x }}){% endfor -%}
    ) / {{ n }}
{%- endmacro %}

{# Sum of squared distances of x and its lagged columns from their mean; exactly 0 where nothing moved. #}
{% macro lagged_square_sum(x, mean, n) -%}
    (
        ({{ x }} - {{ mean }}) * ({{ x }} - {{ mean }})
        {%- for i in range(1, n) %} + ({{ x }}_{{ i }} - {{ mean }}) * ({{ x }}_{{ i }} - {{ mean }}){% endfor -%}
    )
{%- endmacro %}

{# Sum of absolute distances of x and its lagged columns from their mean; exactly 0 where nothing moved. #}
{% macro lagged_absolute_sum(x, mean, n) -%}
    (
        abs({{ x }} - {{ mean }})
        {%- for i in range(1, n) %} + abs({{ x }}_{{ i }} - {{ mean }}){% endfor -%}
    )
{%- endmacro %}
