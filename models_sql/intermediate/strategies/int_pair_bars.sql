{{ config(enabled=strategy_is('pairs')) }}

with

bars as (

    select
        symbol,
        bar_at,
        session_date,
        ln(adj_close) as log_close
    from {{ ref('int_feature_bars') }}

),

pairs as (

    select distinct
        pair,
        first_symbol,
        second_symbol
    from {{ ref('int_pair_candidates') }}

),

-- Bars that both have. A pair takes the place of the symbol, so that operators go along its bars.
final as (

    select
        pairs.pair as symbol,
        first_bars.bar_at,
        first_bars.session_date,
        pairs.first_symbol,
        pairs.second_symbol,
        first_bars.log_close as first_log_close,
        second_bars.log_close as second_log_close
    from pairs
    inner join bars as first_bars on pairs.first_symbol = first_bars.symbol
    inner join bars as second_bars
        on pairs.second_symbol = second_bars.symbol and first_bars.bar_at = second_bars.bar_at

)

select * from final
