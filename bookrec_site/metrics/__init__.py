"""`/metrics` for Prometheus: what the processes of this host count, and what the site knows."""
