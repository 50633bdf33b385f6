-- Every member's bar has one row of features and one of labels, and nothing else has: a join that drops or
-- doubles rows shows here, and so would a feature row after the newest bar.
with

counts as (

    select
        (select count(*) from {{ ref('bars') }} where is_member) as member_bars,
        (select count(*) from {{ ref('features') }}) as features,
        (select count(*) from {{ ref('labels') }}) as labels,
        (select count(*) from {{ ref('features') }} semi join {{ ref('labels') }} using (symbol, bar_at)) as labelled

)

select *
from counts
where features != member_bars or labels != member_bars or labelled != member_bars
