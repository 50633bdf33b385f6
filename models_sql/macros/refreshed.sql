{#
    The materialisation of every table with one row per symbol and bar. A full build makes the table anew; after an
    ingest that only added or restated bars, the rows that can differ are replaced (transforms/operators/refresh.py).
    The model's SQL is the whole SELECT in either case. Options:

    changes           'symbol'   a row depends on its symbol's bars up to its own (the default)
                      'session'  on all symbols' bars up to its own, as ranks do; operators across symbols only
                      'all'      on anything: made anew each time
    reach_back        days before the first changed bar from which rows may differ
    may_look_ahead    allows operators that depend on later bars: labels
#}
{% materialization refreshed, adapter='duckdb', supported_languages=['sql'] %}

    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if existing is not none and not existing.is_table -%}
        {% do adapter.drop_relation(existing) %}
    {%- endif -%}
    {% call statement('main', language='python') -%}
from transforms.operators.refresh import refresh


class dbtObj:
    def __init__(self, load):
        pass


def model(dbt, connection):
    refresh(
        connection,
        sql={{ compiled_code | tojson }},
        target={{ (this.schema ~ '.' ~ this.identifier) | tojson }},
        full={{ 'True' if should_full_refresh() else 'False' }},
        changes={{ config.get('changes', 'symbol') | tojson }},
        reach_back={{ config.get('reach_back', 0) | int }},
        may_look_ahead={{ 'True' if config.get('may_look_ahead', false) else 'False' }},
    )


def materialize(frame, connection):
    pass
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}

{% endmaterialization %}
