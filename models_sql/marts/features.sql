{#- A set is a model intermediate/features/int_features_<set>.sql. Where two sets have a column of one name, it is one
    formula, and the first set named gives it. #}
{%- set sets = var_choices(
    'features.sets', ['core', 'alpha158', 'timeseries', 'intraday', 'cross_section', 'multi_timeframe']
) -%}
{%- set taken = ['symbol', 'bar_at', 'session_date'] -%}
with

members as (

    -- An open end as a date: with "is null or" the join would compare every bar with every symbol.
    select
        symbol,
        valid_from,
        coalesce(valid_to, cast('infinity' as date)) as ends_before
    from {{ ref('universe') }}
    where is_member

),

{% for set in sets %}
{{ set }} as (

    select * from {{ ref('int_features_' ~ set) }}

),
{% endfor %}
final as (

    select
        {{ sets[0] }}.symbol,
        {{ sets[0] }}.bar_at,
        {{ sets[0] }}.session_date
        {%- for set in sets %}
        {%- for column in (adapter.get_columns_in_relation(builtins.ref('int_features_' ~ set)) if execute else []) %}
        {%- if column.name not in taken %}{% do taken.append(column.name) %},
        {{ set }}.{{ column.name }}
        {%- endif %}
        {%- endfor %}
        {%- endfor %}
    from {{ sets[0] }}
    inner join members
        on
            {{ sets[0] }}.symbol = members.symbol
            and {{ sets[0] }}.session_date >= members.valid_from
            and {{ sets[0] }}.session_date < members.ends_before
    {%- for set in sets[1:] %}
    inner join {{ set }}
        on {{ sets[0] }}.symbol = {{ set }}.symbol and {{ sets[0] }}.bar_at = {{ set }}.bar_at
    {%- endfor %}

)

select * from final
