"""The names that conditions of rules and patterns may use beside features: fields of payments and account events."""
