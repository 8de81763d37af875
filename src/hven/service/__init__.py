"""The API and the dashboards as services of the hub."""
