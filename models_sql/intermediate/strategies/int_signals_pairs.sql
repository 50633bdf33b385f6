{{ config(materialized='refreshed', changes='all', enabled=trades_strategy('pairs')) }}

{%- set pairs = parameter_pairs('pairs.pairs') -%}
{%- set places = pairs | length if pairs else parameter_integer('pairs.held_pairs', 1, 1000) -%}

with

open_positions as (

    select
        *,
        {{ between_0_and_1('abs(spread_zscore) / ' ~ parameter_number('pairs.entry_zscore', 0.01, 20)) }} as confidence
    from {{ ref('int_pair_positions') }}
    where position != 0

),

-- Legs by the hedge ratio, one unit together; long the spread is long its first leg. Decimals, whose sum does not
-- depend on order: a symbol may be a leg of several pairs.
legs as (

    select
        first_symbol as symbol,
        bar_at,
        cast(position / (1 + hedge_ratio) as decimal(38, 18)) as exposure,
        confidence
    from open_positions

    union all

    select
        second_symbol as symbol,
        bar_at,
        cast(-position * hedge_ratio / (1 + hedge_ratio) as decimal(38, 18)) as exposure,
        confidence
    from open_positions

),

exposures as (

    select
        symbol,
        bar_at,
        cast(sum(exposure) as double) as exposure,
        max(confidence) as confidence
    from legs
    group by symbol, bar_at

),

-- Everyone has a score from the first bar on which a candidate can be judged.
begun as (

    select min(bar_at) as bar_at
    from {{ ref('int_pair_positions') }}
    where is_candidate and spread_zscore is not null

),

final as (

    select
        'pairs' as strategy,
        bars.symbol,
        bars.bar_at,
        bars.session_date,
        coalesce(exposures.exposure, 0) / {{ places }} as score,
        case
            when score != 0 then exposures.confidence
            else 0
        end as confidence
    from {{ ref('int_feature_bars') }} as bars
    inner join begun on bars.bar_at >= begun.bar_at
    left join exposures on bars.symbol = exposures.symbol and bars.bar_at = exposures.bar_at

)

select * from final
