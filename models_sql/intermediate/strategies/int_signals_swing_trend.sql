{{ config(materialized='refreshed', enabled=trades_strategy('swing_trend')) }}

{%- set stop_atr = parameter_number('swing_trend.stop_atr', 0.1, 100) -%}
{%- set fast = ema('adj_close', parameter_integer('swing_trend.fast_bars', 1, 1000)) -%}
{%- set slow = ema('adj_close', parameter_integer('swing_trend.slow_bars', 2, 2520)) -%}
{%- set range = atr('adj_high', 'adj_low', 'adj_close', parameter_integer('swing_trend.atr_bars', 1, 500)) -%}

{%- if parameter_choice('swing_trend.entry', ['cross', 'pullback']) == 'cross' -%}
    {%- set enter_long, enter_short = crossed_above(fast, slow), crossed_below(fast, slow) -%}
{%- else -%}
    {%- set enter_long = both(above(fast, slow), crossed_above('adj_close', fast)) -%}
    {%- set enter_short = both(below(fast, slow), crossed_below('adj_close', fast)) -%}
{%- endif -%}

{#- Enter, leave, price, unit, units from the price to the stop: a short position is a long one of the price below 0. -#}
{%- set long_rules = [enter_long, below(fast, slow), 'adj_close', range, stop_atr] -%}
{%- set short_rules = [enter_short, above(fast, slow), '-adj_close', range, stop_atr] -%}

with

trends as (

    select
        symbol,
        bar_at,
        session_date,
        adj_close,
        {{ fast }} as fast,
        {{ slow }} as slow,
        {{ stop_atr }} * {{ range }} as stop_distance,
        {{ operator('trailed', *long_rules) }} as long_position,
        {{ operator('trailed', *short_rules) }} as short_position,
        {{ operator('trailing_stop', *long_rules) }} as long_stop,
        {{ operator('trailing_stop', *short_rules) }} as short_stop
    from {{ operators_over(ref('int_feature_bars')) }}

),

-- How far the close is from the stop.
final as (

    select
        'swing_trend' as strategy,
        symbol,
        bar_at,
        session_date,
        case
            when fast is not null and slow is not null and stop_distance is not null
                then long_position - short_position
        end as score,
        case
            when score > 0 then {{ between_0_and_1(ratio('adj_close - long_stop', 'stop_distance')) }}
            when score < 0 then {{ between_0_and_1(ratio('-adj_close - short_stop', 'stop_distance')) }}
            else 0
        end as confidence
    from trends

)

select * from final
