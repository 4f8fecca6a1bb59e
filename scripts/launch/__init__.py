"""What start.sh asks of Python."""
