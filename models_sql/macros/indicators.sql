{#
    Formulas of the features. Arguments are column names or row-wise expressions of doubles (see operators.sql);
    results are fractions unless said otherwise. A quotient whose denominator is zero (no volume, constant prices) is
    NULL, never inf or NaN. Each is over the bars of one symbol, in a model over operators_over(…).
#}

{% macro ratio(numerator, denominator) -%}
    {#- In brackets of its own, so that x / x is 1 whatever multiplies it. #}
    (({{ numerator }}) / nullif({{ denominator }}, 0))
{%- endmacro %}

{# Where x lies between low and high: 0 at low, 1 at high. #}
{% macro position_between(x, low, high) -%}
    {{ ratio(x ~ ' - ' ~ low, '(' ~ high ~ ' - ' ~ low ~ ')') }}
{%- endmacro %}

{# Position in a cross-section from -1 (lowest) to 1 (highest), symmetric around 0; ties share the middle. #}
{% macro centred_rank(x, partition) -%}
    (rank() over ({{ partition }} order by {{ x }}) - 1)
    / count(*) over ({{ partition }} order by {{ x }} rows between unbounded preceding and unbounded following)
    + cume_dist() over ({{ partition }} order by {{ x }}) - 1
{%- endmacro %}

{# ---- trend ---- #}

{# Simple moving average. #}
{% macro sma(x, n) -%}
    {{ operator('rolling_mean', x, n) }}
{%- endmacro %}

{# Exponential moving average, weight 2 / (n + 1), seeded with the mean of the first n values. #}
{% macro ema(x, n) -%}
    {{ operator('ema', x, n) }}
{%- endmacro %}

{# Fast less slow exponential mean, both seeded on one bar: Appel (1979). #}
{% macro macd(x, fast, slow, signal) -%}
    {{ operator('macd', x, fast, slow, signal) }}
{%- endmacro %}

{# Exponential mean of the MACD line. #}
{% macro macd_signal(x, fast, slow, signal) -%}
    {{ operator('macd_signal', x, fast, slow, signal) }}
{%- endmacro %}

{# MACD line less its signal line. #}
{% macro macd_hist(x, fast, slow, signal) -%}
    {{ operator('macd_hist', x, fast, slow, signal) }}
{%- endmacro %}

{# Average directional index, 0 to 100: Wilder (1978). #}
{% macro adx(high, low, close, n) -%}
    {{ operator('adx', high, low, close, n) }}
{%- endmacro %}

{# Upward movement in percent of the true range: Wilder (1978). #}
{% macro plus_di(high, low, close, n) -%}
    {{ operator('plus_di', high, low, close, n) }}
{%- endmacro %}

{# Downward movement in percent of the true range: Wilder (1978). #}
{% macro minus_di(high, low, close, n) -%}
    {{ operator('minus_di', high, low, close, n) }}
{%- endmacro %}

{# 100 on a new high of n bars, 0 when it is n bars ago; of equal highs the newest counts: Chande (1995). #}
{% macro aroon_up(high, n) -%}
    100 * ({{ n }} - {{ operator('bars_since_max', high, n + 1) }}) / {{ n }}
{%- endmacro %}

{# 100 on a new low of n bars, 0 when it is n bars ago; of equal lows the newest counts: Chande (1995). #}
{% macro aroon_down(low, n) -%}
    100 * ({{ n }} - {{ operator('bars_since_min', low, n + 1) }}) / {{ n }}
{%- endmacro %}

{# ---- momentum ---- #}

{# Relative strength index, 0 to 100: Wilder (1978). #}
{% macro rsi(x, n) -%}
    {{ operator('rsi', x, n) }}
{%- endmacro %}

{# Rate of change in percent. #}
{% macro roc(x, n) -%}
    100 * {{ operator('growth', x, n) }}
{%- endmacro %}

{# Slow stochastic %K, 0 to 100: mean of the last few raw values over n bars. Lane (1984). #}
{% macro stoch_k(high, low, close, n, smoothing) -%}
    {{ operator('rolling_mean', operator('fast_stochastic', high, low, close, n), smoothing) }}
{%- endmacro %}

{# Slow stochastic %D: mean of the last few of %K. #}
{% macro stoch_d(high, low, close, n, smoothing) -%}
    {{ operator('rolling_mean', stoch_k(high, low, close, n, smoothing), smoothing) }}
{%- endmacro %}

{# Williams %R: 0 at the highest high of n bars, -100 at the lowest low. Williams (1979). #}
{% macro willr(high, low, close, n) -%}
    {%- set highest = operator('rolling_max', high, n) -%}
    -100 * {{ position_between(close, highest, operator('rolling_min', low, n)) }}
{%- endmacro %}

{# Commodity channel index: typical price from its mean, in 0.015 mean deviations. Lambert (1980). #}
{% macro cci(typical_price, n) -%}
    {%- set distance = typical_price ~ ' - ' ~ operator('rolling_mean', typical_price, n) -%}
    {{ ratio(distance, '(0.015 * ' ~ operator('rolling_mean_deviation', typical_price, n) ~ ')') }}
{%- endmacro %}

{# ---- bands and channels ---- #}

{# Upper (width > 0) or lower (width < 0) Bollinger band: mean and population standard deviations. Bollinger (2001). #}
{% macro bollinger_band(x, n, width) -%}
    {{ operator('rolling_mean', x, n) }} + {{ width }} * {{ operator('rolling_std_population', x, n) }}
{%- endmacro %}

{# Where x lies in its Bollinger bands: 0 at the lower, 1 at the upper; NULL where they have no width. #}
{% macro bollinger_percent_b(x, n, width) -%}
    {%- set distance = x ~ ' - ' ~ operator('rolling_mean', x, n) -%}
    0.5 + {{ ratio(distance, '(' ~ 2 * width ~ ' * ' ~ operator('rolling_std_population', x, n) ~ ')') }}
{%- endmacro %}

{# Width of the Bollinger bands over their middle; NULL where they have none. #}
{% macro bollinger_width(x, n, width) -%}
    nullif({{ 2 * width }} * {{ operator('rolling_std_population', x, n) }} / {{ operator('rolling_mean', x, n) }}, 0)
{%- endmacro %}

{# Upper (width > 0) or lower (width < 0) Keltner channel: exponential mean and average true ranges. Keltner (1960)
   in Raschke's form. #}
{% macro keltner_channel(high, low, close, n, width) -%}
    {{ operator('ema', close, n) }} + {{ width }} * {{ operator('atr', high, low, close, n) }}
{%- endmacro %}

{# Where close lies in its Keltner channel: 0 at the lower, 1 at the upper; NULL where it has no width. #}
{% macro keltner_position(high, low, close, n, width) -%}
    {%- set distance = close ~ ' - ' ~ operator('ema', close, n) -%}
    0.5 + {{ ratio(distance, '(' ~ 2 * width ~ ' * ' ~ operator('atr', high, low, close, n) ~ ')') }}
{%- endmacro %}

{# Where close lies between the lowest low (0) and the highest high (1) of n bars: Donchian. #}
{% macro donchian_position(high, low, close, n) -%}
    {{ position_between(close, operator('rolling_min', low, n), operator('rolling_max', high, n)) }}
{%- endmacro %}

{# ---- range and volatility ---- #}

{# Average true range, in units of price: Wilder (1978). #}
{% macro atr(high, low, close, n) -%}
    {{ operator('atr', high, low, close, n) }}
{%- endmacro %}

{# Average true range in percent of close. #}
{% macro natr(high, low, close, n) -%}
    100 * {{ operator('atr', high, low, close, n) }} / {{ close }}
{%- endmacro %}

{# From the variance of one bar to the volatility of a year; NULL where prices did not move at all. #}
{% macro annualised(variance) -%}
    nullif(sqrt(greatest({{ variance }}, 0) * {{ var_integer('features.periods_per_year', 1, 1000000) }}), 0)
{%- endmacro %}

{# Annualised sample standard deviation of log returns. #}
{% macro realised_volatility(close, n) -%}
    {{ annualised(operator('rolling_variance', operator('log_growth', close, 1), n)) }}
{%- endmacro %}

{# Annualised volatility from the high-low range: Parkinson (1980), Journal of Business 53. #}
{% macro parkinson(high, low, n) -%}
    {%- set term = 'power(ln(' ~ high ~ ' / ' ~ low ~ '), 2)' -%}
    {{ annualised(operator('rolling_mean', term, n) ~ ' / (4 * ln(2))') }}
{%- endmacro %}

{# Annualised volatility from all four prices: Garman and Klass (1980), Journal of Business 53. #}
{% macro garman_klass(open, high, low, close, n) -%}
    {%- set term -%}
        0.5 * power(ln({{ high }} / {{ low }}), 2) - (2 * ln(2) - 1) * power(ln({{ close }} / {{ open }}), 2)
    {%- endset -%}
    {{ annualised(operator('rolling_mean', term, n)) }}
{%- endmacro %}

{# Annualised volatility from all four prices and overnight gaps, free of drift: Yang and Zhang (2000), Journal of
   Business 73: variance of the gaps, k times that from open to close, 1 - k times Rogers and Satchell's. #}
{% macro yang_zhang(open, high, low, close, n) -%}
    {%- set k = 0.34 / (1.34 + (n + 1) / (n - 1)) -%}
    {%- set inside -%}
        ln({{ high }} / {{ close }}) * ln({{ high }} / {{ open }}) + ln({{ low }} / {{ close }}) * ln({{ low }} / {{ open }})
    {%- endset -%}
    {%- set overnight = operator('rolling_variance', operator('log_growth_from', open, close, 1), n) -%}
    {%- set daytime = operator('rolling_variance', 'ln(' ~ close ~ ' / ' ~ open ~ ')', n) -%}
    {{ annualised(
        '(' ~ overnight ~ ' + ' ~ k ~ ' * ' ~ daytime ~ ' + ' ~ (1 - k) ~ ' * ' ~ operator('rolling_mean', inside, n) ~ ')'
    ) }}
{%- endmacro %}

{# ---- volume ---- #}

{# Money flow index, 0 to 100: upward in all money flow over n bars. Quong and Soudack (1989). #}
{% macro money_flow_index(typical_price, volume, n) -%}
    {{ operator('money_flow_index', typical_price, volume, n) }}
{%- endmacro %}

{# On-balance volume since the symbol's first bar, in shares: Granville (1963). #}
{% macro obv(close, volume) -%}
    {{ operator('on_balance_volume', close, volume) }}
{%- endmacro %}

{# Close over the mean typical price of n bars, weighted by volume, less 1; NULL where nothing traded. #}
{% macro vwap_distance(typical_price, close, volume, n) -%}
    {%- set money = operator('rolling_sum', '(' ~ typical_price ~ ') * ' ~ volume, n) -%}
    {{ ratio(close ~ ' * ' ~ operator('rolling_sum', volume, n), money) }} - 1
{%- endmacro %}

{# Illiquidity: mean of |log return| per million USD traded. Amihud (2002), Journal of Financial Markets 5. #}
{% macro amihud(close, traded_value, n) -%}
    {{ operator('rolling_mean', operator('illiquidity', close, traded_value), n) }}
{%- endmacro %}
