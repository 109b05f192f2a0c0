"""The whole road on one machine: a real Kafka broker, the worker and the server as watched children."""
