"""What earlier versions stored, and how it becomes what the next one stores: a module a version."""
