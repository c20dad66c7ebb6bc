"""RabbitMQ: topology, the batch consumer, and the confirming publisher."""
