{{ config(materialized='refreshed', changes='all', enabled=trades_strategy('pairs')) }}

{%- set entry = parameter_number('pairs.entry_zscore', 0.01, 20) -%}
{%- set exit = parameter_number('pairs.exit_zscore', 0, 20) -%}
{%- set stop = parameter_number('pairs.stop_zscore', 0.01, 100) -%}
{%- set zscore = 'spread_zscore' -%}

{#- A pair is traded only while it is chosen, and the hedge a hedge. -#}
{%- set is_chosen = 'cast(is_chosen and hedge_ratio > 0 as double)' -%}
{%- set is_gone = '1 - cast(is_chosen and hedge_ratio > 0 as double)' -%}
{%- set enter_long = both(at_least(is_chosen, 1), both(at_most(zscore, -entry), at_least(zscore, -stop))) -%}
{%- set enter_short = both(at_least(is_chosen, 1), both(at_least(zscore, entry), at_most(zscore, stop))) -%}
{%- set leave_long = either(at_least(is_gone, 1), either(at_least(zscore, -exit), below(zscore, -stop))) -%}
{%- set leave_short = either(at_least(is_gone, 1), either(at_most(zscore, exit), above(zscore, stop))) -%}

select
    symbol,
    bar_at,
    session_date,
    pair,
    first_symbol,
    second_symbol,
    hedge_ratio,
    spread_zscore,
    is_candidate,
    {{ latched(enter_long, leave_long) }} - {{ latched(enter_short, leave_short) }} as position
from {{ operators_over(ref('int_pair_choices')) }}
