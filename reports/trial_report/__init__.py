"""The trial report: one frozen content, told as HTML, PDF, JSON and XLSX, in Chinese or English."""
