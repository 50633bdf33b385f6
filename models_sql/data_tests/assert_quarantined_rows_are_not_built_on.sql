-- What the gate refused must not come back through staging.
select
    bars.symbol,
    bars.bar_at,
    quarantined.expectation
from {{ ref('stg_raw__bars') }} as bars
inner join {{ source('quarantine', 'bars') }} as quarantined using (batch_id, page, page_row)
