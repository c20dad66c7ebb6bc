"""Mutation testing: does a test fail when the program is made a little wrong?"""
