{#
    Formulas of the features. Arguments are column names or expressions of doubles; results are fractions unless
    said otherwise. A quotient whose denominator is zero (no volume, constant prices) is NULL, never inf or NaN.
#}

{% macro ratio(numerator, denominator) -%}
    ({{ numerator }}) / nullif({{ denominator }}, 0)
{%- endmacro %}

{# Where x lies between low and high: 0 at low, 1 at high. #}
{% macro position_between(x, low, high) -%}
    {{ ratio(x ~ ' - ' ~ low, '(' ~ high ~ ' - ' ~ low ~ ')') }}
{%- endmacro %}

{# Annualised standard deviation of log returns over n bars; NULL where prices did not move. #}
{% macro volatility(log_return, n) -%}
    nullif({{ rolling_stddev(log_return, n) }} * sqrt({{ var_integer('periods_per_year', 1, 1000000) }}), 0)
{%- endmacro %}

{# Parkinson (1980), Journal of Business 53: annualised volatility from high and low. #}
{% macro parkinson(high, low, n) -%}
    nullif(sqrt(
        {{ rolling_avg('power(ln(' ~ high ~ ' / ' ~ low ~ '), 2)', n) }}
        / (4 * ln(2)) * {{ var_integer('periods_per_year', 1, 1000000) }}
    ), 0)
{%- endmacro %}

{# Garman and Klass (1980), Journal of Business 53, the practical estimator: annualised volatility. #}
{% macro garman_klass(open, high, low, close, n) -%}
    {%- set term -%}
        0.5 * power(ln({{ high }} / {{ low }}), 2) - (2 * ln(2) - 1) * power(ln({{ close }} / {{ open }}), 2)
    {%- endset -%}
    nullif(sqrt(greatest({{ rolling_avg(term, n) }}, 0) * {{ var_integer('periods_per_year', 1, 1000000) }}), 0)
{%- endmacro %}

{# Money flow index (Quong and Soudack 1989), 0 to 100: share of positive in all money flow over n bars. #}
{% macro money_flow_index(typical_price, typical_price_change, volume, n) -%}
    {%- set flow = typical_price ~ ' * ' ~ volume -%}
    {%- set up -%}
        case when {{ typical_price_change }} > 0 then {{ flow }} when {{ typical_price_change }} <= 0 then 0 end
    {%- endset -%}
    {%- set moved -%}
        case when {{ typical_price_change }} != 0 then {{ flow }} when {{ typical_price_change }} = 0 then 0 end
    {%- endset -%}
    100 * {{ ratio(rolling_sum(up, n), rolling_sum(moved, n)) }}
{%- endmacro %}

{# Amihud (2002), Journal of Financial Markets 5: mean of |log return| per million USD traded. #}
{% macro amihud(log_return, traded_value, n) -%}
    {{ rolling_avg(ratio('1e6 * abs(' ~ log_return ~ ')', traded_value), n) }}
{%- endmacro %}

{# Slope of y on x by least squares over n bars; NULL unless all n have both (the product's sum sees to it). #}
{% macro rolling_beta(y, x, n) -%}
    {{ ratio(
        rolling_sum(x ~ ' * ' ~ y, n) ~ ' - ' ~ rolling_sum(x, n) ~ ' * ' ~ rolling_sum(y, n) ~ ' / ' ~ n,
        '(' ~ rolling_sum(x ~ ' * ' ~ x, n) ~ ' - power(' ~ rolling_sum(x, n) ~ ', 2) / ' ~ n ~ ')'
    ) }}
{%- endmacro %}

{# Position in a cross-section from -1 (lowest) to 1 (highest), symmetric around 0; ties share the middle. #}
{% macro centred_rank(x, partition) -%}
    (rank() over ({{ partition }} order by {{ x }}) - 1) / count(*) over ({{ partition }})
    + cume_dist() over ({{ partition }} order by {{ x }}) - 1
{%- endmacro %}
