from common.service import main

from billing.app import SERVICE

main(SERVICE)
