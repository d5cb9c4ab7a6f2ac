"""The HTML evaluation report and its preview: data in, text out."""
