-- A label that ends on or before its own bar would make the purge of training windows useless.
select
    symbol,
    bar_at,
    label_end_at,
    forward_return,
    label
from {{ ref('labels') }}
where
    label_end_at <= bar_at
    or (label is not null and label_end_at is null)
    or (forward_return is null) != (label_end_at is null)
