"""Control of the running job from outside: what is in force, changes and their acknowledgement, history."""
