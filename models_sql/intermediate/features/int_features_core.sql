{{ config(materialized='refreshed', enabled='core' in var_value('features.sets')) }}

{%- set typical_price = '(adj_high + adj_low + adj_close) / 3' -%}
{%- set prices = ['adj_high', 'adj_low', 'adj_close'] -%}

with

bars as (

    select * from {{ operators_over(ref('int_feature_bars')) }}

),

final as (

    select
        symbol,
        bar_at,
        session_date,

        -- Returns
        {%- for n in var_integers('features.return_windows', 1, 10000) %}
        {{ operator('growth', 'adj_close', n) }} as return_{{ n }},
        {%- endfor %}
        {{ operator('log_growth', 'adj_close', 1) }} as log_return_1,
        {{ operator('lagged', 'adj_close', 21) }} / {{ operator('lagged', 'adj_close', 252) }} - 1 as momentum_12_1,
        {{ operator('growth_from', 'adj_open', 'adj_close', 1) }} as gap,
        (adj_high - adj_low) / adj_close as intraday_range,
        {%- for n in var_integers('features.roc_windows', 1, 10000) %}
        {{ roc('adj_close', n) }} as roc_{{ n }},
        {%- endfor %}

        -- Trend
        {%- for n in var_integers('features.sma_windows', 1, 10000) %}
        {{ sma('adj_close', n) }} as sma_{{ n }},
        {%- endfor %}
        {%- for n in var_integers('features.sma_windows', 1, 10000) %}
        adj_close / {{ sma('adj_close', n) }} - 1 as sma_distance_{{ n }},
        {%- endfor %}
        {%- for n in var_integers('features.ema_windows', 1, 10000) %}
        {{ ema('adj_close', n) }} as ema_{{ n }},
        {%- endfor %}
        {{ macd('adj_close', 12, 26, 9) }} as macd_12_26_9,
        {{ macd_signal('adj_close', 12, 26, 9) }} as macd_signal_12_26_9,
        {{ macd_hist('adj_close', 12, 26, 9) }} as macd_hist_12_26_9,
        {{ macd_hist('adj_close', 12, 26, 9) }} / adj_close as macd_hist_12_26_9_over_close,
        {{ adx(*prices, n=14) }} as adx_14,
        {{ plus_di(*prices, n=14) }} as plus_di_14,
        {{ minus_di(*prices, n=14) }} as minus_di_14,
        {{ aroon_up('adj_high', 25) }} as aroon_up_25,
        {{ aroon_down('adj_low', 25) }} as aroon_down_25,

        -- Volatility
        {%- for n in var_integers('features.volatility_windows', 2, 10000) %}
        {{ realised_volatility('adj_close', n) }} as volatility_{{ n }},
        {%- endfor %}
        {{ parkinson('adj_high', 'adj_low', 20) }} as parkinson_20,
        {{ garman_klass('adj_open', *prices, n=20) }} as garman_klass_20,
        {{ yang_zhang('adj_open', *prices, n=20) }} as yang_zhang_20,
        {{ atr(*prices, n=14) }} as atr_14,
        {{ natr(*prices, n=14) }} as natr_14,

        -- Bands and channels
        {{ bollinger_band('adj_close', 20, 2) }} as bbands_upper_20_2,
        {{ sma('adj_close', 20) }} as bbands_middle_20_2,
        {{ bollinger_band('adj_close', 20, -2) }} as bbands_lower_20_2,
        {{ bollinger_percent_b('adj_close', 20, 2) }} as bbands_percent_b_20_2,
        {{ bollinger_width('adj_close', 20, 2) }} as bbands_width_20_2,
        {%- for n in var_integers('features.donchian_windows', 1, 10000) %}
        {{ operator('rolling_max', 'adj_high', n) }} as donchian_upper_{{ n }},
        {{ operator('rolling_min', 'adj_low', n) }} as donchian_lower_{{ n }},
        {{ donchian_position(*prices, n=n) }} as donchian_position_{{ n }},
        {%- endfor %}
        {{ keltner_channel(*prices, n=20, width=2) }} as keltner_upper_20_2,
        {{ keltner_channel(*prices, n=20, width=-2) }} as keltner_lower_20_2,
        {{ keltner_position(*prices, n=20, width=2) }} as keltner_position_20_2,
        adj_close / {{ operator('rolling_max', 'adj_high', 252) }} - 1 as high_252_distance,
        adj_close / {{ operator('rolling_max', 'adj_close', 252) }} - 1 as drawdown_252,

        -- Oscillators
        {%- for n in var_integers('features.rsi_windows', 2, 10000) %}
        {{ rsi('adj_close', n) }} as rsi_{{ n }},
        {%- endfor %}
        {{ stoch_k(*prices, n=14, smoothing=3) }} as stoch_k_14_3,
        {{ stoch_d(*prices, n=14, smoothing=3) }} as stoch_d_14_3,
        {{ willr(*prices, n=14) }} as willr_14,
        {{ cci(typical_price, 20) }} as cci_20,

        -- Volume
        {{ money_flow_index(typical_price, 'adj_volume', 14) }} as mfi_14,
        {{ obv('adj_close', 'adj_volume') }} as obv,
        {{ vwap_distance(typical_price, 'adj_close', 'adj_volume', 20) }} as vwap_distance_20,
        {{ operator('rolling_zscore', 'adj_volume', 20) }} as volume_zscore_20,
        {{ amihud('adj_close', 'traded_value', 20) }} as amihud_20,

        -- Against the benchmark, on the bars that the symbol has
        {{ operator(
            'rolling_beta', operator('log_growth', 'adj_close', 1), operator('log_growth', 'benchmark_close', 1), 60
        ) }} as beta_60,
        {{ operator('growth', 'adj_close', 20) }} - {{ operator('growth', 'benchmark_close', 20) }} as relative_return_20
    from bars

)

select * from final
