-- These macros: how each is called and what it gives.
create macro macros.help() as table
    select
        'macros.' || functions.function_name || '(' || array_to_string(functions.parameters, ', ') || ')' as call,
        functions.comment as gives
    from duckdb_functions() as functions
    where functions.schema_name = 'macros' and functions.comment is not null
    order by call;

-- A symbol's features on a session, one a row; intraday, of each bar of the session.
create macro macros.features_on(of_symbol, on_date) as table
    with

    chosen as (

        select * from marts.features as features
        where features.symbol = of_symbol and features.session_date = on_date

    )

    select
        bar_at,
        feature,
        value
    from (select bar_at, columns(* exclude (symbol, bar_at, session_date))::double from chosen)
    unpivot include nulls (value for feature in (columns(* exclude bar_at)));

-- Every score in the warehouse, of the SQL strategy that is built and of all models (out of sample), in one shape.
create macro macros.scores() as table
    select
        signals.strategy as scored_by,
        signals.symbol,
        signals.bar_at,
        signals.session_date,
        signals.score,
        signals.confidence
    from marts.signals as signals

    union all

    select
        predictions.model_id,
        predictions.symbol,
        predictions.bar_at,
        predictions.session_date,
        predictions.score,
        predictions.confidence
    from ml.predictions as predictions;

-- Who could be held on a session.
create macro macros.members_on(on_date) as table
    select universe.symbol
    from marts.universe as universe
    where
        universe.is_member
        and universe.valid_from <= on_date
        and (universe.valid_to is null or universe.valid_to > on_date)
    order by universe.symbol;

-- A symbol's bars as the raw table knew them at a moment (UTC): the newest revision that had come by then.
create macro macros.bars_as_of(of_symbol, moment) as table
    select bars.*
    from raw.bars as bars
    where bars.symbol = of_symbol and bars.known_at <= moment
    qualify row_number() over (
        partition by bars.source, bars.dataset, bars.timeframe, bars.symbol, bars.bar_at
        order by bars.known_at desc, bars.batch_id desc, bars.page desc, bars.page_row desc
    ) = 1
    order by bars.source, bars.dataset, bars.timeframe, bars.bar_at;

-- A book's and its benchmark's return in each month: last close over that of the month before (in the first month,
-- over the first).
create macro macros.equity_by_month(of_book) as table
    with

    months as (

        select
            date_trunc('month', equity.session_date)::date as month,
            first(equity.equity order by equity.bar_at) as opening_equity,
            last(equity.equity order by equity.bar_at) as equity,
            first(equity.benchmark order by equity.bar_at) as opening_benchmark,
            last(equity.benchmark order by equity.bar_at) as benchmark
        from execution.equity as equity
        where equity.book = of_book
        group by all

    )

    select
        month,
        equity,
        equity / coalesce(lag(equity) over (order by month), opening_equity) - 1 as month_return,
        benchmark / coalesce(lag(benchmark) over (order by month), opening_benchmark) - 1 as benchmark_return
    from months
    order by month;

-- A book's falls from one high to the next, at its first close and the closes of sessions: depth as a fraction, and how
-- many sessions until the high came back.
create macro macros.drawdowns(of_book) as table
    with

    bars as (

        select
            *,
            bar_at = min(bar_at) over () and count(*) over (partition by session_date) > 1 as is_opening
        from execution.equity as equity
        where equity.book = of_book

    ),

    closes as (

        select
            session_date,
            max(bar_at) as bar_at,
            last(equity order by bar_at) as equity
        from bars
        group by session_date, is_opening

    ),

    highs as (

        select
            *,
            max(equity) over (order by bar_at rows between unbounded preceding and current row) as high
        from closes

    ),

    spells as (

        select
            *,
            count(*) filter (where equity = high) over (
                order by bar_at rows between unbounded preceding and current row
            ) as spell
        from highs

    )

    select
        min(session_date) as high_on,
        arg_min(session_date, equity) as low_on,
        max(session_date) as last_below,
        min(equity) / any_value(high) - 1 as depth,
        count(*) - 1 as sessions_below,
        max(spell) < (select max(spell) from spells) as has_recovered
    from spells
    group by spell
    having count(*) > 1
    order by depth;

-- What led to an order, from the raw bar to the fill: one step a row, the facts as JSON.
create macro macros.trade_story(of_book, of_order) as table
    with

    the_order as (

        select * from execution.orders as orders
        where orders.book = of_book and orders.client_order_id = of_order

    ),

    the_bar as (

        select bars.*
        from marts.bars as bars
        semi join the_order on bars.symbol = the_order.symbol and bars.bar_at = the_order.bar_at

    ),

    the_target as (

        select targets.*
        from execution.targets as targets
        semi join the_order
            on
                targets.book = the_order.book
                and targets.bar_at = the_order.bar_at
                and targets.symbol = the_order.symbol

    ),

    the_signal as (

        select signals.*
        from marts.signals as signals
        semi join the_target
            on
                signals.strategy = the_target.strategy
                and signals.symbol = the_target.symbol
                and signals.bar_at = the_target.bar_at

    ),

    -- Where no SQL strategy made the score, the model that did.
    the_model as (

        select predictions.model_id, the_target.symbol, the_target.bar_at
        from the_target
        inner join ml.predictions as predictions
            on
                the_target.symbol = predictions.symbol
                and the_target.bar_at = predictions.bar_at
                and the_target.score = predictions.score
        where not exists (select 1 from the_signal)
        qualify row_number() over (order by predictions.model_id) = 1

    ),

    importances as (

        select
            importance.feature,
            avg(importance.importance) as importance
        from ml.feature_importance as importance
        semi join the_model on importance.model_id = the_model.model_id
        where importance.fold >= 0
        group by importance.feature

    ),

    values_then as (

        select
            feature,
            value
        from (
            select columns(* exclude (symbol, bar_at, session_date))::double
            from marts.features as features
            semi join the_order on features.symbol = the_order.symbol and features.bar_at = the_order.bar_at
        )
        unpivot include nulls (value for feature in (columns(*)))

    ),

    steps as (

        select
            1 as step,
            'raw.bars' as table_name,
            raw.bar_at,
            to_json({
                'symbol': raw.symbol, 'open': raw.open, 'high': raw.high, 'low': raw.low, 'close': raw.close,
                'volume': raw.volume, 'source': raw.source, 'known_at': raw.known_at, 'batch_id': raw.batch_id
            }) as facts
        from staging.stg_raw__bars as staged
        semi join the_bar on staged.symbol = the_bar.symbol and staged.bar_at = the_bar.bar_at
        inner join raw.bars as raw
            on
                staged.batch_id = raw.batch_id
                and staged.page = raw.page
                and staged.page_row = raw.page_row

        union all

        select
            2, 'marts.bars', bar_at,
            to_json({
                'symbol': symbol, 'close': close, 'adj_close': adj_close, 'split_factor': split_factor,
                'total_return_factor': total_return_factor, 'is_member': is_member
            })
        from the_bar

        union all

        select
            3, 'marts.features', the_order.bar_at,
            to_json({'feature': values_then.feature, 'value': values_then.value, 'importance': importances.importance})
        from the_order
        cross join values_then
        left join importances using (feature)
        qualify row_number() over (order by importances.importance desc nulls last, values_then.feature) <= 10

        union all

        select
            4, 'ml.predictions', predictions.bar_at,
            to_json({
                'model_id': predictions.model_id, 'fold': predictions.fold, 'probability': predictions.probability,
                'score': predictions.score, 'confidence': predictions.confidence
            })
        from ml.predictions as predictions
        semi join the_model
            on
                predictions.model_id = the_model.model_id
                and predictions.symbol = the_model.symbol
                and predictions.bar_at = the_model.bar_at

        union all

        select
            4, 'marts.signals', bar_at,
            to_json({'strategy': strategy, 'score': score, 'confidence': confidence})
        from the_signal

        union all

        select
            5, 'execution.targets', bar_at,
            to_json({
                'strategy': strategy, 'score': score, 'confidence': confidence, 'target_weight': target_weight,
                'reason': reason
            })
        from the_target

        union all

        select
            6, 'execution.risk_decisions', decisions.bar_at,
            to_json({
                'symbol': decisions.symbol, 'rule': decisions.rule, 'before': decisions.before,
                'after': decisions.after, 'reason': decisions.reason
            })
        from execution.risk_decisions as decisions
        semi join the_order
            on
                decisions.book = the_order.book
                and decisions.bar_at = the_order.bar_at
                and (decisions.symbol = the_order.symbol or decisions.symbol = '*')

        union all

        select
            7, 'execution.orders', bar_at,
            to_json({
                'side': side, 'quantity': quantity, 'order_type': order_type, 'status': status, 'reason': reason
            })
        from the_order

        union all

        select
            8, 'execution.fills', fills.bar_at,
            to_json({
                'quantity': fills.quantity, 'price': fills.price, 'commission': fills.commission,
                'slippage': fills.slippage
            })
        from execution.fills as fills
        semi join the_order on fills.book = the_order.book and fills.client_order_id = the_order.client_order_id

    )

    select
        step,
        table_name,
        bar_at,
        facts
    from steps
    order by step, bar_at, facts;
