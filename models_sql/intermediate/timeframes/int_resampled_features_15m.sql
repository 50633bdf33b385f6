{{ config(materialized='refreshed', reach_back=2, enabled=is_chosen_timeframe('15m')) }}

{{ resampled_features(ref('int_bars_resampled_15m')) }}
