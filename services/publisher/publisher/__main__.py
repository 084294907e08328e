"""`python -m publisher`: run the service."""

from common.service import main

from publisher.app import SERVICE

main(SERVICE)
