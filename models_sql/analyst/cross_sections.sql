-- Position of x among the rows of its bar from -1 (lowest) to 1 (highest); ties share the middle.
create macro macros.rank_of_bar(x) as
    case
        when x is not null
            then (rank() over (partition by bar_at, x is null order by x) - 1) / count(x) over (partition by bar_at)
                + cume_dist() over (partition by bar_at, x is null order by x) - 1
    end;

-- How many sample standard deviations x lies above the mean of its bar's rows; NULL where all are equal.
create macro macros.zscore_of_bar(x) as
    case
        when x is not null
            then (x - avg(x) over (partition by bar_at)) / nullif(stddev_samp(x) over (partition by bar_at), 0)
    end;

-- In which of n equal groups of its bar's rows x lies: 1 (lowest) to n.
create macro macros.bucket_of_bar(x, n) as
    case when x is not null then ntile(n) over (partition by bar_at, x is null order by x, symbol) end;
