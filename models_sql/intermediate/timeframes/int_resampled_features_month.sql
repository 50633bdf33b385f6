{{ config(materialized='refreshed', reach_back=32, enabled=is_chosen_timeframe('month')) }}

{{ resampled_features(ref('int_bars_resampled_month')) }}
