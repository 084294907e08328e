"""`python -m writer`: run the service."""

from common.service import main

from writer.app import SERVICE

main(SERVICE)
