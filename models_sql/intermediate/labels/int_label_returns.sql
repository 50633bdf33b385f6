{#- Both the sign and the rank of a return are labels. -#}
{{ config(
    materialized='refreshed',
    may_look_ahead=true,
    enabled=var_value('labels.kind') in ['forward_return', 'cross_sectional_rank']
) }}

{%- set return_kind = var_choice('labels.return_kind', ['raw', 'volatility_scaled', 'excess']) -%}
{%- set horizon = var_integer('labels.horizon', 1, 2520) | int %}

with

bars as (

    select
        symbol,
        bar_at,
        session_date,
        {{ held_return(label_price('adj_open', 'adj_close')) }} as forward_return,
        {%- if return_kind == 'volatility_scaled' %}
        {{ label_volatility() }} as volatility,
        {%- elif return_kind == 'excess' %}
        {{ held_return(label_price('benchmark_open', 'benchmark_close')) }} as benchmark_return,
        {%- endif %}
        {{ bar_of(bars_later(bar_number(), label_delay() + horizon)) }} as exit_bar_at
    from {{ operators_over(ref('int_feature_bars')) }}

),

final as (

    select
        symbol,
        bar_at,
        session_date,
        {%- if return_kind == 'volatility_scaled' %}
        forward_return / nullif(volatility * sqrt({{ horizon }}), 0) as label_value,
        {%- elif return_kind == 'excess' %}
        forward_return - benchmark_return as label_value,
        {%- else %}
        forward_return as label_value,
        {%- endif %}
        forward_return,
        case when forward_return is not null then exit_bar_at end as label_end_at
    from bars

)

select * from final
