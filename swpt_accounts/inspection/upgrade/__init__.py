"""What an upgrade of an installation to this version would do: `upgrade check`."""
