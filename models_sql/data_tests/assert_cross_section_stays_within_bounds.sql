-- Ranks are fractions, a correlation lies between -1 and 1, and who is no member has neither rank, z-score nor
-- winsorised value: otherwise it was compared with the wrong symbols. Which columns there are is configured, so they are
-- found by name.
{{ config(enabled='cross_section' in var_value('features.sets')) }}

with

extremes as (

    select
        symbol,
        bar_at,
        least(*columns('_rank(_20)?$')) as lowest_rank,
        greatest(*columns('_rank(_20)?$')) as highest_rank,
        abs(columns('^correlation_')) as correlation,
        greatest(*columns('_(rank|rank_20|zscore|winsorised)$')) as highest_form
    from {{ ref('int_features_cross_section') }}

)

select
    extremes.*,
    members.is_member
from extremes
inner join {{ ref('int_cross_section_members') }} as members using (symbol, bar_at)
where
    extremes.lowest_rank < 0
    or extremes.highest_rank > 1
    or extremes.correlation > 1
    or (not members.is_member and extremes.highest_form is not null)
