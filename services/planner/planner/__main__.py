from common.service import main

from planner.app import SERVICE

main(SERVICE)
