-- Oscillators and positions cannot leave their scale; where one does, its formula or its bars are wrong (a close
-- outside the bar's range). By name, since the windows in names come from config.
{%- set bounds = {
    '(rsi|stoch_k|stoch_d|mfi|adx|plus_di|minus_di|aroon_up|aroon_down)_[0-9_]+': (0, 100),
    'willr_[0-9]+': (-100, 0),
    'donchian_position_[0-9]+': (0, 1),
    '(high_252_distance|drawdown_252)': (-1, 0),
    'is_(month|quarter)_end': (0, 1)
} -%}
{%- set columns = adapter.get_columns_in_relation(ref('features')) if execute else [] %}

select
    symbol,
    bar_at
from {{ ref('features') }}
where
    false
    {%- for column in columns %}
    {%- for pattern, (low, high) in bounds.items() if modules.re.fullmatch(pattern, column.name) %}
    or not {{ column.name }} between {{ low }} and {{ high }}
    {%- endfor %}
    {%- endfor %}
