-- A table: memberships are decided in as many steps as there are rebalances, each of which looks all rows through.
{{ config(
    materialized='table',
    enabled=var_choice('universe.selection', ['static', 'dynamic']) == 'dynamic'
) }}

{%- set period = {'monthly': 'month', 'quarterly': 'quarter'}[
    var_choice('universe.rebalance', ['monthly', 'quarterly'])
] -%}
{%- set lookback = var_integer('universe.lookback_months', 1, 60) | int -%}

with

sessions as (

    select
        session_date,
        date_diff('month', date '1970-01-01', session_date) as month_number,
        row_number() over (order by session_date) as session_number
    from (select distinct session_date from {{ ref('int_bars_adjusted') }})

),

-- Sessions of each month, the first of those that dollar volume is averaged over, and the first afterwards.
months as (

    select
        month_number,
        max(session_date) as last_session_date,
        max(session_number) as last_session_number,
        min(min(session_number)) over (
            order by month_number range between {{ lookback - 1 }} preceding and current row
        ) as lookback_session_number,
        lead(min(session_date)) over (order by month_number) as next_session_date
    from sessions
    group by month_number

),

-- On the first session of a new month or quarter, decided at the last session before it. While a month is the newest
-- nobody knows whether it is over.
rebalances as (

    select
        *,
        next_session_date as rebalance_date,
        last_session_date as decided_on,
        row_number() over (order by month_number) as rebalance_number
    from months
    where date_trunc('{{ period }}', next_session_date) > date_trunc('{{ period }}', last_session_date)

),

-- Dollar volume is added up in cents, which gives the same in whatever order.
traded_months as (

    select
        symbol,
        date_diff('month', date '1970-01-01', session_date) as month_number,
        min(session_date) as first_session_date,
        max(session_date) as last_session_date,
        max_by(close, bar_at) as price,
        count(*) as bars,
        sum(try_cast(close * volume as decimal(18, 2))) as traded_value
    from {{ ref('int_bars_adjusted') }}
    where
        symbol is distinct from {{ var_symbol_or_null('universe.benchmark') }}
        {%- if var_value('universe.symbols') %}
        and list_contains({{ var_symbols('universe.symbols') }}, symbol)
        {%- endif %}
    group by all

),

symbols as (

    select
        symbol,
        min(month_number) as first_month_number,
        min(first_session_date) as first_session_date
    from traded_months
    group by symbol

),

-- Every month from a symbol's first on, with or without bars.
symbol_months as (

    select
        symbols.symbol,
        symbols.first_session_date,
        months.month_number,
        max(traded.last_session_date) over so_far as last_session_date,
        last_value(traded.price ignore nulls) over so_far as price,
        sum(traded.bars) over so_far as history_bars,
        coalesce(sum(traded.traded_value) over lookback_months, 0) as traded_value
    from symbols
    inner join months
        on symbols.first_month_number <= months.month_number
    left join traded_months as traded
        on
            symbols.symbol = traded.symbol
            and months.month_number = traded.month_number
    window
        so_far as (
            partition by symbols.symbol
            order by months.month_number
            rows between unbounded preceding and current row
        ),
        lookback_months as (
            partition by symbols.symbol
            order by months.month_number
            range between {{ lookback - 1 }} preceding and current row
        )

),

-- A session without a bar counts as one without trading; those before a symbol's first bar do not count.
measured as (

    select
        rebalances.rebalance_number,
        rebalances.rebalance_date,
        rebalances.decided_on,
        symbol_months.symbol,
        symbol_months.price,
        cast(symbol_months.history_bars as bigint) as history_bars,
        symbol_months.traded_value / (
            rebalances.last_session_number
            - greatest(rebalances.lookback_session_number, first_session.session_number) + 1
        ) as dollar_volume,
        rebalances.last_session_number - last_session.session_number as sessions_absent
    from rebalances
    inner join symbol_months using (month_number)
    inner join sessions as first_session
        on symbol_months.first_session_date = first_session.session_date
    inner join sessions as last_session
        on symbol_months.last_session_date = last_session.session_date

),

judged as (

    select
        *,
        sessions_absent <= {{ var_integer('universe.max_absence', 0, 250) }} as is_trading,
        is_trading
        and price >= {{ var_number('universe.min_price', 0, 1e9) }}
        and dollar_volume >= {{ var_number('universe.min_dollar_volume', 0, 1e15) }}
        and history_bars >= {{ var_integer('universe.min_history', 1, 1000000) }} as is_eligible
    from measured

),

final as (

    select
        *,
        case
            when is_eligible
                then row_number() over (
                    partition by rebalance_date, is_eligible
                    order by dollar_volume desc, symbol
                )
        end as dollar_volume_rank
    from judged

)

select * from final
order by rebalance_number, symbol
