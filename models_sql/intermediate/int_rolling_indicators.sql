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
        {%- for n in [10, 20, 50, 200] %}
        adj_close / {{ rolling_avg('adj_close', n) }} - 1 as sma_distance_{{ n }},
        {%- endfor %}
        {%- for n in [10, 20, 60] %}
        {{ volatility('log_return', n) }} as volatility_{{ n }},
        {%- endfor %}
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
        {{ lagged_columns('adj_close', 20) }},
        {{ lagged_columns('adj_volume', 20) }},
        {{ lagged_columns('typical_price', 20) }}
    from bar_returns
    window symbol_bars as (partition by symbol order by bar_at)

),

centred as (

    select
        *,
        {%- for x in ['adj_close', 'adj_volume', 'typical_price'] %}
        {{ lagged_mean(x, 20) }} as {{ x }}_mean{{ ',' if not loop.last }}
        {%- endfor %}
    from windowed

),

deviated as (

    select
        *,
        sqrt({{ lagged_square_sum('adj_close', 'adj_close_mean', 20) }} / 20) as close_stddev,
        sqrt({{ lagged_square_sum('adj_volume', 'adj_volume_mean', 20) }} / 19) as volume_stddev,
        {{ lagged_absolute_sum('typical_price', 'typical_price_mean', 20) }} / 20 as typical_price_deviation
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
        sma_distance_10,
        sma_distance_20,
        sma_distance_50,
        sma_distance_200,
        volatility_10,
        volatility_20,
        volatility_60,
        parkinson_20,
        garman_klass_20,
        0.5 + {{ ratio('adj_close - adj_close_mean', '(4 * close_stddev)') }} as bbands_percent_b_20_2,
        nullif(4 * close_stddev / adj_close_mean, 0) as bbands_width_20_2,
        -- The slow stochastic: a mean over three bars, and that mean's mean over three bars.
        (stoch_raw_14 + stoch_raw_14_1 + stoch_raw_14_2) / 3 as stoch_k_14_3,
        (
            stoch_raw_14 + 2 * stoch_raw_14_1 + 3 * stoch_raw_14_2 + 2 * stoch_raw_14_3 + stoch_raw_14_4
        ) / 9 as stoch_d_14_3,
        willr_14,
        {{ ratio('typical_price - typical_price_mean', '(0.015 * typical_price_deviation)') }} as cci_20,
        mfi_14,
        donchian_position_20,
        high_252_distance,
        drawdown_252,
        {{ ratio('adj_volume - adj_volume_mean', 'volume_stddev') }} as volume_zscore_20,
        amihud_20,
        beta_60,
        relative_return_20,
        return_rank_20
    from deviated

)

select * from final
