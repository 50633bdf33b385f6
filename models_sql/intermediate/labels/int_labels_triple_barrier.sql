{{ config(
    materialized='refreshed',
    may_look_ahead=true,
    enabled=var_value('labels.kind') == 'triple_barrier'
) }}

{%- set on_time_limit = var_choice('labels.on_time_limit', ['sign', 'zero', 'none']) %}
{%- set path = [
    'adj_open', 'adj_high', 'adj_low', 'adj_close', label_volatility(), bar_number(),
    var_integer('labels.horizon', 1, 2520), var_bare_number('labels.profit', 0, 1000),
    var_bare_number('labels.stop', 0, 1000), label_delay(),
] %}

with

touches as (

    select
        symbol,
        bar_at,
        session_date,
        {{ operator('barrier_touched', *path) }} as barrier,
        {{ operator('barrier_return', *path) }} as forward_return,
        {{ bar_of(operator('barrier_end', *path)) }} as label_end_at,
        {{ label_volatility() }} as barrier_volatility
    from {{ operators_over(ref('int_feature_bars')) }}

),

valued as (

    select
        *,
        forward_return / nullif(barrier_volatility, 0) as label_value,
        case barrier
            when 1 then 'profit'
            when -1 then 'stop'
            when 0 then 'time'
        end as touched
    from touches

),

final as (

    select
        symbol,
        bar_at,
        session_date,
        cast(
            case touched
                when 'profit' then 1
                when 'stop' then 0
                {%- if on_time_limit == 'sign' %}
                when 'time' then {{ signed_label('label_value') }}
                {%- elif on_time_limit == 'zero' %}
                when 'time' then 0
                {%- endif %}
            end as double
        ) as label,
        label_value,
        forward_return,
        label_end_at,
        touched,
        label_end_at as touched_at,
        barrier_volatility
    from valued

)

select * from final
