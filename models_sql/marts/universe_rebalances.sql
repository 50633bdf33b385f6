{%- set enter_rank = var_integer('universe.enter_rank', 1, 100000) -%}
{%- set exit_rank = var_integer('universe.exit_rank', 1, 100000) -%}
{%- set retention = var_integer('universe.retention_months', 0, 120) -%}

with recursive

candidates as (

    select
        *,
        row_number() over (partition by symbol order by rebalance_date) as rebalance_number
    from {{ ref('int_universe_candidates') }}

),

-- From rebalance to rebalance, all symbols side by side. What decides is the rank, the membership before and since
-- when it lasts, so that a symbol's memberships do not depend on those of others.
memberships as (

    select
        symbol,
        rebalance_number,
        rebalance_date,
        cast(null as date) as member_before_since,
        case when dollar_volume_rank <= {{ enter_rank }} then rebalance_date end as member_since
    from candidates
    where rebalance_number = 1

    union all

    select
        now.symbol,
        now.rebalance_number,
        now.rebalance_date,
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
    inner join candidates as now
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
    inner join memberships using (symbol, rebalance_number)

),

final as (

    select
        rebalance_date,
        symbol,
        decided_on,
        dollar_volume,
        price,
        history_bars,
        sessions_absent,
        is_eligible,
        dollar_volume_rank,
        is_member,
        is_member and not was_member as has_entered,
        was_member and not is_member as has_left,
        member_since,
        count(*) filter (where is_member and was_member) over same_day
        / nullif(count(*) filter (where was_member) over same_day, 0) as stability
    from decided
    -- What stopped trading long ago is of no interest any more.
    where is_trading or was_member
    window same_day as (partition by rebalance_date)

)

select * from final
order by rebalance_date, symbol
