-- Bars on days without trading would shift every window. Only where the calendar is known: sessions come with
-- an ingest and reach as far as it did.
with

sessions as (

    select session_date from {{ ref('stg_raw__sessions') }}

),

bars as (

    select
        symbol,
        bar_at,
        session_date
    from {{ ref('int_bars_adjusted') }}
    where session_date between (select min(session_date) from sessions) and (select max(session_date) from sessions)

)

select bars.*
from bars
anti join sessions using (session_date)
