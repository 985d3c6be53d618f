"""Control: rules, patterns and thresholds that change while the job runs, and the log of their changes."""
