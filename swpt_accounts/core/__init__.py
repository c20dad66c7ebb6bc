"""Money and time: pure functions and values. Nothing here touches a database or a broker."""
