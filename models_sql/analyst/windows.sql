-- x so many bars ago, never ahead.
create macro macros.lagged(x, n) as
    case when n is not null and n >= 0 then lag(x, n) over (partition by symbol order by bar_at) end;

-- Change of x over n bars, as a fraction.
create macro macros.growth(x, n) as
    x / nullif(macros.lagged(x, n), 0) - 1;

-- Natural logarithm of x over x n bars ago.
create macro macros.log_growth(x, n) as
    ln(x / macros.lagged(x, n));

-- Mean of x over n bars. NULL, as in all that follow, until n values are there.
create macro macros.sma(x, n) as
    case
        when count(x) over (partition by symbol order by bar_at rows between n - 1 preceding and current row) = n
            then avg(x) over (partition by symbol order by bar_at rows between n - 1 preceding and current row)
    end;

-- Sample standard deviation of x over n bars.
create macro macros.stddev(x, n) as
    case
        when count(x) over (partition by symbol order by bar_at rows between n - 1 preceding and current row) = n
            then stddev_samp(x) over (partition by symbol order by bar_at rows between n - 1 preceding and current row)
    end;

-- How many sample standard deviations x lies above its mean over n bars; NULL where it did not move.
create macro macros.zscore(x, n) as
    (x - macros.sma(x, n)) / nullif(macros.stddev(x, n), 0);

-- Highest x of n bars.
create macro macros.highest(x, n) as
    case
        when count(x) over (partition by symbol order by bar_at rows between n - 1 preceding and current row) = n
            then max(x) over (partition by symbol order by bar_at rows between n - 1 preceding and current row)
    end;

-- Lowest x of n bars.
create macro macros.lowest(x, n) as
    case
        when count(x) over (partition by symbol order by bar_at rows between n - 1 preceding and current row) = n
            then min(x) over (partition by symbol order by bar_at rows between n - 1 preceding and current row)
    end;

-- Bollinger band: mean of n bars plus width (minus, if negative) population standard deviations.
create macro macros.bollinger_band(x, n, width) as
    macros.sma(x, n) + width * macros.stddev(x, n) * sqrt((n - 1) / n);

-- Distance of x from its highest so far, as a fraction of it: 0 at a new high, negative below.
create macro macros.drawdown(x) as
    case
        when x is not null
            then x / max(x) over (partition by symbol order by bar_at rows between unbounded preceding and current row) - 1
    end;

-- Slope of y on x over n bars, such as the beta of a return on the benchmark's; NULL where x did not move.
create macro macros.beta(y, x, n) as
    case
        when count(x + y) over (partition by symbol order by bar_at rows between n - 1 preceding and current row) = n
            then nullif(
                regr_slope(y, x) over (partition by symbol order by bar_at rows between n - 1 preceding and current row), 'nan'
            )
    end;

-- Correlation of x and y over n bars; NULL where one did not move.
create macro macros.correlation(x, y, n) as
    case
        when count(x + y) over (partition by symbol order by bar_at rows between n - 1 preceding and current row) = n
            then nullif(
                corr(x, y) over (partition by symbol order by bar_at rows between n - 1 preceding and current row), 'nan'
            )
    end;

-- Annualised sample standard deviation of the n last log returns of price x; periods_per_year is 252 for daily bars.
create macro macros.annualised_volatility(x, n, periods_per_year) as
    case
        when count(x) over (partition by symbol order by bar_at rows between n preceding and current row) = n + 1
            then sqrt(periods_per_year) * nullif(macros.stddev_of_log_steps(
                list(x) over (partition by symbol order by bar_at rows between n preceding and current row)
            ), 0)
    end;

-- Sample standard deviation of the logarithms of each entry of a list over the one before; annualised_volatility's.
create macro macros.stddev_of_log_steps(list_of_prices) as
    list_stddev_samp(list_transform(
        list_zip(list_of_prices[2:], list_of_prices[:-2]), lambda step: ln(step[1] / step[2])
    ));

-- Annualised volatility from the high-low ranges of n bars. Parkinson (1980), Journal of Business 53.
create macro macros.parkinson(high, low, n, periods_per_year) as
    nullif(sqrt(macros.sma(power(ln(high / low), 2), n) / (4 * ln(2)) * periods_per_year), 0);

-- Annualised volatility from the four prices of n bars. Garman and Klass (1980), Journal of Business 53.
create macro macros.garman_klass(open, high, low, close, n, periods_per_year) as
    nullif(sqrt(greatest(
        macros.sma(0.5 * power(ln(high / low), 2) - (2 * ln(2) - 1) * power(ln(close / open), 2), n), 0
    ) * periods_per_year), 0);
