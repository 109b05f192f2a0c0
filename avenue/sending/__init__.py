"""A partner's client: a file of events to `POST /v1/events`, and what was not accepted back."""
