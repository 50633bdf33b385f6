{#
    Formulas of Alpha158, the feature set of Microsoft's qlib (qlib/contrib/data/loader.py, Alpha158DL), under its
    names in lower case. Where qlib adds 1e-12 to a denominator, so does this: what does not move gives 0, as there.
    transforms/alpha158.py has the same names, in this order.
#}

{% macro alpha158_windows() -%}
    {%- do return([5, 10, 20, 30, 60]) -%}
{%- endmacro %}

{# Name → formula of the 13 that describe one bar. Bars carry no VWAP: the typical price stands for it. #}
{% macro alpha158_of_bar() -%}
    {%- set range = '(adj_high - adj_low + 1e-12)' -%}
    {%- do return({
        'kmid': '(adj_close - adj_open) / adj_open',
        'klen': '(adj_high - adj_low) / adj_open',
        'kmid2': '(adj_close - adj_open) / ' ~ range,
        'kup': '(adj_high - greatest(adj_open, adj_close)) / adj_open',
        'kup2': '(adj_high - greatest(adj_open, adj_close)) / ' ~ range,
        'klow': '(least(adj_open, adj_close) - adj_low) / adj_open',
        'klow2': '(least(adj_open, adj_close) - adj_low) / ' ~ range,
        'ksft': '(2 * adj_close - adj_high - adj_low) / adj_open',
        'ksft2': '(2 * adj_close - adj_high - adj_low) / ' ~ range,
        'open0': 'adj_open / adj_close',
        'high0': 'adj_high / adj_close',
        'low0': 'adj_low / adj_close',
        'vwap0': '(adj_high + adj_low + adj_close) / 3 / adj_close',
    }) -%}
{%- endmacro %}

{# Name → formula of the 29 over the last n bars, or the last n changes from bar to bar. #}
{% macro alpha158_over(n) -%}
    {%- set highest = operator('rolling_max', 'adj_high', n) -%}
    {%- set lowest = operator('rolling_min', 'adj_low', n) -%}
    {%- set high_place = operator('place_of_max', 'adj_high', n) -%}
    {%- set low_place = operator('place_of_min', 'adj_low', n) -%}
    {%- set moved_volume = operator('weighted_move', 'adj_close', 'adj_volume') -%}
    {%- set volume_change = operator('log_of_ratio_plus_one', 'adj_volume') -%}
    {%- do return({
        'roc': over_close(operator('lagged', 'adj_close', n)),
        'ma': over_close(operator('rolling_mean', 'adj_close', n)),
        'std': over_close(operator('rolling_std', 'adj_close', n)),
        'beta': over_close(operator('rolling_slope', 'adj_close', n)),
        'rsqr': operator('rolling_rsquare', 'adj_close', n),
        'resi': over_close(operator('rolling_trend_residual', 'adj_close', n)),
        'max': over_close(highest),
        'min': over_close(lowest),
        'qtlu': over_close(operator('rolling_upper_quintile', 'adj_close', n)),
        'qtld': over_close(operator('rolling_lower_quintile', 'adj_close', n)),
        'rank': operator('rolling_rank', 'adj_close', n),
        'rsv': operator('place_between', 'adj_close', lowest, highest),
        'imax': high_place,
        'imin': low_place,
        'imxd': operator('difference', high_place, low_place),
        'corr': operator('rolling_correlation', 'adj_close', 'ln(adj_volume + 1)', n),
        'cord': operator('rolling_correlation', operator('growth', 'adj_close', 1), volume_change, n),
        'cntp': operator('rolling_rises', 'adj_close', n),
        'cntn': operator('rolling_falls', 'adj_close', n),
        'cntd': operator('rolling_net_rises', 'adj_close', n),
        'sump': operator('rolling_gain_share', 'adj_close', n),
        'sumn': operator('rolling_loss_share', 'adj_close', n),
        'sumd': operator('rolling_net_gain_share', 'adj_close', n),
        'vma': operator('quotient', operator('rolling_mean', 'adj_volume', n), 'adj_volume'),
        'vstd': operator('quotient', operator('rolling_std', 'adj_volume', n), 'adj_volume'),
        'wvma': operator('rolling_dispersion', moved_volume, n),
        'vsump': operator('rolling_gain_share', 'adj_volume', n),
        'vsumn': operator('rolling_loss_share', 'adj_volume', n),
        'vsumd': operator('rolling_net_gain_share', 'adj_volume', n),
    }) -%}
{%- endmacro %}

{% macro over_close(call) -%}
    {{ operator('quotient', call, 'adj_close') }}
{%- endmacro %}

{# Column → formula, in qlib's order; of the columns that features.alpha158_columns names, or of all if it is empty. #}
{% macro alpha158() -%}
    {%- set formulas = alpha158_of_bar() -%}
    {%- set over = {} -%}
    {%- for n in alpha158_windows() %}{% do over.update({n: alpha158_over(n)}) %}{% endfor -%}
    {%- for name in over[5] -%}
        {%- for n in alpha158_windows() %}{% do formulas.update({name ~ n: over[n][name]}) %}{% endfor -%}
    {%- endfor -%}
    {%- set asked = var_value('features.alpha158_columns') -%}
    {%- set chosen = var_choices('features.alpha158_columns', formulas | list) if asked else formulas | list -%}
    {%- for column in formulas | list if column not in chosen %}{% do formulas.pop(column) %}{% endfor -%}
    {%- do return(formulas) -%}
{%- endmacro %}
