"""aezoo.modules"""
