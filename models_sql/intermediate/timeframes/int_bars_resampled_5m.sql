{{ config(enabled='5m' in longer_timeframes()) }}

{{ resampled_bars('5m') }}
