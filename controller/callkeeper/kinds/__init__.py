"""What users write: one module per kind, the grammar of their values, and findings about them."""
