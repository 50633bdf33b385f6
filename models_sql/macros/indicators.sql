{#
    Formulas of the features. Arguments are column names or expressions of doubles; results are fractions unless
    said otherwise. A quotient whose denominator is zero (no volume, constant prices) is NULL, never inf or NaN.
#}

{% macro ratio(numerator, denominator) -%}
    {#- In brackets of its own, so that x / x is 1 whatever multiplies it. #}
    (({{ numerator }}) / nullif({{ denominator }}, 0))
{%- endmacro %}

{# Where x lies between low and high: 0 at low, 1 at high. #}
{% macro position_between(x, low, high) -%}
    {{ ratio(x ~ ' - ' ~ low, '(' ~ high ~ ' - ' ~ low ~ ')') }}
{%- endmacro %}

{# From the variance of one bar to the volatility of a year; NULL where prices did not move at all. #}
{% macro annualised(variance) -%}
    nullif(sqrt(greatest({{ variance }}, 0) * {{ var_integer('features.periods_per_year', 1, 1000000) }}), 0)
{%- endmacro %}

{# Annualised volatility from the high-low range: Parkinson (1980), Journal of Business 53. #}
{% macro parkinson(high, low, n) -%}
    {{ annualised(rolling_avg('power(ln(' ~ high ~ ' / ' ~ low ~ '), 2)', n) ~ ' / (4 * ln(2))') }}
{%- endmacro %}

{# Annualised volatility from all four prices: Garman and Klass (1980), Journal of Business 53. #}
{% macro garman_klass(open, high, low, close, n) -%}
    {%- set term -%}
        0.5 * power(ln({{ high }} / {{ low }}), 2) - (2 * ln(2) - 1) * power(ln({{ close }} / {{ open }}), 2)
    {%- endset -%}
    {{ annualised(rolling_avg(term, n)) }}
{%- endmacro %}

{# Money flow index (Quong and Soudack 1989), 0 to 100: positive in all money flow over n bars. #}
{% macro money_flow_index(typical_price, typical_price_change, volume, n) -%}
    {%- set positive -%}
        case when {{ typical_price_change }} > 0 then {{ typical_price }} * {{ volume }} else 0 end
    {%- endset -%}
    {%- set moved -%}
        case when {{ typical_price_change }} != 0 then {{ typical_price }} * {{ volume }} else 0 end
    {%- endset -%}
    100 * {{ ratio(rolling_avg(positive, n, known_from=2), rolling_avg(moved, n, known_from=2)) }}
{%- endmacro %}

{# Illiquidity: mean of |log return| per million USD traded. Amihud (2002), Journal of Financial Markets 5. #}
{% macro amihud(log_return, traded_value, n) -%}
    {{ rolling_avg(ratio('1e6 * abs(' ~ log_return ~ ')', traded_value), n, known_from=none) }}
{%- endmacro %}

{# Slope of y on x by least squares over n bars; NULL unless all n have both (their product's mean sees to it). #}
{% macro rolling_beta(y, x, n) -%}
    {{ ratio(
        rolling_avg(x ~ ' * ' ~ y, n, known_from=none)
        ~ ' - ' ~ rolling_avg(x, n, known_from=2) ~ ' * ' ~ rolling_avg(y, n, known_from=2),
        '(' ~ rolling_avg(x ~ ' * ' ~ x, n, known_from=2) ~ ' - power(' ~ rolling_avg(x, n, known_from=2) ~ ', 2))'
    ) }}
{%- endmacro %}

{# Position in a cross-section from -1 (lowest) to 1 (highest), symmetric around 0; ties share the middle. #}
{% macro centred_rank(x, partition) -%}
    (rank() over ({{ partition }} order by {{ x }}) - 1)
    / count(*) over ({{ partition }} order by {{ x }} rows between unbounded preceding and unbounded following)
    + cume_dist() over ({{ partition }} order by {{ x }}) - 1
{%- endmacro %}
