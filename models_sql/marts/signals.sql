-- A new SQL strategy is a model intermediate/int_signals_<strategy>.sql with these columns, and a line here.
{%- set strategies = [
    ref('int_signals_momentum'),
] %}

with

signals as (

    {% for strategy in strategies %}
    {% if not loop.first %}union all{% endif %}
    select
        strategy,
        symbol,
        bar_at,
        session_date,
        score,
        confidence
    from {{ strategy }}
    {% endfor %}

)

select * from signals
order by strategy, symbol, bar_at
