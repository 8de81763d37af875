"""What is an alarm, and what people are told: rules, an outbox that loses none, the ways to people."""
