{#- A strategy is a model int_signals_<name>.sql, found by its name: strategy=<name> with scores: signals. -#}
{%- set strategies = traded_strategies() | sort -%}
{%- if strategies %}
{{- check_parameters_are_read() -}}

with

members as (

    {{ memberships() }}

),

signals as (

    {%- for strategy in strategies %}
    select * from {{ ref('int_signals_' ~ strategy) }}
    {{- ' union all by name' if not loop.last }}
    {%- endfor %}

),

final as (

    select
        signals.strategy,
        signals.symbol,
        signals.bar_at,
        signals.session_date,
        signals.score,
        signals.confidence
    from signals
    inner join members
        on
            signals.symbol = members.symbol
            and signals.session_date >= members.valid_from
            and signals.session_date < members.ends_before
    where signals.score is not null

)

select * from final
{%- else -%}
-- Scores are the model's predictions.
select
    cast(null as varchar) as strategy,
    cast(null as varchar) as symbol,
    cast(null as timestamp) as bar_at,
    cast(null as date) as session_date,
    cast(null as double) as score,
    cast(null as double) as confidence
where false
{%- endif %}
