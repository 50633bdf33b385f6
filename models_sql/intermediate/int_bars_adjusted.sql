-- A table: the view's sorts would run again for every model and test that reads it.
-- depends_on: {{ ref('int_changed_symbols') }}
{{ config(materialized='refreshed') }}

with

-- Read twice rather than kept: an append would keep all bars to add a few.
bars as not materialized (

    select * from {{ ref('stg_raw__bars') }}

),

actions as (

    select * from {{ ref('stg_raw__corporate_actions') }}

),

action_bars as materialized (

    select
        symbol,
        session_date,
        bar_at,
        close
    from bars
    where symbol in (select symbol from actions)

),

session_openings as (

    select
        symbol,
        session_date,
        min(bar_at) as bar_at
    from action_bars
    group by symbol, session_date

),

-- An action takes effect before the open of the symbol's first bar on or after its ex-date. What took effect
-- on or before the very first bar changes nothing that we hold: factors are anchored there.
effective_actions as (

    select
        actions.symbol,
        session_openings.bar_at,
        actions.ex_date,
        actions.kind,
        actions.value
    from actions
    asof inner join session_openings
        on
            actions.symbol = session_openings.symbol
            and actions.ex_date <= session_openings.session_date
    where
        session_openings.bar_at
        > (select min(first.bar_at) from session_openings as first where first.symbol = actions.symbol)

),

-- Cash per share is on the basis of its own ex-date; a split that follows before the next bar divides it.
rebased_actions as (

    select
        *,
        coalesce(
            list_product(
                list(value) filter (where kind = 'split') over (
                    partition by symbol, bar_at
                    order by ex_date
                    groups between 1 following and unbounded following
                )
            ),
            1
        ) as later_split_ratio
    from effective_actions

),

-- Lists in ex-date order are folded from the left: a product of doubles must not depend on threads.
bar_actions as (

    select
        symbol,
        bar_at,
        coalesce(list_product(list(value order by ex_date) filter (where kind = 'split')), 1) as split_ratio,
        coalesce(
            list_sum(list(value / later_split_ratio order by ex_date) filter (where kind = 'dividend')), 0
        ) as dividend
    from rebased_actions
    group by symbol, bar_at

),

previous_closes as (

    select
        symbol,
        bar_at,
        lag(close) over (partition by symbol order by bar_at) as previous_close
    from action_bars

),

-- What one share grows by when its dividend is reinvested at the previous close without the dividend, on this
-- bar's split basis. A dividend of the whole price or more has no factor; a test stops the build on it.
growth as (

    select
        bar_actions.*,
        previous_close / split_ratio as previous_close_rebased,
        split_ratio
        * case
            when previous_close_rebased > dividend
                then previous_close_rebased / (previous_close_rebased - dividend)
        end as growth_factor
    from bar_actions
    inner join previous_closes using (symbol, bar_at)

),

factors as (

    select
        symbol,
        bar_at,
        split_ratio,
        dividend,
        list_product(list(split_ratio) over so_far) as split_factor,
        list_product(list(growth_factor) over so_far) as total_return_factor
    from growth
    window so_far as (
        partition by symbol order by bar_at rows between unbounded preceding and current row
    )

),

-- Factors hold until the next action. A join on spans, since an asof join would sort all the bars once more.
factor_spans as (

    select
        *,
        lead(bar_at, 1, cast('infinity' as timestamp)) over (partition by symbol order by bar_at) as ends_before
    from factors

),

factored_bars as (

    select
        bars.*,
        case when spans.bar_at = bars.bar_at then spans.split_ratio else 1 end as split_ratio,
        case when spans.bar_at = bars.bar_at then spans.dividend else 0 end as dividend,
        coalesce(spans.split_factor, 1) as split_factor,
        coalesce(spans.total_return_factor, 1) as total_return_factor
    from bars
    left join factor_spans as spans
        on
            bars.symbol = spans.symbol
            and bars.bar_at >= spans.bar_at
            and bars.bar_at < spans.ends_before

),

final as (

    select
        timeframe,
        symbol,
        ticker,
        bar_at,
        session_date,
        open,
        high,
        low,
        close,
        volume,
        split_ratio,
        dividend,
        split_factor,
        total_return_factor,
        open * split_factor as split_adj_open,
        high * split_factor as split_adj_high,
        low * split_factor as split_adj_low,
        close * split_factor as split_adj_close,
        open * total_return_factor as adj_open,
        high * total_return_factor as adj_high,
        low * total_return_factor as adj_low,
        close * total_return_factor as adj_close,
        volume / split_factor as adj_volume
    from factored_bars

)

select * from final
order by symbol, bar_at
