select
    symbol,
    valid_from,
    valid_to,
    is_benchmark,
    is_member
from {{ ref('int_universe_members') }}
order by symbol, valid_from
