"""Messages of the journal are sent again, to peers that have lost them."""
