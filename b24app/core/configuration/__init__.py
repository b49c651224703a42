"""What can be configured, and reading it from the environment, `.env` and files that hold a secret each."""
