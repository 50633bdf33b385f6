{{ config(enabled='1h' in longer_timeframes()) }}

{{ resampled_bars('1h') }}
