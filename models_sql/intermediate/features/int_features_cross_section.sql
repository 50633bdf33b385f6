{{ config(
    materialized='refreshed',
    changes='session',
    enabled='cross_section' in var_value('features.sets')
) }}

{%- set beta_window = var_integer('features.beta_window', 2, 10000) | int -%}

with

inputs as (

    select * from {{ operators_across(ref('int_cross_section_members')) }}

),

final as (

    select
        symbol,
        bar_at,
        session_date,

        -- Against the other members on this bar
        {%- for column in cross_section_columns() %}
        {%- for form in var_choices('features.cross_section_forms', ['rank', 'zscore', 'winsorised']) %}
        {{ cross_section_form(column, form) }} as {{ column }}_{{ form }},
        {%- endfor %}
        {%- endfor %}
        {{ operator('percent_rank_across', members_only('return_20')) }} as return_rank_20,

        -- Against the benchmark
        beta_{{ beta_window }},
        correlation_{{ beta_window }},
        residual_momentum
    from inputs

)

select * from final
