{{ config(enabled='15m' in longer_timeframes()) }}

{{ resampled_bars('15m') }}
