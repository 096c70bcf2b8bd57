"""The app's server: HTTP for resources, one WebSocket for live work on a media; owns the live sessions."""
