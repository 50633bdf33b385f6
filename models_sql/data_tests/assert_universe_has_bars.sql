-- A member or benchmark that the source does not have is a typo or a gap in the data; without this test it
-- would just be missing, and features against the benchmark NULL.
with

named as (

    select unnest({{ var_symbols('universe.symbols') }}) as symbol

    union all

    select {{ var_symbol_or_null('universe.benchmark') }} as symbol

)

select named.symbol as symbol_without_bars
from named
anti join {{ ref('universe') }} as universe using (symbol)
where named.symbol is not null
