{{ config(materialized='refreshed', changes='all', enabled=trades_strategy('pairs')) }}

{%- set pairs = parameter_pairs('pairs.pairs') -%}

with

{% if pairs -%}
-- The configured pairs, in every month that has a bar.
months as (

    select distinct cast(date_trunc('month', session_date) as date) as month
    from {{ ref('int_feature_bars') }}

),

final as (

    select
        legs[1] || ':' || legs[2] as pair,
        legs[1] as first_symbol,
        legs[2] as second_symbol,
        months.month
    from (select unnest({{ literal(pairs) }}) as legs) as named
    cross join months

)

{%- else -%}
members as (

    {{ memberships() }}

),

-- A month's candidates are known at the end of the month before.
known as (

    select
        liquidity.symbol,
        cast(date_trunc('month', liquidity.session_date) + interval 1 month as date) as month,
        arg_max(liquidity.mean_traded_value, liquidity.bar_at) as mean_traded_value,
        max(liquidity.session_date) as session_date
    from {{ ref('int_pair_liquidity') }} as liquidity
    group by liquidity.symbol, date_trunc('month', liquidity.session_date)

),

ranked as (

    select
        known.symbol,
        known.month,
        row_number() over (partition by known.month order by known.mean_traded_value desc, known.symbol) as place
    from known
    inner join members
        on
            known.symbol = members.symbol
            and known.session_date >= members.valid_from
            and known.session_date < members.ends_before
    where known.mean_traded_value is not null

),

candidates as (

    select *
    from ranked
    where place <= {{ parameter_integer('pairs.candidates', 2, 100) }}

),

final as (

    select
        first.symbol || ':' || second.symbol as pair,
        first.symbol as first_symbol,
        second.symbol as second_symbol,
        first.month
    from candidates as first
    inner join candidates as second
        on first.month = second.month and first.symbol < second.symbol

)

{%- endif %}

select * from final
order by pair, month
