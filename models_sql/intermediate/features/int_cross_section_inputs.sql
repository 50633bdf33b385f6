{{ config(materialized='refreshed', enabled='cross_section' in var_value('features.sets')) }}

{%- set columns = cross_section_columns() -%}
{%- set beta_window = var_integer('features.beta_window', 2, 10000) | int -%}
{%- set growth = operator('log_growth', 'adj_close', 1) -%}
{%- set benchmark_growth = operator('log_growth', 'benchmark_close', 1) -%}

with

bars as (

    select * from {{ operators_over(ref('int_feature_bars')) }}

),

final as (

    select
        symbol,
        bar_at,
        session_date,
        {%- for column in (columns + ['return_20', 'residual_momentum']) | unique %}
        {{ cross_section_value(column) }} as {{ column }},
        {%- endfor %}
        {{ operator('rolling_beta', growth, benchmark_growth, beta_window) }} as beta_{{ beta_window }},
        {{ operator('rolling_correlation', growth, benchmark_growth, beta_window) }} as correlation_{{ beta_window }}
    from bars

)

select * from final
