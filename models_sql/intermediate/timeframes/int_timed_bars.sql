{%- set minutes = timeframe_minutes() -%}
with

bars as (

    select * from {{ ref('int_feature_bars') }}

),

calendar as (

    select
        session_date,
        open_at,
        coalesce(close_at, cast(session_date as timestamp) + interval 1 day) as close_at,
        open_at is not distinct from lag(close_at) over by_date as continues,
        -- The calendar reaches beyond the bars; where it does not, no session of the period is ruled out but by its end.
        coalesce(lead(session_date) over by_date, session_date + 1) as next_session_date
    from {{ ref('stg_raw__sessions') }}
    window by_date as (order by session_date)

),

sessions as (

    select
        session_date,
        open_at,
        close_at,
        max(case when not continues then open_at end) over (order by session_date) as stretch_open_at,
        {%- for period in ['week', 'month'] %}
        max(
            case
                when date_trunc('{{ period }}', next_session_date) > date_trunc('{{ period }}', session_date)
                    then close_at
            end
        ) over (partition by date_trunc('{{ period }}', session_date)) as {{ period }}_close_at{{ ',' if not loop.last }}
        {%- endfor %}
    from calendar

),

final as (

    -- Operators read all there is: nothing that is of no use beside the session.
    select
        bars.symbol,
        bars.bar_at,
        bars.session_date,
        bars.adj_open,
        bars.adj_high,
        bars.adj_low,
        bars.adj_close,
        bars.adj_volume,
        sessions.open_at as session_open_at,
        sessions.close_at as session_close_at,
        sessions.stretch_open_at,
        sessions.week_close_at,
        sessions.month_close_at,
        {%- if minutes == 0 %}
        true as in_session,
        sessions.close_at as ended_at
        {%- else %}
        coalesce(
            bars.bar_at < sessions.close_at and bars.bar_at + interval {{ minutes }} minute > sessions.open_at, false
        ) as in_session,
        case
            when in_session then least(bars.bar_at + interval {{ minutes }} minute, sessions.close_at)
            else bars.bar_at + interval {{ minutes }} minute
        end as ended_at
        {%- endif %}
    from bars
    left join sessions using (session_date)

)

select * from final
