{#- A rank changes when another symbol's exit becomes known, so it is made anew from the returns each time. -#}
{{ config(
    materialized='refreshed',
    changes='all',
    enabled=var_value('labels.kind') == 'cross_sectional_rank'
) }}

{%- set fraction = var_fraction('labels.fraction') %}

with

members as (

    select
        symbol,
        valid_from,
        coalesce(valid_to, cast('infinity' as date)) as ends_before
    from {{ ref('universe') }}
    where is_member

),

-- Who could be held at the decision is ranked, whether or not it still could be at the exit.
candidates as (

    select
        returns.symbol,
        returns.bar_at,
        returns.session_date,
        returns.label_value as ranked_value,
        returns.forward_return,
        returns.label_end_at
    from {{ ref('int_label_returns') }} as returns
    inner join members
        on
            returns.symbol = members.symbol
            and returns.session_date >= members.valid_from
            and returns.session_date < members.ends_before

),

-- Values that are not known (yet) come last either way, and so are neither below nor above another. A rank is
-- known once the last of the ranked returns is: exits differ where a symbol lacks bars.
ranked as (

    select
        *,
        rank() over (partition by bar_at order by ranked_value nulls last) - 1 as members_below,
        rank() over (partition by bar_at order by ranked_value desc nulls last) - 1 as members_above,
        count(ranked_value) over (partition by bar_at) as members_ranked,
        max(case when ranked_value is not null then label_end_at end) over (partition by bar_at) as ranks_end_at
    from candidates

),

-- Equals share the middle of their places, so that as many count as best as count as worst.
placed as (

    select
        *,
        case when ranked_value is not null then (members_ranked + members_below - members_above) / 2 end
            as places_from_below,
        case when ranked_value is not null then (members_ranked + members_above - members_below) / 2 end
            as places_from_above
    from ranked

),

final as (

    select
        symbol,
        bar_at,
        session_date,
        cast(
            case
                when places_from_above < members_ranked * {{ fraction }} then 1
                when places_from_below < members_ranked * {{ fraction }} then 0
            end as double
        ) as label,
        (places_from_below - places_from_above) / members_ranked as label_value,
        forward_return,
        case when ranked_value is not null then ranks_end_at else label_end_at end as label_end_at,
        members_ranked
    from placed

)

select * from final
