{{ config(enabled='cross_section' in var_value('features.sets')) }}

with

members as (

    -- An open end as a date: with "is null or" the join would compare every bar with every symbol.
    select
        symbol,
        valid_from,
        coalesce(valid_to, cast('infinity' as date)) as ends_before
    from {{ ref('universe') }}
    where is_member

),

final as (

    select
        inputs.*,
        members.symbol is not null as is_member
    from {{ ref('int_cross_section_inputs') }} as inputs
    left join members
        on
            inputs.symbol = members.symbol
            and inputs.session_date >= members.valid_from
            and inputs.session_date < members.ends_before

)

select * from final
