{{ config(enabled=var_choice('universe.selection', ['static', 'dynamic']) == 'dynamic') }}
{%- set enter_rank = var_integer('universe.enter_rank', 1, 100000) -%}
{%- set exit_rank = var_integer('universe.exit_rank', 1, 100000) -%}
{%- set retention = var_integer('universe.retention_months', 0, 120) -%}

with recursive

candidates as (

    select * from {{ ref('int_universe_candidates') }}

),

first_entries as (

    select
        symbol,
        min(rebalance_number) as rebalance_number
    from candidates
    where dollar_volume_rank <= {{ enter_rank }}
    group by symbol

),

contenders as (

    select
        symbol,
        rebalance_number,
        rebalance_date,
        is_trading,
        dollar_volume_rank
    from candidates
    where symbol in (select symbol from first_entries)

),

-- From one rebalance to the next, all symbols side by side, each from the one before its first entry. What decides is
-- the symbol's own rank, and since when it is a member if it is one: memberships of others do not matter.
memberships as (

    select
        symbol,
        rebalance_number - 1 as rebalance_number,
        cast(null as date) as member_before_since,
        cast(null as date) as member_since
    from first_entries

    union all

    select
        now.symbol,
        now.rebalance_number,
        before.member_since as member_before_since,
        case
            when not now.is_trading
                then null
            when before.member_since is null
                then case when now.dollar_volume_rank <= {{ enter_rank }} then now.rebalance_date end
            when
                now.dollar_volume_rank <= {{ exit_rank }}
                or date_diff('month', before.member_since, now.rebalance_date) < {{ retention }}
                then before.member_since
        end as member_since
    from memberships as before
    inner join contenders as now
        on
            before.symbol = now.symbol
            and before.rebalance_number + 1 = now.rebalance_number

),

decided as (

    select
        candidates.*,
        memberships.member_since,
        memberships.member_since is not null as is_member,
        memberships.member_before_since is not null as was_member
    from candidates
    left join memberships using (symbol, rebalance_number)

),

kept as (

    select
        rebalance_date,
        count(*) filter (where is_member and was_member) / nullif(count(*) filter (where was_member), 0) as stability
    from decided
    group by rebalance_date

),

final as (

    select
        decided.rebalance_date,
        decided.symbol,
        decided.decided_on,
        decided.dollar_volume,
        decided.price,
        decided.history_bars,
        decided.sessions_absent,
        decided.is_eligible,
        decided.dollar_volume_rank,
        decided.is_member,
        decided.is_member and not decided.was_member as has_entered,
        decided.was_member and not decided.is_member as has_left,
        decided.member_since,
        kept.stability
    from decided
    inner join kept using (rebalance_date)
    -- What stopped trading long ago is of no interest any more.
    where decided.is_trading or decided.was_member

)

select * from final
order by rebalance_date, symbol
