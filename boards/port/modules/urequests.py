"""requests by the name that it had before."""

from requests import Response, delete, get, head, patch, post, put, request  # noqa: F401
