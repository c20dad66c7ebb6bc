"""Descriptions for programs: of the protocol (AsyncAPI), and of the fetch API (OpenAPI).

They are made from the message types, and from the tables and examples in the documents. Only
developers need this package: `python -m scripts.specifications` writes the files.
"""

from scripts.specification.asyncapi import asyncapi_document
from scripts.specification.openapi import openapi_document

__all__ = ["asyncapi_document", "openapi_document"]
