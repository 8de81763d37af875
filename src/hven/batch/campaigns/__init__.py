"""Campaigns: steps in order, each of groups of data, each group a job."""
