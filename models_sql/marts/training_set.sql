with

features as (

    select * from {{ ref('features') }}

),

labels as (

    select * from {{ ref('labels') }}

),

-- The newest bars' labels are still NULL: those rows are what a model is asked to predict. Of the labels' columns
-- only those that every kind has, by name, so that nothing of the future is taken for a feature.
final as (

    select
        features.*,
        labels.label,
        labels.label_value,
        labels.forward_return,
        labels.label_end_at
    from features
    left join labels using (symbol, bar_at)

)

select * from final
