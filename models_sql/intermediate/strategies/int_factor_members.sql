{{ config(enabled=trades_strategy('factor_composite')) }}

with

members as (

    {{ memberships() }}

),

final as (

    select inputs.*
    from {{ ref('int_factor_inputs') }} as inputs
    inner join members
        on
            inputs.symbol = members.symbol
            and inputs.session_date >= members.valid_from
            and inputs.session_date < members.ends_before

)

select * from final
