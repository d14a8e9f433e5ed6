"""The former name of ssl."""

from ssl import *  # noqa: F403
