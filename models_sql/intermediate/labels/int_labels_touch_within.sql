{{ config(
    materialized='refreshed',
    may_look_ahead=true,
    enabled=var_value('labels.kind') == 'touch_within'
) }}

{%- set window = label_window() %}
{%- set path = [
    'adj_open', 'adj_high', 'adj_low', 'adj_close', bar_number(),
    window.bars, window.bar_minutes, var_bare_number('labels.rise', 0, 10), label_delay(),
] %}

with

windows as (

    select
        symbol,
        bar_at,
        session_date,
        {{ operator('touch_reached', *path) }} as reached,
        {{ operator('touch_return', *path) }} as forward_return,
        {{ bar_of(operator('touch_end', *path)) }} as label_end_at,
        {{ operator('touch_max_gain', *path) }} as max_gain,
        {{ operator('touch_min_loss', *path) }} as min_loss,
        {{ operator('touch_time_to_max', *path) }} as time_to_max,
        {{ operator('touch_coverage', *path) }} as coverage
    from {{ operators_over(ref('int_feature_bars')) }}

),

final as (

    select
        symbol,
        bar_at,
        session_date,
        case when coverage >= {{ var_fraction('labels.min_coverage') }} then reached end as label,
        max_gain as label_value,
        forward_return,
        label_end_at,
        max_gain,
        min_loss,
        time_to_max,
        coverage
    from windows

)

select * from final
