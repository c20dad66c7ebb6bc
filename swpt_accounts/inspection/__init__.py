"""What operators ask: status, where a transfer is, messages to send again. All of it only reads."""
