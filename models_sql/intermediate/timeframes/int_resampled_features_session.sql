{{ config(materialized='refreshed', reach_back=2, enabled=is_chosen_timeframe('session')) }}

{{ resampled_features(ref('int_bars_resampled_session')) }}
