"""Tests: they mirror the modules of mmlab."""
