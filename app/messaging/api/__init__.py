"""The JSON API of messages: receipts, accounts, notifications and wishes, files for providers."""
