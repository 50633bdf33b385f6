{# What stands in a cross-section: values of single symbols, to be compared with those of the others on the same bar. #}

{# The configured columns; return_20 is the name of a formula and its window. #}
{% macro cross_section_columns() -%}
    {%- set name = 'features.cross_section_columns' -%}
    {%- set value = var_value('features.cross_section_columns') -%}
    {%- set pattern -%}
        (return|log_dollar_volume|amihud)_[1-9][0-9]{0,3}|volatility_([2-9]|[1-9][0-9]{1,3})|momentum_12_1|residual_momentum
    {%- endset -%}
    {%- if value is string or value is mapping or value is not sequence or not value -%}
        {{ refuse_var(name, "a list of columns", value) }}
    {%- endif -%}
    {%- for item in value -%}
        {%- if item is not string or not modules.re.fullmatch(pattern, item) or value.count(item) > 1 -%}
            {{ refuse_var(name, "columns like return_20, volatility_20, momentum_12_1, none twice", value) }}
        {%- endif -%}
    {%- endfor -%}
    {%- do return(value) -%}
{%- endmacro %}

{# The formula of a column, over operators_over(ref('int_feature_bars')). #}
{% macro cross_section_value(column) -%}
    {%- set kind, n = column.rsplit('_', 1) -%}
    {%- if column == 'momentum_12_1' -%}
        {{ momentum_12_1('adj_close') }}
    {%- elif column == 'residual_momentum' -%}
        {{ residual_momentum('adj_close', 'benchmark_close', var_integer('features.beta_window', 2, 10000) | int) }}
    {%- elif kind == 'return' -%}
        {{ operator('growth', 'adj_close', n) }}
    {%- elif kind == 'volatility' -%}
        {{ realised_volatility('adj_close', n) }}
    {%- elif kind == 'log_dollar_volume' -%}
        ln(nullif({{ operator('rolling_mean', 'traded_value', n) }}, 0))
    {%- elif kind == 'amihud' -%}
        {{ amihud('adj_close', 'traded_value', n) }}
    {%- endif -%}
{%- endmacro %}

{# Twelve months' growth without the last month: Jegadeesh and Titman (1993), Journal of Finance 48. #}
{% macro momentum_12_1(close) -%}
    {{ operator('lagged', close, 21) }} / {{ operator('lagged', close, 252) }} - 1
{%- endmacro %}

{#
    Momentum of what the benchmark does not explain: log returns less beta times the benchmark's, from 251 to 21 bars
    ago, their sum in their sample standard deviations. After Blitz, Huij and Martens (2011), Journal of Empirical
    Finance 18, with beta over the last n bars of each. NULL where the symbol is the benchmark to the last bit.
#}
{% macro residual_momentum(close, benchmark_close, n) -%}
    {%- set growth = operator('log_growth', close, 1) -%}
    {%- set benchmark_growth = operator('log_growth', benchmark_close, 1) -%}
    {%- set beta = operator('rolling_beta', growth, benchmark_growth, n) -%}
    {%- set residual = operator('remainder', growth, beta, benchmark_growth) -%}
    {%- set total = operator('lagged', operator('rolling_sum', residual, 231), 21) -%}
    {%- set deviation = operator('lagged', operator('rolling_std', residual, 231), 21) -%}
    case when {{ deviation }} > 1e-12 then {{ total }} / {{ deviation }} end
{%- endmacro %}

{# A form of a column across the symbols of its bar, over operators_across(…). Only members take part. #}
{% macro cross_section_form(column, form) -%}
    {%- set x = members_only(column) -%}
    {%- if form == 'rank' -%}
        {{ operator('rank_across', x) }}
    {%- elif form == 'zscore' -%}
        {{ operator('zscore_across', x) }}
    {%- elif var_choice('features.winsorise_by', ['deviations', 'quantile']) == 'deviations' -%}
        {{ operator('winsorised_by_deviations', x, var_bare_number('features.winsorise_deviations', 0.1, 100)) }}
    {%- else -%}
        {{ operator('winsorised_by_quantile', x, var_bare_number('features.winsorise_quantile', 0, 0.5)) }}
    {%- endif -%}
{%- endmacro %}

{% macro members_only(column) -%}
    case when is_member then {{ column }} end
{%- endmacro %}
