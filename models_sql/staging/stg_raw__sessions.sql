with

source as (

    select * from {{ source('raw', 'sessions') }}

),

renamed as (

    select
        session_date,
        open_at,
        close_at,
        is_half_day
    from source
    where calendar = {{ var_name('calendar') }}

)

select * from renamed
