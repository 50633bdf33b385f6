{{ config(enabled=trades_strategy('pairs')) }}

{%- set rank_by = parameter_choice('pairs.rank_by', ['cointegration', 'correlation']) %}

with

spreads as (

    select
        *,
        cast(date_trunc('month', session_date) as date) as month
    from {{ ref('int_pair_spreads') }}

),

candidates as (

    select
        pair,
        month
    from {{ ref('int_pair_candidates') }}

),

{% if parameter_pairs('pairs.pairs') -%}
chosen as (

    select * from candidates

),

{% else -%}
-- What was known of each candidate at the end of the month before.
known as (

    select
        pair,
        cast(month + interval 1 month as date) as month,
        arg_max(hedge_ratio, bar_at) as hedge_ratio,
        arg_max(dickey_fuller, bar_at) as dickey_fuller,
        arg_max(correlation, bar_at) as correlation
    from spreads
    group by pair, month

),

-- A pair that does not move together is none, and one that is long on both sides hedges nothing.
ranked as (

    select
        pair,
        month,
        row_number() over (
            partition by month
            order by
                {{ 'dickey_fuller' if rank_by == 'cointegration' else 'correlation desc' }},
                pair
        ) as place
    from known
    inner join candidates using (pair, month)
    where
        known.hedge_ratio > 0
        and known.dickey_fuller is not null
        and known.correlation >= {{ parameter_number('pairs.minimum_correlation', -1, 1) }}

),

chosen as (

    select
        pair,
        month
    from ranked
    where place <= {{ parameter_integer('pairs.held_pairs', 1, 1000) }}

),

{% endif -%}
final as (

    select
        spreads.symbol,
        spreads.bar_at,
        spreads.session_date,
        spreads.pair,
        spreads.first_symbol,
        spreads.second_symbol,
        spreads.hedge_ratio,
        spreads.spread_zscore,
        candidates.pair is not null as is_candidate,
        chosen.pair is not null as is_chosen
    from spreads
    left join candidates on spreads.pair = candidates.pair and spreads.month = candidates.month
    left join chosen on spreads.pair = chosen.pair and spreads.month = chosen.month

)

select * from final
