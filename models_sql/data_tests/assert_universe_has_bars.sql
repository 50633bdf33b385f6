-- A member or benchmark that the source does not have is a typo or a gap in the data; without this test it
-- would just be missing, and features against the benchmark NULL. One that trades under another symbol since is to
-- be listed under that one.
with

named as (

    select unnest({{ var_symbols('universe.symbols') }}) as symbol

    union all

    select {{ var_symbol_or_null('universe.benchmark') }} as symbol

)

select
    named.symbol as symbol_without_bars,
    string_agg(distinct spans.symbol, ', ') as trades_now_as
from named
anti join {{ ref('universe') }} as universe using (symbol)
left join {{ ref('stg_raw__ticker_spans') }} as spans
    on
        named.symbol = spans.ticker
        and named.symbol != spans.symbol
where named.symbol is not null
group by named.symbol
