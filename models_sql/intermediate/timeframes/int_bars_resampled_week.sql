{{ config(enabled='week' in longer_timeframes()) }}

{{ resampled_bars('week') }}
