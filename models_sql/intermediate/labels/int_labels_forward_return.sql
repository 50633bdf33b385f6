{{ config(enabled=var_value('labels.kind') == 'forward_return') }}

select
    symbol,
    bar_at,
    session_date,
    {{ signed_label('label_value') }} as label,
    label_value,
    forward_return,
    label_end_at
from {{ ref('int_label_returns') }}
