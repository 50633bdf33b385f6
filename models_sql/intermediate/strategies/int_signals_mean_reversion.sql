{{ config(materialized='refreshed', enabled=trades_strategy('mean_reversion')) }}

{%- set average_bars = parameter_integer('mean_reversion.average_bars', 0, 1000) -%}
{%- set entry_zscore = parameter_number('mean_reversion.entry_zscore', 0.01, 20) -%}
{%- set exit_zscore = parameter_number('mean_reversion.exit_zscore', 0, 20) -%}
{%- set stop_zscore = parameter_number('mean_reversion.stop_zscore', 0.01, 100) -%}
{%- set oversold = parameter_number('mean_reversion.oversold', 0, 50) -%}

{%- set zscore = operator('rolling_zscore', 'adj_close', parameter_integer('mean_reversion.zscore_bars', 2, 1000)) -%}
{%- set strength = rsi('adj_close', parameter_integer('mean_reversion.rsi_bars', 2, 500)) -%}

{%- set is_cheap = both(at_most(zscore, -entry_zscore), at_most(strength, oversold)) -%}
{%- set is_dear = both(at_least(zscore, entry_zscore), at_least(strength, 100 - oversold)) -%}
{%- set enter_long = both(is_cheap, at_least(zscore, -stop_zscore)) -%}
{%- set enter_short = both(is_dear, at_most(zscore, stop_zscore)) -%}
{%- set average = sma('adj_close', average_bars) if average_bars else none -%}
{%- if average -%}
    {%- set enter_long = both(enter_long, above('adj_close', average)) -%}
    {%- set enter_short = both(enter_short, below('adj_close', average)) -%}
{%- endif -%}
{%- set leave_long = either(at_least(zscore, -exit_zscore), below(zscore, -stop_zscore)) -%}
{%- set leave_short = either(at_most(zscore, exit_zscore), above(zscore, stop_zscore)) -%}

with

measured as (

    select
        symbol,
        bar_at,
        session_date,
        {{ zscore }} as zscore,
        {{ strength }} as strength,
        {{ average or 'adj_close' }} as average,
        {{ latched(enter_long, leave_long) }} as long_position,
        {{ latched(enter_short, leave_short) }} as short_position
    from {{ operators_over(ref('int_feature_bars')) }}

),

final as (

    select
        'mean_reversion' as strategy,
        symbol,
        bar_at,
        session_date,
        case
            when zscore is not null and strength is not null and average is not null
                then long_position - short_position
        end as score,
        case
            when score != 0 then {{ between_0_and_1('abs(zscore) / ' ~ entry_zscore) }}
            else 0
        end as confidence
    from measured

)

select * from final
