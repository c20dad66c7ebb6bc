"""From the database to RabbitMQ: outgoing messages, in batches, with confirms."""
