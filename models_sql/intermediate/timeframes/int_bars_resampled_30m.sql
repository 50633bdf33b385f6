{{ config(enabled='30m' in longer_timeframes()) }}

{{ resampled_bars('30m') }}
