{{ config(materialized='refreshed', enabled=trades_strategy('trend_breakout')) }}

{%- set entry_bars = parameter_integer('trend_breakout.entry_bars', 2, 1000) -%}
{%- set exit_bars = parameter_integer('trend_breakout.exit_bars', 1, 1000) -%}
{%- set average_bars = parameter_integer('trend_breakout.average_bars', 0, 1000) -%}

{#- The channels of the bars before: a close beyond its own bar's channel there cannot be. -#}
{%- set entry_high = operator('lagged', operator('rolling_max', 'adj_high', entry_bars), 1) -%}
{%- set entry_low = operator('lagged', operator('rolling_min', 'adj_low', entry_bars), 1) -%}
{%- set exit_high = operator('lagged', operator('rolling_max', 'adj_high', exit_bars), 1) -%}
{%- set exit_low = operator('lagged', operator('rolling_min', 'adj_low', exit_bars), 1) -%}

{%- set enter_long, enter_short = above('adj_close', entry_high), below('adj_close', entry_low) -%}
{%- set average = sma('adj_close', average_bars) if average_bars else none -%}
{%- if average -%}
    {%- set enter_long = both(enter_long, above('adj_close', average)) -%}
    {%- set enter_short = both(enter_short, below('adj_close', average)) -%}
{%- endif -%}

with

-- The exit channel is no wider than the entry channel, so that nothing is long and short at once.
channels as (

    select
        symbol,
        bar_at,
        session_date,
        adj_close,
        {{ entry_high }} as entry_high,
        {{ entry_low }} as entry_low,
        {{ exit_high }} as exit_high,
        {{ exit_low }} as exit_low,
        {{ average or 'adj_close' }} as average,
        {{ latched(enter_long, below('adj_close', exit_low)) }} as long_position,
        {{ latched(enter_short, above('adj_close', exit_high)) }} as short_position
    from {{ operators_over(ref('int_feature_bars')) }}

),

-- How far the close is from where the position ends, between there and where it would begin.
final as (

    select
        'trend_breakout' as strategy,
        symbol,
        bar_at,
        session_date,
        case
            when entry_high is not null and entry_low is not null and average is not null
                then long_position - short_position
        end as score,
        case
            when score > 0 then {{ between_0_and_1(ratio('adj_close - exit_low', 'entry_high - exit_low')) }}
            when score < 0 then {{ between_0_and_1(ratio('exit_high - adj_close', 'exit_high - entry_low')) }}
            else 0
        end as confidence
    from channels

)

select * from final
