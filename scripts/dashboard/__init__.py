"""The dashboard for Grafana, made from the description of the metrics."""
