with

bar_returns as (

    select * from {{ ref('int_bar_returns') }}

),

benchmark as (

    select
        bar_at,
        log_return,
        return_20
    from bar_returns
    where symbol in (select symbol from {{ ref('int_universe_members') }} where is_benchmark)

),

-- The benchmark's bar must be the same bar; where it has none, what compares with it is NULL.
compared as (

    select
        bar_returns.*,
        benchmark.log_return as benchmark_log_return,
        benchmark.return_20 as benchmark_return_20
    from bar_returns
    left join benchmark using (bar_at)

),

windowed as (

    select
        symbol,
        bar_at,
        session_date,
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
        return_20 - benchmark_return_20 as relative_return_20,
        {%- for n in [10, 20, 50, 200] %}
        {{ rolling_avg('adj_close', n) }} as sma_{{ n }},
        {%- endfor %}
        {%- for n in [10, 20, 60] %}
        {{ volatility('log_return', n) }} as volatility_{{ n }},
        {%- endfor %}
        {{ parkinson('adj_high', 'adj_low', 20) }} as parkinson_20,
        {{ garman_klass('adj_open', 'adj_high', 'adj_low', 'adj_close', 20) }} as garman_klass_20,
        {{ rolling_avg('typical_price', 20) }} as typical_price_mean_20,
        {{ rolling_avg('adj_volume', 20) }} as volume_mean_20,
        {{ money_flow_index('typical_price', 'typical_price_change', 'adj_volume', 14) }} as mfi_14,
        {{ amihud('log_return', 'traded_value', 20) }} as amihud_20,
        {{ rolling_beta('log_return', 'benchmark_log_return', 60) }} as beta_60,
        {%- for n in [14, 20] %}
        {{ rolling_extreme('min', 'adj_low', n) }} as lowest_{{ n }},
        {{ rolling_extreme('max', 'adj_high', n) }} as highest_{{ n }},
        {%- endfor %}
        {%- for x in ['adj_close', 'typical_price', 'adj_volume'] %}
        {{ rolling_extreme('min', x, 20) }} < {{ rolling_extreme('max', x, 20) }} as is_{{ x }}_varied,
        {%- endfor %}
        adj_close / {{ rolling_extreme('max', 'adj_high', 252) }} - 1 as high_252_distance,
        adj_close / {{ rolling_extreme('max', 'adj_close', 252) }} - 1 as drawdown_252
    from compared

),

-- Values that did not vary deviate from their mean by rounding alone: no deviation there, rather than noise.
deviated as (

    select
        *,
        100 * {{ position_between('adj_close', 'lowest_14', 'highest_14') }} as stoch_raw_14,
        case when is_adj_close_varied
            then sqrt({{ rolling_deviation_sum('adj_close', 'sma_20', 20, 2) }} / 20) end as close_stddev_20,
        case when is_typical_price_varied
            then {{ rolling_deviation_sum('typical_price', 'typical_price_mean_20', 20, 1) }} / 20
        end as typical_price_deviation_20,
        case when is_adj_volume_varied
            then sqrt({{ rolling_deviation_sum('adj_volume', 'volume_mean_20', 20, 2) }} / 19)
        end as volume_stddev_20
    from windowed
    window symbol_bars as (partition by symbol order by bar_at)

),

-- The slow stochastic smooths twice over three bars; twice over three is once over five with these weights.
smoothed as (

    select
        *,
        (
            stoch_raw_14
            + lag(stoch_raw_14, 1) over symbol_bars
            + lag(stoch_raw_14, 2) over symbol_bars
        ) / 3 as stoch_k_14_3,
        (
            stoch_raw_14
            + 2 * lag(stoch_raw_14, 1) over symbol_bars
            + 3 * lag(stoch_raw_14, 2) over symbol_bars
            + 2 * lag(stoch_raw_14, 3) over symbol_bars
            + lag(stoch_raw_14, 4) over symbol_bars
        ) / 9 as stoch_d_14_3
    from deviated
    window symbol_bars as (partition by symbol order by bar_at)

),

final as (

    select
        symbol,
        bar_at,
        session_date,
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
        {%- for n in [10, 20, 50, 200] %}
        adj_close / sma_{{ n }} - 1 as sma_distance_{{ n }},
        {%- endfor %}
        volatility_10,
        volatility_20,
        volatility_60,
        parkinson_20,
        garman_klass_20,
        {{ position_between('adj_close', '(sma_20 - 2 * close_stddev_20)', '(sma_20 + 2 * close_stddev_20)') }}
            as bbands_percent_b_20_2,
        4 * close_stddev_20 / sma_20 as bbands_width_20_2,
        stoch_k_14_3,
        stoch_d_14_3,
        -100 * {{ position_between('adj_close', 'highest_14', 'lowest_14') }} as willr_14,
        (typical_price - typical_price_mean_20) / (0.015 * typical_price_deviation_20) as cci_20,
        mfi_14,
        {{ position_between('adj_close', 'lowest_20', 'highest_20') }} as donchian_position_20,
        high_252_distance,
        drawdown_252,
        (adj_volume - volume_mean_20) / volume_stddev_20 as volume_zscore_20,
        amihud_20,
        beta_60,
        relative_return_20
    from smoothed

)

select * from final
