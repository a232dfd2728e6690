"""A report as text, in the formats that people, editors and CI read; each a pure function from a report to text."""
