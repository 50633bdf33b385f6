{{ config(enabled='month' in longer_timeframes()) }}

{{ resampled_bars('month') }}
