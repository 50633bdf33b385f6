{{ config(materialized='refreshed', enabled='alpha158' in var_value('features.sets')) }}

with

bars as (

    select * from {{ operators_over(ref('int_feature_bars')) }}

),

-- Half the precision of other sets, as in qlib: the formulas are worked out in doubles and then rounded.
final as (

    select
        symbol,
        bar_at,
        session_date
        {%- for column, formula in alpha158().items() %},
        cast({{ formula }} as float) as {{ column }}
        {%- endfor %}
    from bars

)

select * from final
