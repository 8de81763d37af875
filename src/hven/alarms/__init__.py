"""What people are told when something needs them: messages, an outbox that loses none, and the ways to people."""
