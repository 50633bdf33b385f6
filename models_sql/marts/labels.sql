{%- set horizon = var_integer('labels.horizon', 1, 2520) | int -%}
{%- set entry = var_choice('labels.entry', ['next_open', 'close']) -%}
{%- set price = 'adj_open' if entry == 'next_open' else 'adj_close' -%}
{%- set entry_offset = 1 if entry == 'next_open' else 0 -%}
{%- set exit_offset = entry_offset + horizon -%}
{%- set dead_band = var_number('labels.dead_band', 0, 1) -%}

with

bars as (

    select * from {{ ref('bars') }}

),

-- Looks ahead on the symbol's whole history: what a member is worth after it has left is still its label.
outcomes as (

    select
        symbol,
        bar_at,
        session_date,
        is_member,
        lead({{ price }}, {{ exit_offset }}) over symbol_bars
        / lead({{ price }}, {{ entry_offset }}) over symbol_bars
        - 1 as forward_return,
        lead(bar_at, {{ exit_offset }}) over symbol_bars as label_end_at
    from bars
    window symbol_bars as (partition by symbol order by bar_at)

),

final as (

    select
        symbol,
        bar_at,
        session_date,
        forward_return,
        cast(
            case
                when forward_return > {{ dead_band }} then 1
                when forward_return < -{{ dead_band }} then 0
            end as double
        ) as label,
        label_end_at
    from outcomes
    where is_member

)

select * from final
order by symbol, bar_at
