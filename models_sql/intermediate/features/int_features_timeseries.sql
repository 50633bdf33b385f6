{{ config(materialized='refreshed', enabled='timeseries' in var_value('features.sets')) }}

{%- set period = var_integer('features.seasonal_period', 2, 10000) | int -%}

with

bars as (

    select * from {{ operators_over(ref('int_feature_bars')) }}

),

-- A month is over where the calendar has sessions of a later one. The exchange publishes them ahead: that a session is
-- its month's last is known on the day, without a look at the next bar.
month_ends as (

    select
        max(session_date) as session_date,
        month(max(session_date)) % 3 = 0 as is_quarter_end
    from {{ ref('stg_raw__sessions') }}
    group by date_trunc('month', session_date)
    qualify lead(max(session_date)) over (order by max(session_date)) is not null

),

known as (

    select max(session_date) as until from month_ends

),

final as (

    select
        bars.symbol,
        bars.bar_at,
        bars.session_date,

        -- Returns and lags
        {%- for n in var_integers('features.timeseries_lags', 1, 10000) %}
        {{ operator('growth', 'adj_close', n) }} as return_{{ n }},
        {%- endfor %}
        {%- for n in var_integers('features.timeseries_lags', 1, 10000) %}
        {{ operator('lagged', operator('growth', 'adj_close', 1), n) }} as lag_return_{{ n }},
        {%- endfor %}

        -- Moments of returns
        {%- for statistic in ['mean', 'std', 'skew'] %}
        {%- for n in var_integers('features.timeseries_windows', 3, 10000) %}
        {{ operator('rolling_' ~ statistic, operator('growth', 'adj_close', 1), n) }} as return_{{ statistic }}_{{ n }},
        {%- endfor %}
        {%- endfor %}

        -- Differences
        {%- for n in var_integers('features.timeseries_differences', 1, 10000) %}
        {{ operator('change', 'adj_close', n) }} as diff_{{ n }},
        {%- endfor %}

        -- Calendar
        cast(month(bars.session_date) as double) as month,
        cast(isodow(bars.session_date) as double) as weekday,
        case
            when bars.session_date <= known.until then cast(month_ends.session_date is not null as double)
        end as is_month_end,
        case
            when bars.session_date <= known.until then cast(coalesce(month_ends.is_quarter_end, false) as double)
        end as is_quarter_end,

        -- Season
        {%- for part in ['trend', 'component', 'residual'] %}
        {{ operator('seasonal_' ~ part, 'ln(adj_close)', period) }} as seasonal_{{ part }}_{{ period }}
        {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from bars
    cross join known
    left join month_ends on bars.session_date = month_ends.session_date

)

select * from final
