{{ config(enabled=trades_strategy('pairs')) }}

with

numbered as (

    select
        bar_at,
        min(session_date) as session_date,
        row_number() over (order by bar_at) as number
    from {{ ref('int_feature_bars') }}
    group by bar_at

),

bars as (

    select
        bars.symbol,
        bars.bar_at,
        bars.session_date,
        numbered.number,
        ln(bars.adj_close) as log_close
    from {{ ref('int_feature_bars') }} as bars
    inner join numbered on bars.bar_at = numbered.bar_at

),

months as (

    select
        cast(date_trunc('month', session_date) as date) as month,
        min(number) as first_number,
        max(number) as last_number
    from numbered
    group by cast(date_trunc('month', session_date) as date)

),

-- What a candidate is judged by in its month: the bars of the month and two windows before it, in case of gaps.
needed as (

    select
        candidates.pair,
        candidates.first_symbol,
        candidates.second_symbol,
        candidates.month,
        months.first_number - 2 * {{ parameter_integer('pairs.window_bars', 20, 2520) }} as first_number,
        months.last_number
    from {{ ref('int_pair_candidates') }} as candidates
    inner join months on candidates.month = months.month

),

marked as (

    select
        *,
        coalesce(first_number > max(last_number) over earlier + 1, true) as begins_anew
    from needed
    window earlier as (partition by pair order by month rows between unbounded preceding and 1 preceding)

),

counted as (

    select
        *,
        count(*) filter (where begins_anew) over (partition by pair order by month) as spell
    from marked

),

-- Most pairs are candidates now and then: only the bars of these spells are looked at.
spells as (

    select
        pair || '@' || min(month) as symbol,
        pair,
        first_symbol,
        second_symbol,
        min(first_number) as first_number,
        max(last_number) as last_number
    from counted
    group by pair, first_symbol, second_symbol, spell

),

-- Bars that both legs have. A spell takes the place of the symbol, so that operators go along its bars.
final as (

    select
        spells.symbol,
        first_bars.bar_at,
        first_bars.session_date,
        spells.pair,
        spells.first_symbol,
        spells.second_symbol,
        first_bars.log_close as first_log_close,
        second_bars.log_close as second_log_close
    from spells
    inner join bars as first_bars
        on
            spells.first_symbol = first_bars.symbol
            and first_bars.number between spells.first_number and spells.last_number
    inner join bars as second_bars
        on spells.second_symbol = second_bars.symbol and first_bars.bar_at = second_bars.bar_at

)

select * from final
