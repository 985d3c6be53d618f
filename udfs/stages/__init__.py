"""The stages of a decision: user, device, merchant. They know no engine; state and time are arguments."""
