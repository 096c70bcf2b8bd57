"""What people look at: the page, its charts and picture strips, tables in the terminal."""
