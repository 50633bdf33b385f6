{#- A kind of labels is a model intermediate/labels/int_labels_<kind>.sql. -#}
{%- set kind = var_choice(
    'labels.kind', ['forward_return', 'cross_sectional_rank', 'triple_barrier', 'touch_within']
) -%}
with

labels as (

    select * from {{ ref('int_labels_' ~ kind) }}

),

members as (

    -- An open end as a date: with "is null or" the join would compare every bar with every symbol.
    select
        symbol,
        valid_from,
        coalesce(valid_to, cast('infinity' as date)) as ends_before
    from {{ ref('universe') }}
    where is_member

),

-- Of the bars at whose close a symbol could be held; what it is worth after it has left is still its label.
final as (

    select labels.*
    from labels
    inner join members
        on
            labels.symbol = members.symbol
            and labels.session_date >= members.valid_from
            and labels.session_date < members.ends_before

)

select * from final
