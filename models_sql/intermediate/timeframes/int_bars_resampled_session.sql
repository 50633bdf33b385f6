{{ config(enabled='session' in longer_timeframes()) }}

{{ resampled_bars('session') }}
