with

features as (

    select * from {{ ref('features') }}

),

labels as (

    select * from {{ ref('labels') }}

),

-- The newest bars' labels are still NULL: those rows are what a model is asked to predict.
final as (

    select
        features.*,
        labels.forward_return,
        labels.label,
        labels.label_end_at
    from features
    left join labels using (symbol, bar_at)

)

select * from final
