-- The members that marts.universe has on the day of a rebalance are those that the rebalance decided on: a span that
-- is lost, doubled, or one session off would let a strategy hold a symbol before it was chosen.
{{ config(enabled=var_choice('universe.selection', ['static', 'dynamic']) == 'dynamic') }}

with

decided as (

    select
        rebalance_date,
        symbol
    from {{ ref('universe_rebalances') }}
    where is_member

),

rebalance_dates as (

    select distinct rebalance_date from {{ ref('universe_rebalances') }}

),

held as (

    select
        rebalance_dates.rebalance_date,
        universe.symbol
    from rebalance_dates
    inner join {{ ref('universe') }} as universe
        on
            rebalance_dates.rebalance_date >= universe.valid_from
            and rebalance_dates.rebalance_date < coalesce(universe.valid_to, cast('infinity' as date))
    where universe.is_member

)

select * from (select * from decided except all select * from held)
union all
select * from (select * from held except all select * from decided)
