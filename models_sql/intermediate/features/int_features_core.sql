{{ config(materialized='refreshed', changes='session', enabled='core' in var_value('features.sets')) }}

with

rolling_indicators as (

    select * from {{ ref('int_rolling_indicators') }}

),

smoothed_indicators as (

    select * from {{ ref('int_smoothed_indicators') }}

),

final as (

    select
        rolling.symbol,
        rolling.bar_at,
        rolling.session_date,
        rolling.return_1,
        rolling.return_5,
        rolling.return_10,
        rolling.return_20,
        rolling.return_60,
        rolling.log_return_1,
        rolling.momentum_12_1,
        rolling.gap,
        rolling.intraday_range,
        rolling.sma_distance_10,
        rolling.sma_distance_20,
        rolling.sma_distance_50,
        rolling.sma_distance_200,
        rolling.volatility_10,
        rolling.volatility_20,
        rolling.volatility_60,
        rolling.parkinson_20,
        rolling.garman_klass_20,
        smoothed.atr_14 / rolling.adj_close * 100 as natr_14,
        smoothed.rsi_14,
        smoothed.macd_hist_12_26_9 / rolling.adj_close as macd_hist_12_26_9_over_close,
        rolling.bbands_percent_b_20_2,
        rolling.bbands_width_20_2,
        rolling.stoch_k_14_3,
        rolling.stoch_d_14_3,
        rolling.willr_14,
        rolling.cci_20,
        rolling.mfi_14,
        rolling.donchian_position_20,
        rolling.high_252_distance,
        rolling.drawdown_252,
        rolling.volume_zscore_20,
        rolling.amihud_20,
        rolling.beta_60,
        rolling.relative_return_20,
        rolling.return_rank_20
    from rolling_indicators as rolling
    inner join smoothed_indicators as smoothed using (symbol, bar_at)


)

select * from final
order by symbol, bar_at
