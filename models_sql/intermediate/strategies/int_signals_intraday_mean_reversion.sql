{{ config(materialized='refreshed', enabled=trades_strategy('intraday_mean_reversion')) }}

{%- set entry = parameter_number('intraday_mean_reversion.entry_deviations', 0.01, 20) -%}
{%- set exit = parameter_number('intraday_mean_reversion.exit_deviations', 0, 20) -%}
{%- set stop = parameter_number('intraday_mean_reversion.stop_deviations', 0.01, 100) -%}
{#- What is decided at a bar's end happens in the next bar: the last to be flat in must be one before the close. -#}
{%- set flat_minutes = parameter_integer('intraday_mean_reversion.flat_minutes', 1, 1440) -%}
{%- set flat_minutes = [flat_minutes, timeframe_minutes()] | max -%}

{%- set session = 'case when in_session then epoch(session_open_at) end' -%}
{%- set elapsed = '(epoch(ended_at) - epoch(session_open_at)) / 60' -%}
{%- set remaining = '(epoch(session_close_at) - epoch(ended_at)) / 60' -%}
{%- set typical_price = '(adj_high + adj_low + adj_close) / 3' -%}
{%- set zscore = operator('session_vwap_zscore', session, 'adj_close', typical_price, 'adj_volume') -%}

{%- set is_time = at_least(elapsed, parameter_integer('intraday_mean_reversion.wait_minutes', 0, 1440)) -%}
{%- set is_late = at_most(remaining, flat_minutes) -%}
{%- set enter_long = both(is_time, both(at_most(zscore, -entry), at_least(zscore, -stop))) -%}
{%- set enter_short = both(is_time, both(at_least(zscore, entry), at_most(zscore, stop))) -%}
{%- set leave_long = either(is_late, either(at_least(zscore, -exit), below(zscore, -stop))) -%}
{%- set leave_short = either(is_late, either(at_most(zscore, exit), above(zscore, stop))) -%}

with

measured as (

    select
        symbol,
        bar_at,
        session_date,
        {{ zscore }} as zscore,
        {{ operator('latched_within', session, enter_long, leave_long) }} as long_position,
        {{ operator('latched_within', session, enter_short, leave_short) }} as short_position
    from {{ operators_over(ref('int_timed_bars')) }}

),

final as (

    select
        'intraday_mean_reversion' as strategy,
        symbol,
        bar_at,
        session_date,
        long_position - short_position as score,
        case
            when score != 0 then {{ between_0_and_1('abs(zscore) / ' ~ entry) }}
            else 0
        end as confidence
    from measured

)

select * from final
