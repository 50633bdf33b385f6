{#
    Compiled operators over each symbol's bars: transforms/operators. A model calls them in the select list of

        select symbol, bar_at, operator(ema, adj_close, 12) as ema_12
        from operators_over(ref(int_feature_bars))

    and is materialised as 'refreshed', which supplies their values while the select streams into the table.
    Arguments are columns, row-wise SQL expressions or further calls, then numbers. In the compiled SQL a call reads
    "ema(adj_close, 12)".

    Operators across the symbols of one bar (ranks, z-scores) are called in the same way from operators_across(…), by
    models with changes='session'.
#}

{% macro operator(name) -%}
    {%- set arguments = [] -%}
    {%- for argument in varargs -%}
        {%- set text = (argument | string).strip() -%}
        {#- A call within a call loses its quotes. #}
        {%- if text.startswith('"') and text.endswith('"') -%}
            {%- set text = text[1:-1] -%}
        {%- endif -%}
        {%- if '"' in text -%}
            {{ exceptions.raise_compiler_error("operator " ~ name ~ ": no quotes within the argument " ~ text) }}
        {%- endif -%}
        {%- do arguments.append(text) -%}
    {%- endfor -%}
    "{{ name }}({{ arguments | join(', ') }})"
{%- endmacro %}

{# The relation whose rows the calls of a model are over; (symbol, bar_at) must be its key. #}
{% macro operators_over(relation) -%}
    operators_over({{ relation }})
{%- endmacro %}

{# The same for calls across the symbols of each bar. #}
{% macro operators_across(relation) -%}
    operators_across({{ relation }})
{%- endmacro %}
