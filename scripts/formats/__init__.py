"""Measures how well chat formats are learnt, read and enforced."""
