{#
    Pieces that the kinds of labels share. A position is entered at the next bar's open or at this bar's close
    (labels.entry) and left at an open or a close likewise.
#}

{# Bars between the decision's bar and the entry's: 1 at the next open, 0 at this close. #}
{% macro label_delay() -%}
    {%- do return(1 if var_choice('labels.entry', ['next_open', 'close']) == 'next_open' else 0) -%}
{%- endmacro %}

{# One of two columns: the one of opens where positions are entered at opens, else the one of closes. #}
{% macro label_price(open, close) -%}
    {{ open if label_delay() == 1 else close }}
{%- endmacro %}

{# x so many bars later. #}
{% macro bars_later(x, n) -%}
    {{ operator('leading', x, n) if n > 0 else x }}
{%- endmacro %}

{# Return of a price from the entry to the exit a horizon later. #}
{% macro held_return(price) -%}
    {%- set horizon = var_integer('labels.horizon', 1, 2520) | int -%}
    {{ bars_later(price, label_delay() + horizon) }} / nullif({{ bars_later(price, label_delay()) }}, 0) - 1
{%- endmacro %}

{# A bar's start as operators take it (microseconds since 1970), and back. #}
{% macro bar_number() -%}
    epoch_us(bar_at)
{%- endmacro %}

{% macro bar_of(number) -%}
    make_timestamp(cast({{ number }} as bigint))
{%- endmacro %}

{# Sample standard deviation of a bar's log return over the bars so far; the call alone, to be an argument too. #}
{% macro label_volatility() -%}
    {{ operator('rolling_std', operator('log_growth', 'adj_close', 1), var_integer('labels.volatility_bars', 2, 2520)) }}
{%- endmacro %}

{# 1 above the dead band, 0 below it, NULL within. #}
{% macro signed_label(value) -%}
    cast(
        case
            when {{ value }} > {{ var_number('labels.dead_band', 0, 1000) }} then 1
            when {{ value }} < -{{ var_number('labels.dead_band', 0, 1000) }} then 0
        end as double
    )
{%- endmacro %}

{# What touch_within looks at: how many bars, and how many minutes each has (0: the window is counted in bars). #}
{% macro label_window() -%}
    {%- set minutes = var_value('labels.minutes') -%}
    {%- if minutes is none -%}
        {%- do return({'bars': var_integer('labels.horizon', 1, 2520) | int, 'bar_minutes': 0}) -%}
    {%- endif -%}
    {%- set lengths = {'1m': 1, '5m': 5, '15m': 15, '30m': 30, '1h': 60} -%}
    {%- set length = lengths[var_choice('timeframe', lengths | list)] -%}
    {%- set checked = var_integer('labels.minutes', length, 2520 * length) | int -%}
    {%- if checked % length != 0 -%}
        {{ refuse_var('labels.minutes', 'a multiple of ' ~ length, minutes) }}
    {%- endif -%}
    {%- do return({'bars': checked // length, 'bar_minutes': length}) -%}
{%- endmacro %}
