{{ config(materialized='refreshed', changes='session', enabled=trades_strategy('factor_composite')) }}

{%- set winsorise_at = parameter_number('factor_composite.winsorise_at', 0.1, 100) -%}
{%- set weights = {
    'momentum': parameter_number('factor_composite.momentum_weight', -100, 100),
    'low_volatility': parameter_number('factor_composite.low_volatility_weight', -100, 100),
    'reversal': parameter_number('factor_composite.reversal_weight', -100, 100),
    'liquidity': parameter_number('factor_composite.liquidity_weight', -100, 100),
} -%}
{%- set total = weights.values() | map('abs') | sum -%}
{%- if total == 0 -%}
    {{ refuse_var('strategy.signals.factor_composite.…_weight', "other than 0 for one factor at least", weights) }}
{%- endif -%}

with

-- Standardised over the members that have the factor on this bar, and cut. (least and greatest pass over NULL.)
standardised as (

    select
        symbol,
        bar_at,
        session_date,
        {%- for factor in weights %}
        {%- set zscore = operator('zscore_across', factor) %}
        case
            when {{ zscore }} is not null then greatest(-{{ winsorise_at }}, least({{ winsorise_at }}, {{ zscore }}))
        end as {{ factor }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from {{ operators_across(ref('int_factor_members')) }}

),

-- The weighted mean, as a fraction of the furthest that it can be.
final as (

    select
        'factor_composite' as strategy,
        symbol,
        bar_at,
        session_date,
        (
            {%- for factor, weight in weights.items() if weight %}
            {{ '+ ' if not loop.first }}{{ weight }} * {{ factor }}
            {%- endfor %}
        ) / {{ total * winsorise_at }} as score,
        abs(score) as confidence
    from standardised

)

select * from final
