-- x over y; NULL where y is 0.
create macro macros.ratio(x, y) as
    x / nullif(y, 0);

-- Fraction of x (an aggregate) above 0; NULLs do not count.
create macro macros.hit_rate(x) as
    avg(case when x > 0 then 1.0 when x <= 0 then 0.0 end);

-- Annualised Sharpe ratio of returns (an aggregate), without a risk-free rate.
create macro macros.sharpe(returns, periods_per_year) as
    avg(returns) / nullif(stddev_samp(returns), 0) * sqrt(periods_per_year);
