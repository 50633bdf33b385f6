{{ config(materialized='refreshed', reach_back=8, enabled=is_chosen_timeframe('week')) }}

{{ resampled_features(ref('int_bars_resampled_week')) }}
