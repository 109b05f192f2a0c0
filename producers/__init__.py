"""Into Kafka: what each platform pushes becomes events, each with exactly one outcome."""
