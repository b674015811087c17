"""The laws that parts obey: one file for each topic, `cases` to run them."""
