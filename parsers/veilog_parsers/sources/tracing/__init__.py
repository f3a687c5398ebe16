"""Exports of products that trace applications of models: one module for each, most of it a table."""
