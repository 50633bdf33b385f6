{{ config(materialized='refreshed', changes='session', enabled=trades_strategy('momentum')) }}

with

members as (

    {{ memberships() }}

),

-- Jegadeesh and Titman (1993), Journal of Finance 48: twelve months' winners, without the last month, go on.
ranked as (

    select
        inputs.symbol,
        inputs.bar_at,
        inputs.session_date,
        {{ centred_rank('momentum', 'partition by bar_at') }} as score
    from {{ ref('int_momentum_inputs') }} as inputs
    inner join members
        on
            inputs.symbol = members.symbol
            and inputs.session_date >= members.valid_from
            and inputs.session_date < members.ends_before
    where inputs.momentum is not null

),

final as (

    select
        'momentum' as strategy,
        symbol,
        bar_at,
        session_date,
        score,
        abs(score) as confidence
    from ranked

)

select * from final
