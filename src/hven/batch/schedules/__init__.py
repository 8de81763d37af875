"""Schedules: jobs, campaigns and checks at times in cron form."""
