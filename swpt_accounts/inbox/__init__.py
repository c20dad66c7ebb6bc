"""From RabbitMQ to the database: incoming messages, in batches."""
