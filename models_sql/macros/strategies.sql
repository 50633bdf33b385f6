{#
    What the models of strategies (intermediate/strategies/int_signals_<name>.sql) share.

    Score: above 0 for a long position, below 0 for a short one, 0 for none, in -1..1; NULL while it is not known, and
    then nothing is held either. Confidence: 0..1. docs/strategies.md says how the portfolio reads them.
#}

{# Strategy → its parameters, of those whose signals are to be built; none where only predictions are traded. #}
{% macro traded_strategies() -%}
    {%- set value = var_value('strategy.signals') -%}
    {%- if value is not mapping -%}
        {{ refuse_var('strategy.signals', "strategies with their parameters", value) }}
    {%- endif -%}
    {%- do return(value) -%}
{%- endmacro %}

{# Whether a strategy's signals are to be built. #}
{% macro trades_strategy(name) -%}
    {%- do return(name in traded_strategies()) -%}
{%- endmacro %}

{#
    A parameter, by the names of its strategy and its own ('momentum.lookback_bars'); NULL where there is none. The
    macros below check it. While dbt parses it renders the models of all strategies, those that are not traded too,
    whose parameters there are not: then what does not fit is taken for an assumed value, and refused only when a
    model is built.
#}
{% macro parameter_value(name) -%}
    {%- set strategy, parameter = name.split('.') -%}
    {%- do return(traded_strategies().get(strategy, {}).get(parameter)) -%}
{%- endmacro %}

{% macro refuse_parameter(name, rule, value, assumed) -%}
    {%- if execute -%}
        {{ refuse_var('strategy.signals.' ~ name, rule, value) }}
    {%- endif -%}
    {%- do return(assumed) -%}
{%- endmacro %}

{# A whole number within bounds, both ends allowed. #}
{% macro parameter_integer(name, low, high) -%}
    {%- set value = parameter_value(name) -%}
    {%- if value is boolean or value is not integer or value < low or value > high -%}
        {%- do return(refuse_parameter(name, "a whole number in " ~ low ~ ".." ~ high, value, low)) -%}
    {%- endif -%}
    {%- do return(value) -%}
{%- endmacro %}

{# A number within bounds, both ends allowed. #}
{% macro parameter_number(name, low, high) -%}
    {%- set value = parameter_value(name) -%}
    {%- if value is boolean or value is not number or not (value >= low and value <= high) -%}
        {%- do return(refuse_parameter(name, "a number in " ~ low ~ ".." ~ high, value, low | float)) -%}
    {%- endif -%}
    {%- do return(value | float) -%}
{%- endmacro %}

{# One of the allowed strings. #}
{% macro parameter_choice(name, allowed) -%}
    {%- set value = parameter_value(name) -%}
    {%- if value is not string or value not in allowed -%}
        {%- do return(refuse_parameter(name, "one of " ~ allowed | join(", "), value, allowed[0])) -%}
    {%- endif -%}
    {%- do return(value) -%}
{%- endmacro %}

{# A list of some of the allowed strings, each once. #}
{% macro parameter_choices(name, allowed) -%}
    {%- set value = parameter_value(name) -%}
    {%- set is_list = value is not string and value is not mapping and value is sequence and value | length > 0 -%}
    {%- set odd = [] -%}
    {%- for item in (value if is_list else []) if item not in allowed or value.count(item) > 1 -%}
        {%- do odd.append(item) -%}
    {%- endfor -%}
    {%- if odd or not is_list -%}
        {%- set rule = "some of " ~ allowed | join(", ") ~ ", each once" -%}
        {%- do return(refuse_parameter(name, rule, value, [allowed[0]])) -%}
    {%- endif -%}
    {%- do return(value) -%}
{%- endmacro %}

{# Pairs of symbols, given as FIRST:SECOND, as a list of [first, second]; may be empty. #}
{% macro parameter_pairs(name) -%}
    {%- set value = parameter_value(name) -%}
    {%- set symbol = '[A-Za-z0-9][A-Za-z0-9._/=^-]{0,31}' -%}
    {%- set pairs, odd = [], [] -%}
    {%- set is_list = value is not string and value is not mapping and value is sequence -%}
    {%- for item in (value if is_list else []) -%}
        {%- set legs = (item | string).split(':') -%}
        {%- if not modules.re.fullmatch(symbol ~ ':' ~ symbol, item | string) or legs[0] == legs[1] -%}
            {%- do odd.append(item) -%}
        {%- endif -%}
        {%- do pairs.append(legs) -%}
    {%- endfor -%}
    {%- if odd or not is_list -%}
        {%- do return(refuse_parameter(name, "a list of pairs of different symbols, FIRST:SECOND", value, [])) -%}
    {%- endif -%}
    {%- do return(pairs) -%}
{%- endmacro %}

{# Refuse parameters that no model of the project reads: a misspelt one must not go unheard. #}
{% macro check_parameters_are_read() -%}
    {%- if execute -%}
        {%- set sql = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model')
            | map(attribute='raw_code') | join(' ') -%}
        {%- for strategy, parameters in traded_strategies().items() -%}
            {%- for parameter, value in parameters.items() -%}
                {%- set name = strategy ~ '.' ~ parameter -%}
                {%- if not modules.re.search("parameter_[a-z]+\\(\\s*'" ~ modules.re.escape(name) ~ "'", sql) -%}
                    {{ refuse_var('strategy.signals.' ~ name, "a parameter that the SQL of " ~ strategy ~ " reads", value) }}
                {%- endif -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{# The universe's memberships, with an end even where they are open: "is null or" would make a slow join. #}
{% macro memberships() -%}
select
        symbol,
        valid_from,
        coalesce(valid_to, cast('infinity' as date)) as ends_before
    from {{ ref('universe') }}
    where is_member
{%- endmacro %}

{# Between 0 and 1, and 0 where it is not known: a confidence. #}
{% macro between_0_and_1(x) -%}
    greatest(0, least(1, coalesce({{ x }}, 0)))
{%- endmacro %}

{# ---- rules: operators of transforms/operators/conditions.py and positions.py ---- #}

{# Whether x is above y. #}
{% macro above(x, y) -%}
    {{ operator('above', x, y) }}
{%- endmacro %}

{# Whether x is below y. #}
{% macro below(x, y) -%}
    {{ operator('below', x, y) }}
{%- endmacro %}

{# Whether x is a number or above it. #}
{% macro at_least(x, level) -%}
    {{ operator('at_least', x, level) }}
{%- endmacro %}

{# Whether x is a number or below it. #}
{% macro at_most(x, level) -%}
    {{ operator('at_most', x, level) }}
{%- endmacro %}

{# Whether two conditions hold. #}
{% macro both(first, second) -%}
    {{ operator('both', first, second) }}
{%- endmacro %}

{# Whether one of two conditions holds. #}
{% macro either(first, second) -%}
    {{ operator('either', first, second) }}
{%- endmacro %}

{# Whether x is above y now and was not on the bar before. #}
{% macro crossed_above(x, y) -%}
    {{ operator('crossed_above', x, y) }}
{%- endmacro %}

{# Whether x is below y now and was not on the bar before. #}
{% macro crossed_below(x, y) -%}
    {{ operator('crossed_below', x, y) }}
{%- endmacro %}

{# 1 from the bar on which enter holds until the one on which leave does, else 0. #}
{% macro latched(enter, leave) -%}
    {{ operator('latched', enter, leave) }}
{%- endmacro %}
