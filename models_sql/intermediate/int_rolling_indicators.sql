with

bar_returns as (

    select * from {{ ref('int_bar_returns') }}

),

windowed as (

    select
        symbol,
        bar_at,
        session_date,
        is_member,
        adj_close,
        adj_volume,
        typical_price,
        return_1,
        return_5,
        return_10,
        return_20,
        return_60,
        log_return,
        momentum_12_1,
        gap,
        (adj_high - adj_low) / adj_close as intraday_range,
        {%- for n in [50, 200] %}
        adj_close / {{ rolling_avg('adj_close', n) }} - 1 as sma_distance_{{ n }},
        {%- endfor %}
        {{ annualised(rolling_return_variance('log_return', 60)) }} as volatility_60,
        {{ parkinson('adj_high', 'adj_low', 20) }} as parkinson_20,
        {{ garman_klass('adj_open', 'adj_high', 'adj_low', 'adj_close', 20) }} as garman_klass_20,
        willr_14,
        {{ money_flow_index('typical_price', 'typical_price_change', 'adj_volume', 14) }} as mfi_14,
        donchian_position_20,
        high_252_distance,
        drawdown_252,
        {{ amihud('log_return', 'traded_value', 20) }} as amihud_20,
        {{ rolling_beta('log_return', 'benchmark_log_return', 60) }} as beta_60,
        relative_return_20,
        return_rank_20,
        stoch_raw_14,
        {{ lagged_columns('stoch_raw_14', 5) }},
        {{ lagged_columns('log_return', 20) }},
        {{ lagged_columns('adj_close', 20) }},
        {{ lagged_columns('adj_volume', 20) }},
        {{ lagged_columns('typical_price', 20) }}
    from bar_returns
    window symbol_bars as (partition by symbol order by bar_at)

),

centred as (

    select
        *,
        {{ lagged_mean('log_return', 10) }} as log_return_mean_10,
        {{ lagged_mean('log_return', 20) }} as log_return_mean_20,
        {{ lagged_mean('adj_close', 10) }} as adj_close_mean_10,
        {{ lagged_mean('adj_close', 20) }} as adj_close_mean_20,
        {{ lagged_mean('adj_volume', 20) }} as adj_volume_mean_20,
        {{ lagged_mean('typical_price', 20) }} as typical_price_mean_20
    from windowed

),

deviated as (

    select
        *,
        {{ lagged_square_sum('log_return', 'log_return_mean_10', 10) }} / 9 as log_return_variance_10,
        {{ lagged_square_sum('log_return', 'log_return_mean_20', 20) }} / 19 as log_return_variance_20,
        sqrt({{ lagged_square_sum('adj_close', 'adj_close_mean_20', 20) }} / 20) as close_stddev,
        sqrt({{ lagged_square_sum('adj_volume', 'adj_volume_mean_20', 20) }} / 19) as volume_stddev,
        {{ lagged_absolute_sum('typical_price', 'typical_price_mean_20', 20) }} / 20 as typical_price_deviation
    from centred

),

final as (

    select
        symbol,
        bar_at,
        session_date,
        is_member,
        adj_close,
        return_1,
        return_5,
        return_10,
        return_20,
        return_60,
        log_return as log_return_1,
        momentum_12_1,
        gap,
        intraday_range,
        adj_close / adj_close_mean_10 - 1 as sma_distance_10,
        adj_close / adj_close_mean_20 - 1 as sma_distance_20,
        sma_distance_50,
        sma_distance_200,
        {{ annualised('log_return_variance_10') }} as volatility_10,
        {{ annualised('log_return_variance_20') }} as volatility_20,
        volatility_60,
        parkinson_20,
        garman_klass_20,
        0.5 + {{ ratio('adj_close - adj_close_mean_20', '(4 * close_stddev)') }} as bbands_percent_b_20_2,
        nullif(4 * close_stddev / adj_close_mean_20, 0) as bbands_width_20_2,
        -- The slow stochastic: a mean over three bars, and that mean's mean over three bars.
        (stoch_raw_14 + stoch_raw_14_1 + stoch_raw_14_2) / 3 as stoch_k_14_3,
        (
            stoch_raw_14 + 2 * stoch_raw_14_1 + 3 * stoch_raw_14_2 + 2 * stoch_raw_14_3 + stoch_raw_14_4
        ) / 9 as stoch_d_14_3,
        willr_14,
        {{ ratio('typical_price - typical_price_mean_20', '(0.015 * typical_price_deviation)') }} as cci_20,
        mfi_14,
        donchian_position_20,
        high_252_distance,
        drawdown_252,
        {{ ratio('adj_volume - adj_volume_mean_20', 'volume_stddev') }} as volume_zscore_20,
        amihud_20,
        beta_60,
        relative_return_20,
        return_rank_20
    from deviated

)

select * from final
