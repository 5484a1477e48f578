"""Text of strangers in reports: what every writer of reports has to mind, whoever reads them."""
