-- A leg of a configured pair that the source does not have, or that is no symbol to be held, is a typo; without this
-- test the pair would just never be traded.
{{ config(enabled=trades_strategy('pairs') and parameter_pairs('pairs.pairs') | length > 0) }}

with

legs as (

    select unnest({{ literal(parameter_pairs('pairs.pairs') | sum(start=[])) }}) as symbol

)

select distinct legs.symbol as symbol_without_bars
from legs
anti join {{ ref('int_feature_bars') }} as bars using (symbol)
