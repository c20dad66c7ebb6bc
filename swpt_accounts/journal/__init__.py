"""The journal: messages received and sent are noted, each in the transaction of its effect."""
