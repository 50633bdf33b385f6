with

features as (

    select * from {{ ref('features') }}

),

-- Jegadeesh and Titman (1993), Journal of Finance 48: twelve months' winners, without the last month, go on.
ranked as (

    select
        symbol,
        bar_at,
        session_date,
        {{ centred_rank('momentum_12_1', 'partition by bar_at') }} as score
    from features
    where momentum_12_1 is not null

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
