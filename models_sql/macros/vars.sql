{#
    The only way by which a config value enters SQL. Every var is checked for its type and range before it is
    rendered as a literal; flows.dbt.BuildVars checks the same on the Python side. Never write var() in a model.

    source, dataset, timeframe,   what staging selects
    calendar, source_symbols,     (source_symbols empty: all; start, end null: open)
    start, end
    as_of                         null, or an ISO timestamp (UTC): what was known at that moment
    universe, features, labels    the config groups of these names, whole: universe.symbols is the key symbols of
                                  conf/universe
    strategy.signals              strategy → its parameters, of all whose signals are to be built

    Names are always written out in full ('labels.horizon', parameter_integer('momentum.skip_bars', …)), never put
    together: flows/dbt_state.py reads from the text which models a changed var concerns.
#}

{# The value of a var, or of a key of one: 'timeframe', 'labels.horizon'. #}
{% macro var_value(name) -%}
    {%- set parts = name.split('.') -%}
    {%- set value = var(parts[0]) -%}
    {%- if parts | length == 2 -%}
        {%- if parts[1] not in value -%}
            {{ exceptions.raise_compiler_error("there is no config key " ~ name) }}
        {%- endif -%}
        {%- set value = value[parts[1]] -%}
    {%- endif -%}
    {%- do return(value) -%}
{%- endmacro %}

{# An SQL literal of a str, bool, number or list of these; anything else is refused. #}
{% macro literal(value) -%}
    {%- if value is boolean -%}
        {{ 'true' if value else 'false' }}
    {%- elif value is integer -%}
        {{ value }}
    {%- elif value is float -%}
        {%- if not (value > -1e308 and value < 1e308) -%}
            {{ exceptions.raise_compiler_error("literal() takes finite numbers, was " ~ value) }}
        {%- endif -%}
        cast({{ value }} as double)
    {%- elif value is string -%}
        '{{ value | replace("'", "''") }}'
    {%- elif value is sequence and value is not mapping -%}
        {%- set items = [] -%}
        {%- for item in value %}{% do items.append(literal(item)) %}{% endfor -%}
        [{{ items | join(', ') }}]
    {%- else -%}
        {{ exceptions.raise_compiler_error("literal() takes a string, number, bool or list, was " ~ value) }}
    {%- endif -%}
{%- endmacro %}

{# The one way in which a bad var is refused: names it, its rule and its value. #}
{% macro refuse_var(name, rule, value) -%}
    {{ exceptions.raise_compiler_error("var " ~ name ~ " must be " ~ rule ~ ", was " ~ (value | tojson)) }}
{%- endmacro %}

{# A name of a source or calendar, such as sample, XNYS or 24/7. #}
{% macro var_name(name) -%}
    {%- set value = var_value(name) -%}
    {%- if value is not string or not modules.re.fullmatch('[A-Za-z0-9][A-Za-z0-9 ._/-]{0,63}', value) -%}
        {{ refuse_var(name, "a plain name", value) }}
    {%- endif -%}
    {{ literal(value) }}
{%- endmacro %}

{# One of the allowed strings, bare (for comparisons in Jinja). #}
{% macro var_choice(name, allowed) -%}
    {%- set value = var_value(name) -%}
    {%- if value is not string or value not in allowed -%}
        {{ refuse_var(name, "one of " ~ allowed | join(", "), value) }}
    {%- endif -%}
    {{ value }}
{%- endmacro %}

{% macro var_timeframe() -%}
    {{ literal(var_choice('timeframe', ['1m', '5m', '15m', '30m', '1h', '1d'])) }}
{%- endmacro %}

{# A whole number within bounds, bare. #}
{% macro var_integer(name, low, high) -%}
    {%- set value = var_value(name) -%}
    {%- if value is boolean or value is not integer or value < low or value > high -%}
        {{ refuse_var(name, "a whole number in " ~ low ~ ".." ~ high, value) }}
    {%- endif -%}
    {{ value }}
{%- endmacro %}

{# A list of whole numbers within bounds, each once (to loop over in Jinja). #}
{% macro var_integers(name, low, high) -%}
    {%- set value = var_value(name) -%}
    {%- set rule = "a list of whole numbers in " ~ low ~ ".." ~ high ~ ", none twice" -%}
    {%- if value is string or value is mapping or value is not sequence or not value -%}
        {{ refuse_var(name, rule, value) }}
    {%- endif -%}
    {%- for item in value -%}
        {%- if item is boolean or item is not integer or item < low or item > high or value.count(item) > 1 -%}
            {{ refuse_var(name, rule, value) }}
        {%- endif -%}
    {%- endfor -%}
    {%- do return(value) -%}
{%- endmacro %}

{# A finite number in [low, high), bare: a parameter of an operator. #}
{% macro var_bare_number(name, low, high) -%}
    {%- set value = var_value(name) -%}
    {%- if value is boolean or value is not number or not (value >= low and value < high) -%}
        {{ refuse_var(name, "a number in [" ~ low ~ ", " ~ high ~ ")", value) }}
    {%- endif -%}
    {{ value | float }}
{%- endmacro %}

{# A finite number in [low, high), as a double literal. #}
{% macro var_number(name, low, high) -%}
    cast({{ var_bare_number(name, low, high) }} as double)
{%- endmacro %}

{# A fraction in [0, 1], both ends allowed, as a double literal. #}
{% macro var_fraction(name) -%}
    {%- set value = var_value(name) -%}
    {%- if value is boolean or value is not number or not (value >= 0 and value <= 1) -%}
        {{ refuse_var(name, "a number in [0, 1]", value) }}
    {%- endif -%}
    {{ literal(value | float) }}
{%- endmacro %}

{# Whether a value can be an instrument's symbol: the allow-list of transforms.config.is_symbol. #}
{% macro check_symbol(name, value) -%}
    {%- if value is not string or not modules.re.fullmatch('[A-Za-z0-9][A-Za-z0-9._/=^-]{0,31}', value) -%}
        {{ refuse_var(name, "symbols of letters, digits and . - _ / = ^ (at most 32)", value) }}
    {%- endif -%}
{%- endmacro %}

{# A symbol as a literal; a typed NULL where there is none. #}
{% macro var_symbol_or_null(name) -%}
    {%- set value = var_value(name) -%}
    {%- if value is none -%}
        cast(null as varchar)
    {%- else -%}
        {{- check_symbol(name, value) -}}
        {{ literal(value) }}
    {%- endif -%}
{%- endmacro %}

{# A list of symbols as a VARCHAR[] literal, possibly empty. #}
{% macro var_symbols(name) -%}
    {%- set value = var_value(name) -%}
    {%- if value is string or value is mapping or value is not sequence -%}
        {{ refuse_var(name, "a list of symbols", value) }}
    {%- endif -%}
    {%- for symbol in value %}{{- check_symbol(name, symbol) -}}{% endfor -%}
    cast({{ literal(value) }} as varchar[])
{%- endmacro %}

{#
    A condition that keeps what the source config asked for: its dataset, symbols and sessions. An instrument is
    asked for by any symbol that it trades or traded as.

    symbol: The column of what the instrument is called now; none keeps those of all symbols.
    session: The column of the session's date; none keeps those of all sessions.
#}
{% macro asked_for(symbol, session) -%}
    source.source = {{ var_name('source') }}
        and source.dataset = {{ var_name('dataset') }}
        {%- if symbol and var_value('source_symbols') %}
        and (
            list_contains({{ var_symbols('source_symbols') }}, {{ symbol }})
            or {{ symbol }} in (
                select asked.symbol from {{ ref('stg_raw__ticker_spans') }} as asked
                where list_contains({{ var_symbols('source_symbols') }}, asked.ticker)
            )
        )
        {%- endif %}
        {%- if session and var_value('start') is not none %}
        and {{ session }} >= {{ var_date('start') }}
        {%- endif %}
        {%- if session and var_value('end') is not none %}
        and {{ session }} <= {{ var_date('end') }}
        {%- endif %}
{%- endmacro %}

{# A list of some of the allowed strings, each once, as a Jinja list. #}
{% macro var_choices(name, allowed) -%}
    {%- set value = var_value(name) -%}
    {%- if value is string or value is mapping or value is not sequence or not value -%}
        {{ refuse_var(name, "a list of " ~ allowed | join(", "), value) }}
    {%- endif -%}
    {%- for item in value -%}
        {%- if item not in allowed or value.count(item) > 1 -%}
            {{ refuse_var(name, "some of " ~ allowed | join(", ") ~ ", each once", value) }}
        {%- endif -%}
    {%- endfor -%}
    {%- do return(value) -%}
{%- endmacro %}

{# An ISO date as a date literal. #}
{% macro var_date(name) -%}
    {%- set value = var_value(name) -%}
    {%- if value is not string or not modules.re.fullmatch('[0-9]{4}-[0-9]{2}-[0-9]{2}', value) -%}
        {{ refuse_var(name, "null or an ISO date", value) }}
    {%- endif -%}
    cast({{ literal(value) }} as date)
{%- endmacro %}

{# A condition that keeps what was known at as_of; always true where as_of is null. #}
{% macro known_as_of(column) -%}
    {%- set value = var_value('as_of') -%}
    {%- if value is none -%}
        true
    {%- else -%}
        {%- set pattern = '[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?)?' -%}
        {%- if value is not string or not modules.re.fullmatch(pattern, value) -%}
            {{ refuse_var('as_of', "null or an ISO timestamp in UTC", value) }}
        {%- endif -%}
        {{ column }} <= cast({{ literal(value) }} as timestamp)
    {%- endif -%}
{%- endmacro %}
