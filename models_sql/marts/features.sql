with

rolling_indicators as (

    select * from {{ ref('int_rolling_indicators') }}

),

smoothed_indicators as (

    select * from {{ ref('int_smoothed_indicators') }}

),

universe as (

    select * from {{ ref('int_universe_members') }}

),

members as (

    select rolling_indicators.*
    from rolling_indicators
    inner join universe
        on
            rolling_indicators.symbol = universe.symbol
            and rolling_indicators.session_date >= universe.valid_from
            and (universe.valid_to is null or rolling_indicators.session_date < universe.valid_to)
    where universe.is_member

),

-- A rank needs somebody to be compared with.
ranked as (

    select
        *,
        case when return_20 is not null and count(return_20) over (partition by bar_at) > 1
            then percent_rank() over (partition by bar_at, return_20 is null order by return_20)
        end as return_rank_20
    from members

),

final as (

    select
        ranked.symbol,
        ranked.bar_at,
        ranked.session_date,
        ranked.return_1,
        ranked.return_5,
        ranked.return_10,
        ranked.return_20,
        ranked.return_60,
        ranked.log_return_1,
        ranked.momentum_12_1,
        ranked.gap,
        ranked.intraday_range,
        ranked.sma_distance_10,
        ranked.sma_distance_20,
        ranked.sma_distance_50,
        ranked.sma_distance_200,
        ranked.volatility_10,
        ranked.volatility_20,
        ranked.volatility_60,
        ranked.parkinson_20,
        ranked.garman_klass_20,
        smoothed_indicators.natr_14,
        smoothed_indicators.rsi_14,
        smoothed_indicators.macd_hist_12_26_9_over_close,
        ranked.bbands_percent_b_20_2,
        ranked.bbands_width_20_2,
        ranked.stoch_k_14_3,
        ranked.stoch_d_14_3,
        ranked.willr_14,
        ranked.cci_20,
        ranked.mfi_14,
        ranked.donchian_position_20,
        ranked.high_252_distance,
        ranked.drawdown_252,
        ranked.volume_zscore_20,
        ranked.amihud_20,
        ranked.beta_60,
        ranked.relative_return_20,
        ranked.return_rank_20
    from ranked
    inner join smoothed_indicators using (symbol, bar_at)

)

select * from final
order by symbol, bar_at
