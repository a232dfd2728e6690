"""The page for people, as files that are sent as they are (`http.page_routes`). No Python lives here."""
