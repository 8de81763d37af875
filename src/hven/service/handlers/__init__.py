"""Endpoints, one module for each noun: parse, call, return."""
