"""The validation suite: more than luck, and fit for a worse world? docs/validation.md says how it is judged."""
